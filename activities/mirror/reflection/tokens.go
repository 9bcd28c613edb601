package reflection

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a word with the punctuation around it.
type token struct {
	before, word, after string
	// was is the word as the person wrote it, in lower case, with straight
	// apostrophes and the ones that were left out put back.
	was string
}

func tokenise(text string) []token {
	fields := strings.Fields(text)
	tokens := make([]token, 0, len(fields))
	for _, field := range fields {
		t, spoken := tokenOf(field)
		if !spoken { // a dash or a smiley: keep it with the word before when it parts clauses
			if n := len(tokens); n > 0 && dash(field) && tokens[n-1].after == "" {
				tokens[n-1].after = " –"
			}
			continue
		}
		tokens = append(tokens, t)
	}
	return tokens
}

func tokenOf(field string) (t token, spoken bool) {
	start := strings.IndexFunc(field, wordRune)
	if start < 0 {
		return token{}, field == "&"
	}
	end := strings.LastIndexFunc(field, wordRune)
	_, size := utf8.DecodeRuneInString(field[end:])
	end += size
	t = token{before: field[:start], word: apostrophes.Replace(field[start:end]), after: field[end:]}
	t.was = strings.ToLower(t.word)
	if whole, found := unapostrophed[t.was]; found {
		t.word, t.was = matchCase(whole, t.word), whole
	}
	return t, true
}

func dash(field string) bool { return strings.Trim(field, "-–—") == "" }

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

var apostrophes = strings.NewReplacer("’", "'", "‘", "'", "ʼ", "'", "`", "'")

func join(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.before + t.word + t.after)
	}
	return b.String()
}

func matchCase(word, like string) string {
	if first, _ := utf8.DecodeRuneInString(like); unicode.IsUpper(first) {
		return Capitalised(word)
	}
	return word
}

// Capitalised begins s with a capital.
func Capitalised(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if first == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

func lowered(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if first == utf8.RuneError {
		return s
	}
	return string(unicode.ToLower(first)) + s[size:]
}

func wordSet(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}
