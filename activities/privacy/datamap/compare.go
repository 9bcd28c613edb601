package datamap

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Found is what there really is of a kind: the columns of each store.
type Found map[string][]string

// Compare holds what there is of a kind against the map. The error says of each
// difference what has to be written into datamap.yaml, ready to be pasted.
func (m Map) Compare(kind Kind, found Found) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(found)) {
		s, known := m.Store(name)
		switch {
		case !known:
			problems = append(problems, fmt.Errorf("there is a %s %s that the data map does not know. Write into datamap.yaml:\n%s", kind, name, draft(kind, name, found[name])))
		case s.Kind != kind:
			problems = append(problems, fmt.Errorf("the data map takes %s for a %s; it is a %s", name, s.Kind, kind))
		default:
			problems = append(problems, s.compare(found[name])...)
		}
	}
	for _, s := range m.Of(kind) {
		if _, is := found[s.Name]; !is {
			problems = append(problems, fmt.Errorf("the data map knows a %s %s, and there is none: take it out of datamap.yaml", kind, s.Name))
		}
	}
	return errors.Join(problems...)
}

func (s Store) compare(columns []string) []error {
	var problems []error
	for _, name := range slices.Sorted(slices.Values(columns)) {
		if _, known := s.Columns[name]; !known {
			problems = append(problems, fmt.Errorf("%s %s has %s, which the data map does not know. Write into datamap.yaml, below columns of \"- name: %s\":\n      %s",
				s.Kind, s.Name, name, s.Name, draftColumn(name)))
		}
	}
	for _, name := range s.Names() {
		if !slices.Contains(columns, name) {
			problems = append(problems, fmt.Errorf("%s %s has no %s, which the data map knows: take it out of datamap.yaml", s.Kind, s.Name, name))
		}
	}
	return problems
}

// CompareSettings holds the configuration keys that hold an address or a secret against
// the map: each leads to a store, or says why to none. known are all keys there are.
func (m Map) CompareSettings(leading, known []string) error {
	mapped := map[string]bool{}
	for _, s := range m.Stores {
		for _, key := range s.Settings {
			mapped[key] = true
		}
	}
	for key := range m.Settings {
		mapped[key] = true
	}
	var problems []error
	for _, key := range leading {
		if !mapped[key] {
			problems = append(problems, fmt.Errorf("the data map does not know where the setting %s leads. In datamap.yaml, name it in the settings of its store, or at the end:\n"+
				"settings:\n  %s: why it leads to nothing that holds data of people", key, key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(mapped)) {
		if !slices.Contains(known, key) {
			problems = append(problems, fmt.Errorf("the data map knows a setting %s, and there is none: take it out of datamap.yaml", key))
		}
	}
	return errors.Join(problems...)
}

// draft is what has to be said of a store, for its author to say.
func draft(kind Kind, name string, columns []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n    kind: %s\n    purpose: …, what it is for, in a sentence\n", name, kind)
	person := slices.IndexFunc(columns, func(c string) bool { return c == "subject_id" || c == "person_id" })
	if person < 0 {
		b.WriteString("    nobody: …, why it holds nothing of anybody's; or else category to columns as other stores have them\n")
	} else {
		fmt.Fprintf(&b, "    category: …\n    basis: …\n    retention: …\n    person: %s\n    since: …, the column that its age counts from\n"+
			"    erase: delete\n    export: true (or not_exported: …, why not)\n", columns[person])
	}
	b.WriteString("    columns:\n")
	for _, column := range columns {
		fmt.Fprintf(&b, "      %s\n", draftColumn(column))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// draftColumn guesses by the name.
func draftColumn(name string) string {
	switch {
	case strings.HasSuffix(name, "_sealed"):
		return name + ": sealed, …"
	case strings.HasSuffix(name, "_hmac"), name == "alias":
		return name + ": blinded, …"
	case name == "subject_id", name == "person_id":
		return name + ": id, whose it is"
	case name == "id", strings.HasSuffix(name, "_id"):
		return name + ": id"
	case name == "at", strings.HasSuffix(name, "_at"):
		return name + ": time"
	case slices.Contains([]string{"kind", "state", "reason", "origin", "step"}, name):
		return name + ": code"
	}
	return name + ": …, one of " + oneOf(classes)
}
