// Package residue makes what was deleted leave the disks, and looks whether it has.
//
// A database marks rows as deleted and uses their place again some day; until then they lie
// in its files, in its indexes and statistics, and in its write-ahead log. [CleanUp] has
// PostgreSQL write what was touched anew. [Scan] reads files byte by byte, whatever they
// are, for ids of a person and pieces of what was stored of them, which were taken down
// before they were deleted ([Patterns]).
//
// Neither tells what it looks for: findings are names and places.
package residue

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/canary"
)

// Pattern is bytes to look for, under a name that is all that findings tell of them.
type Pattern = canary.Pattern

// Options say what is looked for, and where.
type Options struct {
	// Folders are scanned with all that is below them, the names of files included.
	Folders  []string
	Patterns []Pattern
	// Excuse reports of a finding that it is somebody else's; nil for none. Those count
	// towards no limit: behind them may be others.
	Excuse func(Finding) bool
}

// Finding is where something lies that should not.
type Finding struct {
	// Pattern and Form are what was found, by its name, and how it is written there.
	Pattern string `json:"pattern"`
	Form    string `json:"form"`
	// File is where; a file whose name holds what is looked for is named without that.
	File  string `json:"file"`
	Times int    `json:"times"`
}

// Report is what a scan has seen.
type Report struct {
	Findings []Finding `json:"findings,omitempty"`
	// More: there were so many findings that not all are counted.
	More  bool          `json:"more,omitempty"`
	Files int           `json:"files"`
	Bytes int64         `json:"bytes"` // that were looked at, those of packed blocks included
	Took  time.Duration `json:"took"`
}

// Clean reports whether nothing was found in something.
func (r Report) Clean() bool { return len(r.Findings) == 0 && r.Files > 0 }

// mostFindings bounds a report; who has as many has enough to look at.
const mostFindings = 200

// beatEvery is after how many bytes a sign of life is given.
const beatEvery = 32 << 20

// Scan reads every file below the folders. It gives signs of life with the number of
// bytes so far, needs a few MiB of memory, however large the files are, and ends with the
// context. What cannot be read is an error: what was not looked at is not clean. Files
// that go away meanwhile are left out.
func Scan(ctx context.Context, o Options, beat func(n int64)) (Report, error) {
	reports, err := scan(ctx, o.Folders, o.Excuse, [][]Pattern{o.Patterns}, beat)
	if err != nil {
		return Report{}, err
	}
	return reports[0], nil
}

// scan is [Scan] for several who look for something each, in one pass: reading the files is
// nearly all of the work.
func scan(ctx context.Context, folders []string, excuse func(Finding) bool, wanted [][]Pattern, beat func(n int64)) ([]Report, error) {
	if len(folders) == 0 || slices.ContainsFunc(wanted, func(p []Pattern) bool { return len(p) == 0 }) {
		return nil, errors.New("scan for what is left: folders and patterns are required")
	}
	m := merge(wanted)
	m.excuse = excuse
	scanner, err := canary.NewBytes(m.patterns...)
	if err != nil {
		return nil, fmt.Errorf("scan for what is left: %w", err)
	}
	var total, told int64
	scanner = scanner.Watched(func(n int64) error {
		if total += n; total-told >= beatEvery && beat != nil {
			told = total
			beat(total)
		}
		return ctx.Err()
	})
	if excuse != nil {
		scanner = scanner.Excusing(func(f canary.Finding) bool { return len(m.found(f)) == 0 })
	}
	reports := make([]Report, len(wanted))
	for _, folder := range folders {
		seen, err := scanner.Folder(folder)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("scan for what is left: %w", ctx.Err())
		}
		if err != nil { // it names files
			return nil, errors.New("scan for what is left: " + m.without(err.Error()))
		}
		m.add(reports, seen)
	}
	return reports, nil
}

// merged are patterns of several, each once, which are named by their number: the bytes
// that two look for are found for both.
type merged struct {
	patterns []Pattern
	owners   [][]owned
	excuse   func(Finding) bool // nil for none
	// named are the patterns that may stand in the name of a file.
	named []named
}

// owned is a pattern, and the number of who looks for it.
type owned struct {
	who     int
	pattern Pattern
}

