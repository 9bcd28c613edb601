// Command requirements prints docs/requirements.md: every row of the requirements with where it
// is met, how that is checked, and what is open. It is made of docs/requirements.yaml. Run it in
// the root of the repository; it exits 1 when that file lacks a row or names what is not there.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "requirements: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	repository := os.DirFS(".")
	answers, err := load(repository)
	if err != nil {
		return err
	}
	problems := check(repository, tables, answers)
	if len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintln(os.Stderr, p)
		}
		return fmt.Errorf("%s: %d problems", source, len(problems))
	}
	_, err = os.Stdout.WriteString(page(tables, answers))
	return err
}
