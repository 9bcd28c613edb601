package reflection

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRunes is how much of a text is looked at: what matters is said before that.
const MaxRunes = 4000

// Clean makes untrusted text safe to quote: valid UTF-8, no control, formatting
// or private characters, no pictures, single spaces, at most [MaxRunes] runes.
func Clean(text string) string {
	var b strings.Builder
	space, runes := false, 0
	for _, r := range text {
		if unicode.IsSpace(r) {
			space = true
			continue
		}
		if !quotable(r) {
			continue
		}
		if runes++; runes > MaxRunes {
			break
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

// quotable reports whether a rune belongs to words and their punctuation. Invalid
// bytes arrive here as [utf8.RuneError].
func quotable(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.In(r, unicode.C, unicode.So, unicode.Sk, unicode.Variation_Selector):
		return false
	default:
		return unicode.IsGraphic(r)
	}
}

// Quote returns text, cut at a word boundary to at most so many runes, for use
// between quotation marks; its own quotation marks become single ones.
func Quote(text string, runes int) string {
	text = strings.TrimRight(quotes.Replace(Clean(text)), " ")
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	cut := string([]rune(text)[:runes])
	if space := strings.LastIndexByte(cut, ' '); space > len(cut)/2 {
		cut = cut[:space]
	}
	return strings.TrimRightFunc(cut, func(r rune) bool { return !wordRune(r) }) + "…"
}

var quotes = strings.NewReplacer(`"`, "'", "“", "‘", "”", "’", "„", "‚", "«", "‹", "»", "›")
