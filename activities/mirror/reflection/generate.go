package reflection

//go:generate go test -vet=off -count=1 -run ^TestTwoHundredReflections$ . -update
