package canary

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Pattern is bytes to look for, and what findings call them instead of telling the bytes.
type Pattern struct {
	// Name tells whose they are, such as "row of sessions"; Form how they are written.
	Name, Form string
	Bytes      []byte
}

// asTheyAre is the form of bytes that are looked for as they are.
const asTheyAre = "bytes"

// plainest is how few different bytes a pattern may have: what has fewer, as zeros, lies
// everywhere by chance.
const plainest = 4

// NewBytes prepares to look for bytes exactly as they are, in files and in what is packed
// inside them. Bytes that are given twice are found under the first name. A pattern
// shorter than 8 bytes, or of fewer than 4 different ones, is an error that does not tell
// its bytes: it would be found by chance.
func NewBytes(patterns ...Pattern) (*Scanner, error) {
	var all []*pattern
	seen := map[string]bool{}
	for _, p := range patterns {
		if !Telling(p.Bytes) {
			return nil, fmt.Errorf("%d bytes of %q are too short or too plain to look for", len(p.Bytes), p.Name)
		}
		if seen[string(p.Bytes)] {
			continue
		}
		seen[string(p.Bytes)] = true
		form := p.Form
		if form == "" {
			form = asTheyAre
		}
		all = append(all, &pattern{text: p.Name, form: form, bytes: slices.Clone(p.Bytes)})
	}
	m, err := newMatcher(all)
	if err != nil {
		return nil, err
	}
	return &Scanner{matcher: m}, nil
}

// Telling reports whether bytes are long and varied enough to look for.
func Telling(b []byte) bool {
	var seen [256]bool
	different := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			different++
		}
	}
	return len(b) >= shortest && different >= plainest
}

// ID is a UUID in each form in which stores, logs and documents write one: its 16 bytes,
// and text with dashes and without, in lower case and capitals; bytes and text in base64
// of either alphabet at every alignment; and the text in UTF-16 and in hexadecimal.
func ID(name string, id [16]byte) []Pattern {
	digits := hex.EncodeToString(id[:])
	text := strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
	all := []Pattern{{name, asTheyAre, id[:]}}
	for _, spelled := range []struct{ form, text string }{
		{"text", text}, {"text in capitals", strings.ToUpper(text)},
		{"hex", digits}, {"hex in capitals", strings.ToUpper(digits)},
	} {
		all = append(all, Pattern{name, spelled.form, []byte(spelled.text)})
	}
	for _, c := range charsets(text)[1:3] { // the two of UTF-16
		all = append(all, Pattern{name, c.form, c.bytes})
	}
	all = append(all, Pattern{name, "hex of text", []byte(hex.EncodeToString([]byte(text)))})
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			all = append(all,
				Pattern{name, "base64", inside(alphabet, id[:], before)},
				Pattern{name, "base64 of text", inside(alphabet, []byte(text), before)})
		}
	}
	return all
}
