package reflection

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRunes is how much of a text is looked at: what matters is said before that.
const MaxRunes = 4000

// Clean makes untrusted text safe to quote: valid UTF-8, no control or invisible
// formatting characters, single spaces, at most [MaxRunes] runes.
func Clean(text string) string {
	var b strings.Builder
	space, runes := false, 0
	for _, r := range strings.ToValidUTF8(text, " ") {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
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
