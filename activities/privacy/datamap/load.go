package datamap

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed datamap.yaml
var builtIn []byte

// Load reads the inventory that is built into the program. It fails when the inventory
// contradicts itself, with everything that has to be mended.
func Load() (Map, error) { return Parse(builtIn) }

// Parse reads an inventory from YAML and checks that it is complete in itself.
func Parse(text []byte) (Map, error) {
	var m Map
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		return Map{}, fmt.Errorf("read the data map: %w", err)
	}
	if err := errors.Join(m.problems()...); err != nil {
		return Map{}, fmt.Errorf("the data map is not sound:\n%w", err)
	}
	return m, nil
}

func (m Map) problems() []error {
	var all []error
	all = append(all, named("category", m.Categories, func(c Category) (string, bool) { return c.Name, c.Holds != "" && c.SeenBy != "" })...)
	all = append(all, named("basis", m.Bases, func(b Basis) (string, bool) { return b.Name, b.Article != "" && b.Means != "" })...)
	all = append(all, named("retention", m.Retentions, func(r Retention) (string, bool) { return r.Name, r.Means != "" && r.Days >= 0 })...)
	all = append(all, named("store", m.Stores, func(s Store) (string, bool) { return s.Name, s.Purpose != "" })...)
	for _, s := range m.Stores {
		for _, problem := range m.problemsOf(s) {
			all = append(all, fmt.Errorf("store %s: %s", s.Name, problem))
		}
	}
	led := map[string]string{}
	for _, s := range m.Stores {
		for _, key := range s.Settings {
			led[key] = s.Name
		}
	}
	for key, why := range m.Settings {
		if why == "" {
			all = append(all, fmt.Errorf("setting %s: it says nothing of why it leads to no store", key))
		}
		if store, both := led[key]; both {
			all = append(all, fmt.Errorf("setting %s: it leads to store %s, so it is not among the settings that lead to none", key, store))
		}
	}
	return all
}

// named finds what has no name, one that is taken, or says too little.
func named[T any](what string, all []T, look func(T) (name string, complete bool)) []error {
	var problems []error
	seen := map[string]bool{}
	for i, one := range all {
		name, complete := look(one)
		switch {
		case name == "":
			problems = append(problems, fmt.Errorf("%s %d has no name", what, i+1))
		case seen[name]:
			problems = append(problems, fmt.Errorf("%s %s is there twice", what, name))
		case !complete:
			problems = append(problems, fmt.Errorf("%s %s does not say everything it has to", what, name))
		}
		seen[name] = true
	}
	return problems
}

// problemsOf looks at one store.
func (m Map) problemsOf(s Store) []string {
	var all []string
	complain := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	complain(!slices.Contains(kinds, s.Kind), "there is no kind %q: %s", s.Kind, oneOf(kinds))
	complain(s.Kind == Table && len(s.Columns) == 0, "a table has columns")
	_, sharded := s.Columns["subject_id"]
	complain(sharded && (s.Person != "subject_id" || s.Erase != Delete), "a table with a subject_id is a person's: person is subject_id, and it is erased by delete")
	_, retention := m.Retention(s.Retention)
	complain(!retention && (s.Personal() || s.Retention != ""), "there is no retention %q", s.Retention)
	_, since := s.Columns[s.Since]
	complain(s.Since != "" && !since, "since names no column: %s", s.Since)
	if s.Personal() {
		all = append(all, m.promises(s)...)
	} else {
		complain(s.Category != "" || s.Basis != "" || s.Erase != "" || s.Erased != "" || s.Export || s.NotExported != "" || s.Person != "",
			"it holds nothing of anybody's (nobody), so category, basis, person, erase and export are left out")
		complain(len(s.Of(Sealed)) > 0, "it holds nothing of anybody's (nobody), but has a sealed column")
	}
	for name, c := range s.Columns {
		complain(!slices.Contains(classes, c.Class), "column %s: there is no class %q: %s", name, c.Class, oneOf(classes))
		_, known := m.Category(c.Category)
		complain(c.Category != "" && !known, "column %s: there is no category %q", name, c.Category)
		complain(c.Holds == "" && slices.Contains(telling, c.Class), "column %s: it is %s, so it says what it holds: \"%[2]s, what it holds\"", name, c.Class)
		complain(s.Kind == Table && strings.HasSuffix(name, "_sealed") != (c.Class == Sealed), "column %s: sealed columns are those named *_sealed", name)
		complain(s.Kind == Table && strings.HasSuffix(name, "_hmac") && c.Class != Blinded, "column %s: columns named *_hmac are blinded", name)
	}
	slices.Sort(all)
	return all
}

// telling are the classes whose columns say what they hold; the others' names do.
var telling = []Class{Sealed, Blinded, Vector, Public, Network}

// promises looks at what is said of a store of people's data.
func (m Map) promises(s Store) []string {
	var all []string
	complain := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	_, category := m.Category(s.Category)
	_, basis := m.Basis(s.Basis)
	complain(!category, "there is no category %q", s.Category)
	complain(!basis, "there is no basis %q", s.Basis)
	complain((s.Basis == "consent") != (len(s.Consent) > 0), "purposes to consent to (consent) are named exactly where the basis is consent")
	complain(!slices.Contains(erasures, s.Erase), "erase is %q and must be %s", s.Erase, oneOf(erasures))
	complain(s.Erase != Delete && s.Erased == "", "erase is %s, so erased says how, by when, and what remains", s.Erase)
	complain(s.Export == (s.NotExported != ""), "either export: true, or not_exported with the reason")
	if s.Kind == Table {
		_, person := s.Columns[s.Person]
		complain(s.Person != "" && !person, "person names no column: %s", s.Person)
		complain(s.Person == "" && (s.Erase == Delete || s.Export), "a table that is erased or exported names the column that holds the person's id (person)")
	}
	return all
}

func oneOf[T ~string](all []T) string {
	var names []string
	for _, one := range all {
		names = append(names, string(one))
	}
	return strings.Join(names, ", ")
}
