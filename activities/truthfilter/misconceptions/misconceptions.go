// Package misconceptions is a curated list of what many people believe and what is so
// instead, with where that is published; it finds the entries that a sentence is about.
//
// It is a list, not a judge of facts: what is not on it stays unverified.
package misconceptions

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
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
var List = func() *Index {
	entries, err := load(files)
	if err != nil {
		panic(err)
	}
	return NewIndex(entries)
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

// Index finds entries by words. It is immutable.
type Index struct {
	entries []Entry
	// holds lists, for each term, the entries that hold it, and rare how rare it is
	// (inverse document frequency).
	holds map[string][]int
	rare  map[string]float64
}

// NewIndex indexes entries.
func NewIndex(entries []Entry) *Index {
	x := &Index{entries: entries, holds: map[string][]int{}, rare: map[string]float64{}}
	for i, e := range entries {
		for term := range termSet(strings.Join(append(slices.Clone(e.Claims), e.Facts...), " ")) {
			x.holds[term] = append(x.holds[term], i)
		}
	}
	for term, held := range x.holds {
		x.rare[term] = math.Log(1 + float64(len(entries))/float64(len(held)))
	}
	return x
}

// Entries are all of them.
func (x *Index) Entries() []Entry { return x.entries }

// Match is an entry with how much of a sentence it is about: the share of the sentence's
// content that the entry holds, in [0, 1], where rare words count more.
type Match struct {
	*Entry
	Share float64
}

// Near returns the entries that share most with a sentence, best first, at most n. An
// entry has to hold two of its terms.
func (x *Index) Near(sentence string, n int) []Match {
	unheard := math.Log(1 + float64(len(x.entries)))
	weights, shared, all := map[int]float64{}, map[int]int{}, 0.0
	for term := range termSet(sentence) {
		holds := x.holds[term]
		if len(holds) == 0 {
			all += unheard
			continue
		}
		all += x.rare[term]
		for _, i := range holds {
			weights[i] += x.rare[term]
			shared[i]++
		}
	}
	var near []Match
	for i, e := range x.entries {
		if shared[i] >= leastShared {
			near = append(near, Match{&e, weights[i] / all})
		}
	}
	slices.SortStableFunc(near, func(a, b Match) int { return cmp.Compare(b.Share, a.Share) })
	return near[:min(n, len(near))]
}

// leastShared is how many terms an entry has to hold of a sentence.
const leastShared = 2

func termSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, t := range lexicon.Terms(text) {
		set[t] = true
	}
	return set
}
