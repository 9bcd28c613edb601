// Package datamap is the one inventory of everything that can hold personal data: every
// table and column, collection and property, bucket, history, log key and metric label,
// with what it is for, on which legal basis, for how long, and how it is erased and
// exported. Export, erasure, retention and the residual scan are driven by it.
//
// The inventory is datamap.yaml, built into the program. A test compares it with the
// real schema and engines: what is missing, or is there no more, fails it by name.
package datamap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kind is what kind of place a store is.
type Kind string

// The kinds of stores. What their columns are is said with each.
const (
	Table      Kind = "table"      // of PostgreSQL, partitions folded into it; its columns
	Collection Kind = "collection" // of Weaviate; its properties and named vectors
	Histories  Kind = "histories"  // of Temporal's workflows; the parts of an execution
	Visibility Kind = "visibility" // what Temporal lists executions by; its search attributes
	Schedules  Kind = "schedules"  // of Temporal; one column for each
	Bucket     Kind = "bucket"     // of an object store or folder; the beginnings of names
	Keyring    Kind = "keyring"    // the bucket of people's keys and what wraps them
	Ledger     Kind = "ledger"     // the write-once stores of what a restore must not undo
	Files      Kind = "files"      // of an engine or folder, below what it shows
	Cache      Kind = "cache"      // in a process's memory, or in Redis
	Logs       Kind = "logs"       // a column for each key that is logged
	Metrics    Kind = "metrics"    // a column for each label
	Traces     Kind = "traces"     // a column for each attribute of spans
	Service    Kind = "service"    // somebody else's, to whom something is sent
)

var kinds = []Kind{
	Table, Collection, Histories, Visibility, Schedules, Bucket, Keyring, Ledger, Files, Cache, Logs, Metrics, Traces, Service,
}

// Erase is what an erasure does with what a store holds of a person.
type Erase string

// The ways of erasing.
const (
	Delete Erase = "delete" // it is deleted, and counted until there is none
	Scrub  Erase = "scrub"  // the row stays; what names the person in it is emptied
	Keys   Erase = "keys"   // it is unreadable once the person's keys are destroyed
	Expire Erase = "expire" // it goes by itself, within a time that Erased tells
	Keep   Erase = "keep"   // it stays, and names nobody but by alias; Erased says why
)

var erasures = []Erase{Delete, Scrub, Keys, Expire, Keep}

// Class is what form a value has.
type Class string

// The classes of columns.
const (
	Sealed  Class = "sealed"  // ciphertext under the person's key, or the system's
	Blinded Class = "blinded" // an HMAC, or a hash of what is sealed
	ID      Class = "id"      // an opaque id
	Time    Class = "time"
	Count   Class = "count" // a number, or several
	Code    Class = "code"  // one of the words of a vocabulary, or a name of our own parts
	Flag    Class = "flag"
	Vector  Class = "vector" // an embedding, as it is
	Public  Class = "public" // what is published anyway, as the address of a web page
	// Network is the address of a machine or program, as its owner's provider may know them.
	Network Class = "network"
)

var classes = []Class{Sealed, Blinded, ID, Time, Count, Code, Flag, Vector, Public, Network}

// Category is a kind of data, as people understand it.
type Category struct {
	Name string `yaml:"name" json:"name"`
	// Holds says what it is, in a sentence.
	Holds string `yaml:"holds" json:"holds"`
	// Special: it can tell of health, or of anything else that Art. 9 GDPR names.
	Special bool `yaml:"special" json:"special,omitempty"`
	// SeenBy says who can see it, and how.
	SeenBy string `yaml:"seen_by" json:"seen_by"`
}

// Basis is what makes it lawful to process something.
type Basis struct {
	Name    string `yaml:"name" json:"name"`
	Article string `yaml:"article" json:"article"`
	Means   string `yaml:"means" json:"means"`
}

// Retention is how long something is kept when nobody asks for its erasure.
type Retention struct {
	Name string `yaml:"name" json:"name"`
	// Days is the longest that it is kept; 0 where no age ends it.
	Days int `yaml:"days" json:"days"`
	// Means says from when it counts, and what ends what has no age.
	Means string `yaml:"means" json:"means"`
}

// Column is one part of a store. In the file it is "class, what it holds", and "class
// category, what it holds" where its category is another than the store's.
type Column struct {
	Class    Class  `json:"class"`
	Category string `json:"category,omitempty"`
	Holds    string `json:"holds,omitempty"`
}

