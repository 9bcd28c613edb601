// Package statements holds invented texts by which TruthFilter learns and is measured:
// safe and unsafe ones, ways to state and to deny misconceptions, and pairs of sentences.
// README.md says who wrote them and what each half is for.
package statements

import (
	"embed"
	"fmt"

	"meai/activities/mirror/statements"
)

//go:embed training development heldout
var files embed.FS

// Read returns the rows of a file of a half, such as "safety", as [statements.Read] does.
func Read(half statements.Half, name string) ([][]string, error) {
	file, err := files.Open(string(half) + "/" + name + ".tsv")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := statements.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s/%s.tsv: %w", half, name, err)
	}
	return rows, nil
}
