package crisis

import (
	_ "embed"
	"strings"
)

// suspects are the keys of rules that alone were right too seldom, beside how often they
// were wrong, on the training statements that were written after the rules.
// They count in a text that says little else, and call for a gentle question in a longer
// one; there the model knows better which it is. What is said outright is never suspect.
//
//go:generate go test -run TestSuspectsAreThoseOfTheStatements -update
var suspects = func() map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(suspectList) {
		if !strings.HasPrefix(line, "#") {
			all[strings.TrimSuffix(line, "\n")] = true
		}
	}
	return all
}()

//go:embed suspects.txt
var suspectList string