// UnmarshalYAML reads the form in the file.
func (c *Column) UnmarshalYAML(node *yaml.Node) error {
	var text string
	if err := node.Decode(&text); err != nil {
		return fmt.Errorf("line %d: a column is \"class, what it holds\"", node.Line)
	}
	head, holds, _ := strings.Cut(text, ",")
	words := strings.Fields(head)
	if len(words) == 0 || len(words) > 2 {
		return fmt.Errorf("line %d: a column is \"class, what it holds\" or \"class category, what it holds\"", node.Line)
	}
	c.Class, c.Holds = Class(words[0]), strings.TrimSpace(holds)
	if len(words) == 2 {
		c.Category = words[1]
	}
	return nil
}

// Store is one place that data is kept in.
type Store struct {
	// Name is the table's or collection's own, and one of ours for everything else.
	Name string `yaml:"name" json:"name"`
	Kind Kind   `yaml:"kind" json:"kind"`
	// Nobody says why it holds nothing of anybody's; "" for a store that does. Category,
	// Basis, Person and what is said of erasure and export are empty then.
	Nobody  string `yaml:"nobody" json:"nobody,omitempty"`
	Purpose string `yaml:"purpose" json:"purpose"`
	// Category, Basis and Retention are names of [Map]'s.
	Category  string `yaml:"category" json:"category,omitempty"`
	Basis     string `yaml:"basis" json:"basis,omitempty"`
	Retention string `yaml:"retention" json:"retention,omitempty"`
	// Consent names the purposes that a person consents to, where that is the basis.
	Consent []string `yaml:"consent" json:"consent,omitempty"`
	// Person is the column that holds the person's id: subject_id in per-person tables.
	// For other kinds it is a sentence. "" where the store knows no person's id.
	Person string `yaml:"person" json:"person,omitempty"`
	// Since is the column whose time the retention of a table's row counts from.
	Since string `yaml:"since" json:"since,omitempty"`
	// Settings are the configuration keys that say where it is.
	Settings []string `yaml:"settings" json:"settings,omitempty"`

	Erase Erase `yaml:"erase" json:"erase,omitempty"`
	// Erased says how, by when, and what remains; required unless it is deleted.
	Erased string `yaml:"erased" json:"erased,omitempty"`
	// Export: what it holds of a person is in their export. Otherwise NotExported says why.
	Export      bool   `yaml:"export" json:"export"`
	NotExported string `yaml:"not_exported" json:"not_exported,omitempty"`

	Columns map[string]Column `yaml:"columns" json:"columns,omitempty"`
}

// Personal reports whether the store holds anything of anybody's.
func (s Store) Personal() bool { return s.Nobody == "" }

// Names lists the columns, sorted.
func (s Store) Names() []string { return slices.Sorted(maps.Keys(s.Columns)) }

// Of lists the columns of a class, sorted.
func (s Store) Of(class Class) []string {
	return slices.DeleteFunc(s.Names(), func(name string) bool { return s.Columns[name].Class != class })
}

// Map is the whole inventory.
type Map struct {
	Categories []Category  `yaml:"categories" json:"categories"`
	Bases      []Basis     `yaml:"bases" json:"bases"`
	Retentions []Retention `yaml:"retentions" json:"retentions"`
	Stores     []Store     `yaml:"stores" json:"stores"`
	// Settings are the configuration keys that hold an address or a secret and lead to no
	// store of data, with the reason why not.
	Settings map[string]string `yaml:"settings" json:"settings"`
}

// Store finds a store by its name.
func (m Map) Store(name string) (Store, bool) {
	return find(m.Stores, name, func(s Store) string { return s.Name })
}

// Category finds a category by its name.
func (m Map) Category(name string) (Category, bool) {
	return find(m.Categories, name, func(c Category) string { return c.Name })
}

// Basis finds a legal basis by its name.
func (m Map) Basis(name string) (Basis, bool) {
	return find(m.Bases, name, func(b Basis) string { return b.Name })
}

// Retention finds a retention by its name.
func (m Map) Retention(name string) (Retention, bool) {
	return find(m.Retentions, name, func(r Retention) string { return r.Name })
}

// Of lists the stores of a kind, in the order of the file.
func (m Map) Of(kind Kind) []Store {
	var all []Store
	for _, s := range m.Stores {
		if s.Kind == kind {
			all = append(all, s)
		}
	}
	return all
}

func find[T any](all []T, name string, nameOf func(T) string) (T, bool) {
	if i := slices.IndexFunc(all, func(one T) bool { return nameOf(one) == name }); i >= 0 {
		return all[i], true
	}
	var none T
	return none, false
}
