package telemetry

import (
	"strings"
	"unicode/utf8"
)

const (
	// mostText bounds a message or an error.
	mostText = 1000
	// mostWords bounds one link of an error's chain, or one sentence of a message.
	// Longer ones are somebody's prose, or say more than an operator reads.
	mostWords = 18
	gone      = "[withheld]"
)

// scrub takes out of an error's text what may be somebody's words: what stands in
// quotes or braces, addresses, queries of URLs, words that are not ASCII, and any
// link of the chain that is long or speaks of itself. It cannot know a short
// phrase without any of these; the first line of defence is not to put one there.
func scrub(s string) string {
	if len(s) <= mostText && clean(s) {
		return s
	}
	var b strings.Builder
	s = unquoted(s[:min(len(s), mostText)])
	for len(s) > 0 {
		link, end := firstLink(s)
		b.WriteString(scrubLink(link))
		b.WriteString(s[len(link):end])
		s = s[end:]
	}
	return b.String()
}

// clean reports without allocating that there is nothing to take out. It errs on
// the side of a closer look.
func clean(s string) bool {
	words := 1
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf, c == '"', c == '\'', c == '`', c == '{', c == '@', c == '?', c < ' ':
			return false
		case c == ' ':
			words++
		case c == 'I', c == 'i', c == 'm', c == 'M':
			if i == 0 || !isLetter(rune(s[i-1])) {
				if word, _, _ := strings.Cut(s[i:], " "); ofOneself(word) {
					return false
				}
			}
		}
	}
	return words <= mostWords
}

// closers end what is taken out as a whole.
var closers = map[rune]rune{'"': '"', '`': '`', '\'': '\'', '{': '}', '“': '”', '‘': '’', '«': '»', '„': '“'}

// unquoted takes out what stands in quotes or braces, to the end of the text when
// nothing closes them. An apostrophe inside a word opens nothing.
func unquoted(s string) string {
	var b strings.Builder
	before := ' '
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		closer, opens := closers[c]
		if !opens || c == '\'' && isLetter(before) {
			b.WriteString(s[:size])
			before, s = c, s[size:]
			continue
		}
		b.WriteString(gone)
		before = c
		s = s[size:]
		_, s = cutClosing(s, c, closer)
	}
	return b.String()
}

// cutClosing finds the end of a quotation, past escaped and nested ones.
func cutClosing(s string, opener, closer rune) (inside, rest string) {
	depth, escaped := 1, false
	for i, c := range s {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == closer:
			if depth--; depth == 0 {
				return s[:i], s[i+utf8.RuneLen(c):]
			}
		case c == opener:
			depth++
		}
	}
	return s, ""
}

func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// firstLink is the text up to where the next link of an error's chain, or the
// next sentence or line, begins.
func firstLink(s string) (link string, end int) {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '\n' {
			return s[:i], i + 1
		}
		if s[i+1] == ' ' && strings.IndexByte(":;.!?", s[i]) >= 0 {
			return s[:i], i + 2
		}
	}
	return s, len(s)
}

func scrubLink(link string) string {
	words := strings.Fields(link)
	if len(words) > mostWords {
		return gone
	}
	changed := false
	for i, word := range words {
		switch {
		case ofOneself(word):
			return gone
		case strings.ContainsRune(word, '@') || !ascii(word):
			words[i], changed = gone, true
		case strings.ContainsRune(word, '?'):
			address, _, _ := strings.Cut(word, "?")
			words[i], changed = address+"?"+gone, true
		}
	}
	if !changed {
		return link
	}
	return strings.Join(words, " ")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// ofOneself recognises words that people use of themselves and programs do not.
func ofOneself(word string) bool {
	word, _, _ = strings.Cut(word, "'")
	switch strings.Trim(word, ".,;:!?()") {
	case "I", "me", "my", "My", "Me", "mine", "Mine", "myself", "Myself", "i", "im", "Im", "MY":
		return true
	}
	return false
}
