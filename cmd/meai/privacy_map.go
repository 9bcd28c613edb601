package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"meai/activities/privacy/datamap"
)

type privacyMapCommand struct {
	Store string `arg:"" optional:"" help:"Show only this store, with its columns."`
	JSON  bool   `help:"Print JSON." xor:"form"`
	Page  bool   `help:"Print the page docs/data-map.md." xor:"form"`
}

func (privacyMapCommand) Help() string {
	return `The data map is built into the program (activities/privacy/datamap/datamap.yaml); this command needs no configuration and
no engine. Export, erasure, retention and the residual scan are driven by it, and a test compares it with the real schema.

  erase   delete: deleted and counted until there is none. scrub: the row stays, what names the person is emptied. keys:
          unreadable once the person's keys are destroyed. expire: goes by itself. keep: names nobody but by alias
  kept    days, or "account" and "evidence" where no age ends it

docs/privacy.md tells in plain words what it comes to, docs/data-map.md lists all of it.`
}

func (p privacyMapCommand) Run() error {
	m, err := datamap.Load()
	if err != nil {
		return err
	}
	if p.Store != "" {
		s, found := m.Store(p.Store)
		if !found {
			return fmt.Errorf("the data map has no store %q: meai privacy map lists them", p.Store)
		}
		m.Stores = []datamap.Store{s}
	}
	switch {
	case p.Page:
		return m.WritePage(os.Stdout)
	case p.JSON:
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(m)
	case p.Store != "":
		return writeStore(os.Stdout, m.Stores[0])
	}
	return writeStores(os.Stdout, m)
}

// writeStores is a line for each store; those that hold nothing of anybody's are counted.
func writeStores(out io.Writer, m datamap.Map) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "STORE\tKIND\tCATEGORY\tBASIS\tKEPT\tERASE\tEXPORT")
	nobody := 0
	for _, s := range m.Stores {
		if !s.Personal() {
			nobody++
			continue
		}
		kept := s.Retention
		switch r, _ := m.Retention(s.Retention); r.Days {
		case 0: // no age ends it
		case 1:
			kept = "1 day"
		default:
			kept = fmt.Sprintf("%d days", r.Days)
		}
		export := "no"
		if s.Export {
			export = "yes"
		}
		_, e := fmt.Fprintln(w, strings.Join([]string{s.Name, string(s.Kind), s.Category, s.Basis, kept, string(s.Erase), export}, "\t"))
		err = errors.Join(err, e)
	}
	_, e := fmt.Fprintf(w, "\n%d more hold nothing of anybody's.\n", nobody)
	return errors.Join(err, e, w.Flush())
}

// writeStore is everything that is known of one.
func writeStore(out io.Writer, s datamap.Store) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var errs []error
	line := func(name, value string) {
		if value != "" {
			_, err := fmt.Fprintf(w, "%s\t%s\n", name, value)
			errs = append(errs, err)
		}
	}
	line("store", s.Name+" ("+string(s.Kind)+")")
	line("purpose", s.Purpose)
	line("nobody's", s.Nobody)
	line("category", s.Category)
	line("basis", s.Basis)
	line("consent", strings.Join(s.Consent, ", "))
	line("retention", s.Retention)
	line("person", s.Person)
	line("erase", string(s.Erase))
	line("erased", s.Erased)
	line("not exported", s.NotExported)
	line("settings", strings.Join(s.Settings, ", "))
	for _, name := range s.Names() {
		c := s.Columns[name]
		line("  "+name, strings.TrimSuffix(string(c.Class)+" "+c.Category, " ")+"\t"+c.Holds)
	}
	return errors.Join(append(errs, w.Flush())...)
}
