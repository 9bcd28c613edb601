// Package canary looks for texts that should lie nowhere in the open, and for bytes that
// should lie nowhere at all.
//
// A test writes distinctive texts through the product and then scans every byte
// that the product has stored: files as they lie on the disk, and what is packed
// inside them. A text is looked for in each form that a store, a log or a person
// could give it (see [New]). After an erasure the same is done with ids of the person
// and pieces of what was stored of them, as they are (see [NewBytes] and [ID]).
//
// It reads files in windows, so its memory does not grow with them, and goes
// about as fast as the disk gives.
package canary

import (
	"fmt"
	"io"
	"time"
)

const (
	// windowSize is how much of a file is looked at at once.
	windowSize = 1 << 20
	// MostFindings bounds a report: who finds this many has found enough.
	MostFindings = 1000
	// mostInflated bounds what one packed block may unpack to.
	mostInflated = 1 << 30
)

// Finding is one place where a text lies in the open.
type Finding struct {
	// Source is the file, or what the caller called the bytes.
	Source string
	// Offset is where the text begins, in bytes; inside a packed block it counts
	// from the block's first unpacked byte.
	Offset int64
	// Text is the canary as it was given to [New], or the name of the pattern that was
	// given to [NewBytes], whose bytes are told nowhere.
	Text string
	// Form says how it is written, such as "base64 of utf-8".
	Form string
	// Packed says which block it is packed in, such as "gzip at 4711"; "" for none.
	Packed string
}

// String is the finding in one line. It quotes the canary, which is nobody's words.
func (f Finding) String() string {
	place := fmt.Sprintf("%s:%d", f.Source, f.Offset)
	if f.Packed != "" {
		place += " inside the " + f.Packed
	}
	return fmt.Sprintf("%s: %q as %s", place, f.Text, f.Form)
}

// Report is what one scan has seen.
type Report struct {
	Findings []Finding
	// Files and Bytes were read; Blocks were unpacked, Unpacked bytes came of them.
	Files           int
	Bytes, Unpacked int64
	Blocks          int
	Took            time.Duration

	excuse func(Finding) bool
}

// String tells how much was looked at, and how fast.
func (r Report) String() string {
	return fmt.Sprintf("%d findings in %d files, %.1f MB, and %d packed blocks, %.1f MB unpacked: %.2f s, %.0f MB/s",
		len(r.Findings), r.Files, megabytes(r.Bytes), r.Blocks, megabytes(r.Unpacked), r.Took.Seconds(),
		megabytes(r.Bytes+r.Unpacked)/max(r.Took.Seconds(), 1e-9))
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// Scanner looks for a fixed set of texts or bytes. It is safe for concurrent use.
type Scanner struct {
	matcher *matcher
	tick    func(n int64) error
	excuse  func(Finding) bool
}

// Watched is the same scanner, which calls tick about once for each MiB that it has looked
// at, with how many bytes those were. An error of tick ends the scan with that error.
func (s *Scanner) Watched(tick func(n int64) error) *Scanner {
	return &Scanner{matcher: s.matcher, tick: tick, excuse: s.excuse}
}

// Excusing is the same scanner, which leaves out findings that excuse is true of, before it
// counts how many there are.
func (s *Scanner) Excusing(excuse func(Finding) bool) *Scanner {
	return &Scanner{matcher: s.matcher, tick: s.tick, excuse: excuse}
}

func (s *Scanner) looked(n int64) error {
	if s.tick == nil {
		return nil
	}
	return s.tick(n)
}

// New prepares to look for the texts. Each is looked for as it is, in lower case
// and in capitals, with its accents joined and apart; in UTF-8, UTF-16 of both
// byte orders, escaped as in JSON and as in URLs; and each of these in base64
// (either alphabet, at every alignment) and hexadecimal as well. A text shorter
// than 8 bytes is an error: it would be found by chance.
func New(texts ...string) (*Scanner, error) {
	var all []*pattern
	for _, text := range texts {
		all = append(all, patternsOf(text)...)
	}
	m, err := newMatcher(all)
	if err != nil {
		return nil, err
	}
	return &Scanner{matcher: m}, nil
}

// Bytes scans what r holds; source is what findings call it.
func (s *Scanner) Bytes(source string, r io.ReaderAt, size int64) (Report, error) {
	begin := time.Now()
	report := Report{Files: 1, excuse: s.excuse}
	err := s.scan(&report, source, r, size)
	report.Took = time.Since(begin)
	return report, err
}

// scan goes through r in windows that overlap by the longest pattern. What
// begins in the overlap belongs to the window after it.
func (s *Scanner) scan(report *Report, source string, r io.ReaderAt, size int64) error {
	window := make([]byte, min(windowSize, size))
	overlap := int64(max(s.matcher.longest, longestMagic))
	for base := int64(0); base < size; {
		n, err := r.ReadAt(window[:min(int64(len(window)), size-base)], base)
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %s: %w", source, err)
		}
		fresh := int64(n)
		if last := base+int64(n) >= size || err == io.EOF; !last {
			fresh -= overlap
		}
		s.matcher.find(window[:n], int(fresh), func(at int, p *pattern) {
			report.note(Finding{Source: source, Offset: base + int64(at), Text: p.text, Form: p.form})
		})
		for at, kind := range magics(window[:n], int(fresh)) {
			begin := base + int64(at)
			if err := s.unpack(report, source, kind, io.NewSectionReader(r, begin, size-begin), begin); err != nil {
				return err
			}
		}
		if err := s.looked(fresh); err != nil {
			return err
		}
		report.Bytes += fresh
		base += fresh
		if err == io.EOF {
			return nil // it is shorter than it was when it was opened
		}
	}
	return nil
}

func (r *Report) note(f Finding) {
	if len(r.Findings) < MostFindings && (r.excuse == nil || !r.excuse(f)) {
		r.Findings = append(r.Findings, f)
	}
}

// add joins what another scan has seen.
func (r *Report) add(o Report) {
	for _, f := range o.Findings {
		r.note(f)
	}
	r.Files += o.Files
	r.Bytes += o.Bytes
	r.Unpacked += o.Unpacked
	r.Blocks += o.Blocks
}