func merge(wanted [][]Pattern) *merged {
	m := &merged{}
	known := map[string]int{}
	for who, patterns := range wanted {
		m.named = append(m.named, namesOf(patterns)...)
		for _, p := range patterns {
			i, ok := known[string(p.Bytes)]
			if !ok {
				i = len(m.patterns)
				known[string(p.Bytes)] = i
				m.patterns = append(m.patterns, Pattern{Name: strconv.Itoa(i), Form: p.Form, Bytes: p.Bytes})
				m.owners = append(m.owners, nil)
			}
			// Of what one gives twice the first name counts.
			if !slices.ContainsFunc(m.owners[i], func(o owned) bool { return o.who == who }) {
				m.owners[i] = append(m.owners[i], owned{who, p})
			}
		}
	}
	slices.SortFunc(m.named, func(a, b named) int { return cmp.Compare(len(b.text), len(a.text)) })
	return m
}

// found is what a finding is to each who looks for it and has no excuse.
func (m *merged) found(f canary.Finding) map[int]Finding {
	all := map[int]Finding{}
	i, err := strconv.Atoi(f.Text)
	if err != nil || i < 0 || i >= len(m.owners) {
		return all
	}
	for _, o := range m.owners[i] {
		if finding := m.finding(o, f); m.excuse == nil || !m.excuse(finding) {
			all[o.who] = finding
		}
	}
	return all
}

func (m *merged) finding(o owned, f canary.Finding) Finding {
	return Finding{Pattern: o.pattern.Name, Form: cmp.Or(o.pattern.Form, f.Form), File: m.without(f.Source), Times: 1}
}

func (m *merged) add(reports []Report, seen canary.Report) {
	for i := range reports {
		r := &reports[i]
		r.Files += seen.Files
		r.Bytes += seen.Bytes + seen.Unpacked
		r.Took += seen.Took
		r.More = r.More || len(seen.Findings) >= canary.MostFindings
	}
	for _, f := range seen.Findings {
		for who, finding := range m.found(f) {
			reports[who].found(finding)
		}
	}
}

type named struct{ name, text string }

// namesOf are the patterns that are text, the longest first.
func namesOf(patterns []Pattern) []named {
	var all []named
	for _, p := range patterns {
		if printable(p.Bytes) {
			all = append(all, named{p.Name, string(p.Bytes)})
		}
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(len(b.text), len(a.text)) })
	return all
}

func printable(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c < ' ' || c > '~' })
}

// without is a text in which the names of patterns stand for what is looked for.
func (m *merged) without(text string) string {
	for _, n := range m.named {
		text = strings.ReplaceAll(text, n.text, "<"+n.name+">")
	}
	return text
}

// found brings findings of one kind in one file together.
func (r *Report) found(f Finding) {
	i := slices.IndexFunc(r.Findings, func(o Finding) bool {
		return o.Pattern == f.Pattern && o.Form == f.Form && o.File == f.File
	})
	switch {
	case i >= 0:
		r.Findings[i].Times += f.Times
	case len(r.Findings) >= mostFindings:
		r.More = true
	default:
		r.Findings = append(r.Findings, f)
	}
}

// PieceOf is what [Patterns] calls a sample of a store that is no id.
func PieceOf(store string) string { return "piece of " + store }

// Patterns are what to look for after a person was deleted: their id, in every form in
// which it may be written, and samples of each store by the store's name. A sample of 16
// bytes is an id as well. Samples that say too little to be looked for (short, or nearly
// all of one byte) are left out.
func Patterns(subject uuid.UUID, samples map[string][][]byte) []Pattern {
	all := canary.ID("subject", subject)
	for _, store := range slices.Sorted(maps.Keys(samples)) {
		for _, sample := range samples[store] {
			switch {
			case !canary.Telling(sample):
			case len(sample) == len(uuid.UUID{}):
				all = append(all, canary.ID("id of "+store, [16]byte(sample))...)
			default:
				all = append(all, Pattern{Name: PieceOf(store), Bytes: sample},
					// As a dump, or a log, writes bytes.
					Pattern{Name: PieceOf(store), Form: "hex", Bytes: []byte(hex.EncodeToString(sample))})
			}
		}
	}
	return all
}
