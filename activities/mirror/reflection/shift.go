// Package reflection gives a person's own words back and asks about them: prompts
// from a reviewed grammar ([Compose]), which a checker looks over ([Check]), and
// clauses turned round, so that a listener can say them ([Clauses]): "I miss my
// sister" becomes "you miss your sister". It works on English, by rules alone, and
// says so when a text is beyond them.
package reflection

import (
	"slices"
	"strings"
)

// Shift turns a clause from the speaker's side to the listener's: I, me, my and
// their forms become you, your; the verb "to be" follows. It reports false when
// the turned clause could be wrong: when the words speak to the listener ("you"),
// quote somebody, hold a link or are not to be repeated.
func Shift(clause string) (string, bool) {
	tokens, ok := shift(tokenise(clause))
	if !ok || len(tokens) == 0 {
		return "", false
	}
	return matchCase(join(tokens), strings.TrimLeftFunc(clause, func(r rune) bool { return !wordRune(r) })), true
}

func shift(tokens []token) ([]token, bool) {
	tokens = politely(tokens)
	s := shifter{tokens: tokens}
	kept := make([]token, 0, len(tokens))
	for i := range tokens {
		if dropped[tokens[i].was] {
			continue
		}
		if !repeatable(tokens[i]) {
			return nil, false
		}
		kept = append(kept, s.turn(i)...)
	}
	return kept, true
}

// politely puts the listener first: "my husband and I" becomes "I and my husband",
// to be turned into "you and your husband".
func politely(tokens []token) []token {
	if len(tokens) == 0 || tokens[0].was != "my" {
		return tokens
	}
	_, n := personAt(tokens, 0)
	if n == 0 || n+1 >= len(tokens) || tokens[n-1].after != "" || tokens[n].was != "and" || tokens[n+1].was != "i" {
		return tokens
	}
	others := slices.Clone(tokens[:n])
	others[0].word = lowered(others[0].word)
	return slices.Concat([]token{tokens[n+1], tokens[n]}, others, tokens[n+2:])
}

// repeatable reports whether a word may be said back.
func repeatable(t token) bool {
	return !outOfReach[t.was] && !strings.ContainsAny(t.before, `"“”„«»'‘’[{<`) &&
		!strings.ContainsAny(t.after, `"“”«»[]{}<>`) && !strings.ContainsAny(t.word, `/\@#<>{}|=*_"`)
}

type shifter struct {
	tokens []token
	// subject is the pronoun that spoke last.
	subject string
}

// turn returns what stands for the word at i on the listener's side.
func (s *shifter) turn(i int) []token {
	t := s.tokens[i]
	if base, _, _ := strings.Cut(t.was, "'"); pronouns[base] {
		s.subject = base
	}
	if verb, found := amForms[t.was]; found {
		if s.speaksOfSelf(i) {
			t.word = verb
		}
		return []token{t}
	}
	if word, found := turned[t.was]; found && t.word != "US" { // US is the country
		t.word = word
		return []token{t}
	}
	if kin[t.was] && t.word != t.was && !s.determined(i) {
		yours := token{before: t.before, word: "your", was: "my"}
		t.before, t.word = "", lowered(t.word)
		return []token{yours, t}
	}
	return []token{t}
}

// speaksOfSelf reports whether the verb at i belongs to an "I".
func (s *shifter) speaksOfSelf(i int) bool {
	if i+1 < len(s.tokens) && s.tokens[i+1].was == "i" {
		return true // "was I wrong?", "and so was I"
	}
	for k := i - 1; k >= 0; k-- {
		switch was := s.tokens[k].was; {
		case was == "i":
			return true
		case joins[was]:
			return s.subject == "i"
		case !between[was]:
			return false
		}
	}
	return false
}

// determined reports whether the noun at i is not a name: "my mum", "a dad".
func (s *shifter) determined(i int) bool {
	return i > 0 && (determiners[s.tokens[i-1].was] || strings.HasSuffix(s.tokens[i-1].was, "'s"))
}
