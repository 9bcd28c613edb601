// Package reflection turns a person's own words round, so that a listener can
// give them back: "I miss my sister" becomes "you miss your sister". It works on
// English, by rules alone, and says so when a text is beyond them.
package reflection

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shift turns a clause from the speaker's side to the listener's: I, me, my and
// their forms become you, your; the verb "to be" follows. It reports false when
// the turned clause could be wrong: when the words speak to the listener ("you")
// or quote somebody.
func Shift(clause string) (string, bool) {
	tokens := tokenise(clause)
	if len(tokens) == 0 {
		return "", false
	}
	s := shifter{tokens: tokens}
	for i := range tokens {
		if !s.turn(i) {
			return "", false
		}
	}
	return join(tokens), true
}

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
		start := strings.IndexFunc(field, wordRune)
		if start < 0 {
			tokens = append(tokens, token{before: field})
			continue
		}
		end := strings.LastIndexFunc(field, wordRune)
		_, size := utf8.DecodeRuneInString(field[end:])
		end += size
		t := token{before: field[:start], word: straighten(field[start:end]), after: field[end:]}
		t.was = strings.ToLower(t.word)
		if whole, found := unapostrophed[t.was]; found {
			t.word, t.was = matchCase(whole, t.word), whole
		}
		tokens = append(tokens, t)
	}
	return tokens
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func straighten(word string) string {
	return strings.NewReplacer("’", "'", "‘", "'", "ʼ", "'").Replace(word)
}

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

// unapostrophed are contractions as typed in haste. Those that are words of
// their own ("were", "well", "id", "ill", "shed") are left alone.
var unapostrophed = map[string]string{
	"im": "i'm", "ive": "i've",
	"dont": "don't", "doesnt": "doesn't", "didnt": "didn't",
	"isnt": "isn't", "arent": "aren't", "wasnt": "wasn't", "werent": "weren't",
	"cant": "can't", "couldnt": "couldn't", "wouldnt": "wouldn't", "shouldnt": "shouldn't", "wont": "won't",
	"havent": "haven't", "hasnt": "hasn't", "hadnt": "hadn't",
	"thats": "that's", "theres": "there's", "shes": "she's", "hes": "he's", "theyre": "they're",
}

// turned maps the speaker's words to the listener's.
var turned = map[string]string{
	"i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself",
	"i'm": "you're", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
	"we": "you", "us": "you", "our": "your", "ours": "yours", "ourselves": "yourselves",
	"we're": "you're", "we've": "you've", "we'd": "you'd", "we'll": "you'll",
}

// toListener are words that speak to the listener, or to anyone at all.
var toListener = wordSet(`you your yours yourself yourselves you're you've you'd you'll u ur ya meai`)

// amForms follow only "I".
var amForms = map[string]string{"am": "are", "was": "were", "wasn't": "weren't", "ain't": "aren't"}

// between may stand between "I" and its verb.
var between = wordSet(`just really always also never still only so already probably honestly even often almost
	actually simply truly definitely clearly both suddenly currently usually sometimes literally finally once then now myself`)

// joins continue a subject: "I sat down and was fine".
var joins = wordSet(`and but or then`)

var subjects = wordSet(`i he she it they we that who which this there you`)

type shifter struct {
	tokens []token
	// subject is the pronoun that spoke last, "" after another kind of subject.
	subject string
}

// turn replaces one word. It reports false when the clause had better be left.
func (s *shifter) turn(i int) bool {
	t := &s.tokens[i]
	if toListener[t.was] || strings.ContainsAny(t.before+t.after, "\"“”«»") {
		return false
	}
	if base, _, found := strings.Cut(t.was, "'"); subjects[t.was] || found && subjects[base] {
		s.subject = base
	}
	if verb, found := amForms[t.was]; found && s.speaksOfSelf(i) {
		t.word = verb
		return true
	}
	if word, found := turned[t.was]; found {
		if t.was == "us" && t.word == "US" {
			return true // the country
		}
		t.word = word
		if i == 0 {
			t.word = capitalised(word)
		}
	}
	return true
}

// speaksOfSelf reports whether the verb at i belongs to an "I".
func (s *shifter) speaksOfSelf(i int) bool {
	for k := i - 1; k >= 0; k-- {
		switch was := s.tokens[k].was; {
		case was == "i":
			return true
		case joins[was]:
			return s.subject == "i"
		case !between[was]:
			return s.inverted(i)
		}
	}
	return s.inverted(i)
}

// inverted is the order of questions: "was I wrong?"
func (s *shifter) inverted(i int) bool {
	return i+1 < len(s.tokens) && s.tokens[i+1].was == "i"
}

func wordSet(list string) map[string]bool {
	set := make(map[string]bool)
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

func matchCase(word, like string) string {
	if first, _ := utf8.DecodeRuneInString(like); unicode.IsUpper(first) {
		return capitalised(word)
	}
	return word
}

func capitalised(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if first == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}
