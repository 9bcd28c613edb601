package canary

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// pattern is one way in which a text may be written.
type pattern struct {
	text, form string
	bytes      []byte
}

// patternsOf lists every form of a text once.
func patternsOf(text string) []*pattern {
	var all []*pattern
	seen := map[string]bool{}
	add := func(form string, b []byte) {
		if !seen[string(b)] {
			seen[string(b)] = true
			all = append(all, &pattern{text: text, form: form, bytes: b})
		}
	}
	for _, spelling := range spellings(text) {
		for _, c := range charsets(spelling) {
			add(c.form, c.bytes)
			for _, e := range armours(c.bytes) {
				add(e.form+" of "+c.form, e.bytes)
			}
		}
	}
	return all
}

// spellings are the text as a store may have folded it.
func spellings(text string) []string {
	var all []string
	for _, s := range []string{text, strings.ToLower(text), strings.ToUpper(text)} {
		all = append(all, s, norm.NFC.String(s), norm.NFD.String(s))
	}
	return all
}

// charsets are the ways from characters to bytes.
func charsets(s string) []pattern {
	units := utf16.Encode([]rune(s))
	return []pattern{
		{form: "utf-8", bytes: []byte(s)},
		{form: "utf-16le", bytes: wide(units, binary.LittleEndian)},
		{form: "utf-16be", bytes: wide(units, binary.BigEndian)},
		// JSON may escape what it must, or everything.
		{form: "json", bytes: escape(units, `\u%04x`, true)},
		{form: "json", bytes: escape(units, `\u%04X`, true)},
		{form: "json", bytes: escape(units, `\u%04x`, false)},
		{form: "json", bytes: escape(units, `\u%04X`, false)},
		{form: "url", bytes: []byte(url.QueryEscape(s))},
		{form: "url", bytes: []byte(url.PathEscape(s))},
	}
}

func wide(units []uint16, order binary.AppendByteOrder) []byte {
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = order.AppendUint16(b, u)
	}
	return b
}

func escape(units []uint16, format string, leaveASCII bool) []byte {
	var b []byte
	for _, u := range units {
		if leaveASCII && u < 0x80 {
			b = append(b, byte(u))
			continue
		}
		b = fmt.Appendf(b, format, u)
	}
	return b
}

// armours are the ways from bytes to printable characters.
func armours(b []byte) []pattern {
	all := []pattern{
		{form: "hex", bytes: []byte(hex.EncodeToString(b))},
		{form: "hex", bytes: []byte(strings.ToUpper(hex.EncodeToString(b)))},
	}
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			all = append(all, pattern{form: "base64", bytes: inside(alphabet, b, before)})
		}
	}
	return all
}

// inside is what base64 makes of b when as many other bytes stand before it,
// without the digits that depend on what stands around it.
func inside(alphabet *base64.Encoding, b []byte, before int) []byte {
	const digitBits = 6
	digits := alphabet.EncodeToString(append(make([]byte, before), b...))
	first := (before*8 + digitBits - 1) / digitBits
	end := (before + len(b)) * 8 / digitBits
	return []byte(digits[first:end])
}
