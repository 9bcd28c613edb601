package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// check compares the answers with the tables and with the repository, and says what is wrong: rows that lack
// or that no table has, states without what belongs to them, and paths, targets and tests that are not there.
func check(repository fs.FS, tables []table, all answers) []string {
	c := checker{repository: repository, tests: map[string]map[string]bool{}}
	c.inventory(tables, all)
	for _, t := range tables {
		for _, row := range t.rows {
			if a, found := all[t.id][row]; found {
				c.answer(t.id+"/"+row, a)
			}
		}
	}
	return c.problems
}

type checker struct {
	repository fs.FS
	tests      map[string]map[string]bool // the test functions of a package
	targets    map[string]bool            // of the Makefile; nil until it is read
	problems   []string
}

func (c *checker) problem(place, format string, args ...any) {
	c.problems = append(c.problems, place+": "+fmt.Sprintf(format, args...))
}

// inventory looks for rows that lack, and for those that no table has.
func (c *checker) inventory(tables []table, all answers) {
	known := map[string]bool{}
	for _, t := range tables {
		known[t.id] = true
		for _, row := range t.rows {
			if _, found := all[t.id][row]; !found {
				c.problem(t.id+"/"+row, "the row is missing")
			}
		}
		for _, row := range slices.Sorted(maps.Keys(all[t.id])) {
			if !slices.Contains(t.rows, row) {
				c.problem(t.id+"/"+row, "no row of the requirements: tables.go lists them")
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if !known[id] {
			c.problem(id, "no table of the requirements: tables.go lists them")
		}
	}
}

func (c *checker) answer(place string, a answer) {
	if a.Asks == "" {
		c.problem(place, "what is asked for is not said")
	}
	if !slices.Contains(states, a.State) {
		c.problem(place, "%q is no state", a.State)
	}
	built := a.State == met || a.State == partly
	if built && len(a.Where) == 0 {
		c.problem(place, "a row that is %s says where", a.State)
	}
	if built && len(a.Check) == 0 {
		c.problem(place, "a row that is %s names a check", a.State)
	}
	if a.State != met && a.Note == "" {
		c.problem(place, "a row that is %s says in its note what lacks and why", a.State)
	}
	for _, name := range a.Where {
		if _, err := fs.Stat(c.repository, name); err != nil {
			c.problem(place, "%s is not there", name)
		}
	}
	for _, command := range a.Check {
		c.command(place, command)
	}
}

// command checks one check: a target of make, or a test with its package.
func (c *checker) command(place, command string) {
	words := strings.Fields(command)
	switch {
	case len(words) == 2 && words[0] == "make":
		if !c.hasTarget(words[1]) {
			c.problem(place, "the Makefile has no target %s", words[1])
		}
	case len(words) == 3 && words[0] == "test":
		if !c.hasTest(words[1], words[2]) {
			c.problem(place, "%s has no test %s", words[1], words[2])
		}
	default:
		c.problem(place, "%q is neither \"make TARGET\" nor \"test PACKAGE TestName\"", command)
	}
}

// targetLine is a line that names targets: a colon that assigns nothing follows them.
var targetLine = regexp.MustCompile(`(?m)^([a-z0-9][a-z0-9 -]*):(?:[^=]|$)`)

func (c *checker) hasTarget(name string) bool {
	if c.targets == nil {
		c.targets = map[string]bool{}
		content, err := fs.ReadFile(c.repository, "Makefile")
		if err != nil {
			c.problem("Makefile", "%v", err)
		}
		for _, line := range targetLine.FindAllStringSubmatch(string(content), -1) {
			for target := range strings.FieldsSeq(line[1]) {
				c.targets[target] = true
			}
		}
	}
	return c.targets[name]
}

func (c *checker) hasTest(folder, name string) bool {
	known, found := c.tests[folder]
	if !found {
		known = c.readTests(folder)
		c.tests[folder] = known
	}
	return known[name]
}

// readTests lists what go test and go test -fuzz can run in a folder.
func (c *checker) readTests(folder string) map[string]bool {
	known := map[string]bool{}
	files, err := fs.Glob(c.repository, path.Join(folder, "*_test.go"))
	if err != nil {
		c.problem(folder, "%v", err)
	}
	for _, name := range files {
		content, err := fs.ReadFile(c.repository, name)
		if err != nil {
			c.problem(name, "%v", err)
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
		if err != nil {
			c.problem(name, "%v", err)
			continue
		}
		for _, d := range file.Decls {
			f, isFunction := d.(*ast.FuncDecl)
			if isFunction && f.Recv == nil && isTest(f.Name.Name) {
				known[f.Name.Name] = true
			}
		}
	}
	return known
}

// isTest leaves out TestMain, which tests nothing.
func isTest(name string) bool {
	return name != "TestMain" && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz"))
}
