// Package statements holds invented statements with what a careful reader finds in
// them; README.md says who wrote them and what each half is for.
package statements

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

//go:embed training development heldout
var files embed.FS

// Half is who wrote a file and what it may be used for.
type Half string

// The halves.
const (
	Training    Half = "training"
	Development Half = "development"
	HeldOut     Half = "heldout"
)

// Read returns the rows of a file of a half, such as "emotions". Each has as many
// columns as the file's first line names.
func Read(half Half, name string) ([][]string, error) {
	file, err := files.Open(string(half) + "/" + name + ".tsv")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := Parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s/%s.tsv: %w", half, name, err)
	}
	return rows, nil
}

// Parse reads tab-separated rows. A first line that begins with "#" names the columns.
// Errors name the line and quote nothing of it.
func Parse(r io.Reader) ([][]string, error) {
	var rows [][]string
	columns := 0
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		row := strings.Split(strings.TrimSuffix(lines.Text(), "\r"), "\t")
		if n == 1 && strings.HasPrefix(row[0], "#") {
			columns = len(row)
			continue
		}
		if columns == 0 {
			columns = len(row)
		}
		if len(row) != columns || row[0] == "" {
			return nil, fmt.Errorf("line %d has %d columns, or no text; %d are expected", n, len(row), columns)
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

// Key orders texts by nothing that they say.
func Key(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Shuffled puts texts into an order that has nothing to do with what they say, the same
// each time: authors wrote label by label.
func Shuffled[T any](all []T, text func(T) string) []T {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int { return strings.Compare(Key(text(a)), Key(text(b))) })
	return all
}
