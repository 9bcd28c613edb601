package truthfilter

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// plain brings text into the one form that rules are matched on: lower case,
// straight quotes, single spaces, no diacritics, and without the tricks by which
// a phrase hides from a pattern: zero-width characters, letters borrowed from
// other alphabets, digits inside words, spaced or stretched letters.
func plain(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(text, " ")) {
		switch {
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.M, r):
			// Joined into the word on purpose: "get\u200bover" hides "getover".
		case unicode.IsSpace(r), unicode.IsControl(r), r == '_':
			b.WriteByte(' ')
		default:
			b.WriteRune(lookalike(unicode.ToLower(r)))
		}
	}
	var words []string
	// Two spaces or more part words whose letters are spaced: "g o  a w a y".
	for group := range strings.SplitSeq(b.String(), "  ") {
		words = append(words, joinSpaced(strings.Fields(group))...)
	}
	for i, w := range words {
		words[i] = unstretch(undisguise(w))
	}
	return strings.Join(words, " ")
}

// lookalikes are letters of other alphabets, and quotes, that pass for those that
// rules are written with. NFKD has already folded wide and decorated letters.
var lookalikes = func() map[rune]rune {
	pairs := []rune("аaеeоoрpсcуyхxіiјjѕsһhԁdԛqԝwкkмmтtвbнnαaεeοoρpτtυuιiκkνvηnßsøoıi’'‘'ʼ'`'´'“\"”\"„\"«\"»\"—-–-‐-‑-−-")
	m := make(map[rune]rune, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}()

func lookalike(r rune) rune {
	if latin, found := lookalikes[r]; found {
		return latin
	}
	return r
}

// undisguise turns digits and signs back into letters inside a word that also
// holds letters, and parts words glued by dots. "d3pr3ss10n" gives "depression";
// "10mg" and "988" stay as they are.
func undisguise(word string) string {
	inner := strings.TrimFunc(word, unicode.IsPunct)
	if !disguised(inner) {
		return word
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '0':
			return 'o'
		case '1', '!':
			return 'i'
		case '3':
			return 'e'
		case '4', '@':
			return 'a'
		case '5', '$':
			return 's'
		case '7':
			return 't'
		}
		return r
	}, word)
}

// disguised: the word begins with a letter and holds a digit or sign between letters.
func disguised(word string) bool {
	runes := []rune(word)
	for i := 1; i+1 < len(runes); i++ {
		if strings.ContainsRune("013457@$", runes[i]) && unicode.IsLetter(runes[i-1]) {
			return strings.ContainsFunc(string(runes[i+1:]), unicode.IsLetter)
		}
	}
	return false
}

// unstretch shortens a letter repeated three times or more to one: "juuust".
func unstretch(word string) string {
	runes := []rune(word)
	kept := runes[:0]
	for i := 0; i < len(runes); {
		j := i
		for j < len(runes) && runes[j] == runes[i] {
			j++
		}
		if j-i >= 3 && unicode.IsLetter(runes[i]) {
			kept = append(kept, runes[i])
		} else {
			kept = append(kept, runes[i:j]...)
		}
		i = j
	}
	return string(kept)
}

// joinSpaced joins four or more single letters in a row: "s t u p i d".
func joinSpaced(words []string) []string {
	kept := make([]string, 0, len(words))
	for i := 0; i < len(words); {
		j := i
		for j < len(words) && len(words[j]) == 1 && unicode.IsLetter(rune(words[j][0])) {
			j++
		}
		if j-i >= 4 {
			kept = append(kept, strings.Join(words[i:j], ""))
			i = j
			continue
		}
		kept = append(kept, words[i])
		i++
	}
	return kept
}
