// Command archcheck reports imports that point against the direction of the
// house: cmd → api, workers → workflows → activities → internal. Run it in the
// root of the repository; it exits 1 when it reports anything.
package main

import (
	"fmt"
	"os"
)

func main() {
	violations, err := check(os.DirFS("."), house)
	if err != nil {
		fmt.Fprintf(os.Stderr, "archcheck: %v\n", err)
		os.Exit(1)
	}
	for _, v := range violations {
		fmt.Println(v)
	}
	if len(violations) > 0 {
		fmt.Println("The allowed directions are the table in scripts/archcheck/house.go.")
		os.Exit(1)
	}
}
