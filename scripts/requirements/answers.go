package main

import (
	"bytes"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v3"
)

// source is the file that says of each row where it is met.
const source = "docs/requirements.yaml"

// state is how far a row is met.
type state string

// The states of a row.
const (
	met    state = "met"    // built, and checked by what the row names
	partly state = "partly" // a part of it, as the note says
	open   state = "open"   // not built yet
	out    state = "out"    // not built on purpose, for the reason in the note
)

// states in the order in which they are counted.
var states = []state{met, partly, open, out}

// answer says of one row of the requirements how it is met.
type answer struct {
	// Asks is the requirement in short, with its figures.
	Asks  string `yaml:"asks"`
	State state  `yaml:"state"`
	// Where are files and folders of the repository.
	Where []string `yaml:"where"`
	// Check are commands: "make TARGET", or "test PACKAGE TestName".
	Check []string `yaml:"check"`
	// Uncheckable is what no command on one machine can show, and why.
	Uncheckable string `yaml:"uncheckable"`
	// Note is what lacks, why it is left out, or what else a reader should know.
	Note string `yaml:"note"`
}

// answers are those of all tables, by table and row.
type answers map[string]map[string]answer

// load reads the source. That a table or row occurs twice, or has a field that is none, is an error.
func load(repository fs.FS) (answers, error) {
	content, err := fs.ReadFile(repository, source)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	all := answers{}
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return all, nil
}
