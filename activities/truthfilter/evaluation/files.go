package evaluation

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Columns that files of others use, in lower case.
var (
	textColumns  = []string{"text", "prompt", "behavior", "goal", "answer"}
	labelColumns = []string{"label"}
	typeColumns  = []string{"type", "functionalcategory"}
)

// ReadSafety reads a CSV file with a header: a column text (or prompt, Behavior, goal),
// perhaps label (safe or unsafe; without it everything is unsafe) and type. XSTest's and
// HarmBench's own files are such. Errors name the line and quote nothing of it.
func ReadSafety(r io.Reader) ([][]string, error) {
	table, err := readTable(r)
	if err != nil {
		return nil, err
	}
	text, label, kind := table.column(textColumns), table.column(labelColumns), table.column(typeColumns)
	if text < 0 {
		return nil, errors.New("line 1: no column text, prompt, Behavior or goal")
	}
	rows := make([][]string, len(table.rows))
	for i, row := range table.rows {
		rows[i] = []string{row[text], "unsafe", "", ""}
		if label >= 0 {
			rows[i][1] = strings.ToLower(row[label])
		}
		if kind >= 0 {
			rows[i][3] = row[kind]
		}
	}
	return rows, nil
}

// ReadTruth reads a CSV file with a header: columns text (or answer) and label (true or
// false), or TruthfulQA's own "Correct Answers" and "Incorrect Answers", separated by
// semicolons.
func ReadTruth(r io.Reader) ([][]string, error) {
	table, err := readTable(r)
	if err != nil {
		return nil, err
	}
	if correct, incorrect := table.column([]string{"correct answers"}), table.column([]string{"incorrect answers"}); correct >= 0 && incorrect >= 0 {
		var rows [][]string
		for _, row := range table.rows {
			rows = append(append(rows, answers(row[incorrect], "false")...), answers(row[correct], "true")...)
		}
		return rows, nil
	}
	text, label := table.column(textColumns), table.column(labelColumns)
	if text < 0 || label < 0 {
		return nil, errors.New(`line 1: no columns text and label, nor "Correct Answers" and "Incorrect Answers"`)
	}
	rows := make([][]string, len(table.rows))
	for i, row := range table.rows {
		rows[i] = []string{row[text], strings.ToLower(row[label])}
	}
	return rows, nil
}

func answers(column, label string) [][]string {
	var rows [][]string
	for answer := range strings.SplitSeq(column, ";") {
		if answer = strings.TrimSpace(answer); answer != "" {
			rows = append(rows, []string{answer, label})
		}
	}
	return rows
}

type table struct {
	header []string
	rows   [][]string
}

func readTable(r io.Reader) (table, error) {
	all, err := csv.NewReader(r).ReadAll()
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return table{}, fmt.Errorf("line %d: %w", parse.Line, parse.Err)
	}
	if err != nil {
		return table{}, err
	}
	if len(all) < 2 {
		return table{}, errors.New("a header and at least one row are needed")
	}
	all[0][0] = strings.TrimPrefix(all[0][0], "\ufeff")
	for i, name := range all[0] {
		all[0][i] = strings.ToLower(strings.TrimSpace(name))
	}
	return table{all[0], all[1:]}, nil
}

// column is the place of the first of the names that the header has, or -1.
func (t table) column(names []string) int {
	for _, name := range names {
		if i := slices.Index(t.header, name); i >= 0 {
			return i
		}
	}
	return -1
}
