// Package misconceptions is a curated list of what many people believe and what is so
// instead, with where that is published.
//
// It is a list, not a judge of facts: what is not on it stays unverified.
package misconceptions

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"meai/internal/lexicon"
)

//go:embed list/*.yaml
var files embed.FS

// List is the project's own.
var List = func() Entries {
	entries, err := load(files)
	if err != nil {
		panic(err)
	}
	return entries
}()

// Entry is a misconception.
type Entry struct {
	ID string `yaml:"id"`
	// Area is the file that it stands in, such as "health".
	Area string `yaml:"-"`
	// Claims are ways to state it, Facts what is so instead.
	Claims []string `yaml:"claims"`
	Facts  []string `yaml:"facts"`
	// Note says in a sentence why.
	Note string `yaml:"note"`
	// Source is the page where that is published, and Publisher whose it is.
	Source    string `yaml:"source"`
	Publisher string `yaml:"publisher"`
	// Written is the day when the entry was last gone through, as 2006-01-02.
	Written string `yaml:"written"`
}

func load(files fs.FS) ([]Entry, error) {
	names, err := fs.Glob(files, "list/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Entry
	var faults []error
	for _, name := range names {
		file, err := files.Open(name)
		if err != nil {
			return nil, err
		}
		var part []Entry
		decoder := yaml.NewDecoder(file)
		decoder.KnownFields(true)
		err = errors.Join(decoder.Decode(&part), file.Close())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		for i := range part {
			part[i].Area = strings.TrimSuffix(path.Base(name), ".yaml")
		}
		all = append(all, part...)
	}
	seen := map[string]bool{}
	for _, e := range all {
		faults = append(faults, e.validate())
		if seen[e.ID] {
			faults = append(faults, fmt.Errorf("%s: the id is taken", e.ID))
		}
		seen[e.ID] = true
	}
	return all, errors.Join(faults...)
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (e Entry) validate() error {
	var faults []error
	check := func(fine bool, fault string) {
		if !fine {
			faults = append(faults, fmt.Errorf("%q: %s", e.ID, fault))
		}
	}
	check(slug.MatchString(e.ID), "the id is not a slug")
	check(len(e.Claims) >= 3, "fewer than three claims")
	check(len(e.Facts) >= 1, "no fact")
	check(!slices.Contains(append(slices.Clone(e.Claims), e.Facts...), ""), "an empty claim or fact")
	check(strings.TrimSpace(e.Note) != "" && strings.TrimSpace(e.Publisher) != "", "no note or no publisher")
	page, err := url.Parse(e.Source)
	check(err == nil && page.Scheme == "https" && page.Host != "", "no source, as a https URL")
	_, err = time.Parse(time.DateOnly, e.Written)
	check(err == nil, "no day on which it was written")
	return errors.Join(faults...)
}

// Entries are a list of misconceptions.
type Entries []Entry

// Claims reports whether a claim of the list has just the content words of a text.
func (all Entries) Claims(text string) bool {
	words := content(text)
	return slices.ContainsFunc(all, func(e Entry) bool {
		return slices.ContainsFunc(e.Claims, func(claim string) bool { return slices.Equal(content(claim), words) })
	})
}

func content(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(lexicon.Terms(text))))
}
