package truthfilter

import (
	"regexp"
	"strings"
	"unicode"

	"meai/internal/lexicon"
)

var clauseBreak = regexp.MustCompile(`[.,;:!?"]| - | but | and | because | although | though | while | so | which `)

const (
	// sharedShare is how much of a clause's content another clause has to hold
	// before a differing negation counts as a contradiction.
	sharedShare = 0.75
	// sharedTerms is the least number of content words in common; with fewer, two
	// clauses need not be about the same thing.
	sharedTerms = 2
)

// contradicts finds a sentence of the draft that says the opposite of one of the
// person's: the same content about them, with one of the two negated. It is a
// check for the plain case and does not understand more than that.
func contradicts(drafted, words string) (said, told string, found bool) {
	theirs := statements(words, person)
	for _, ours := range statements(drafted, companion) {
		for _, their := range theirs {
			if ours.negated != their.negated && ours.sameAs(their) {
				return ours.sentence, their.sentence, true
			}
		}
	}
	return "", "", false
}

// A statement is a clause about the person.
type statement struct {
	sentence string
	terms    map[string]bool
	negated  bool
}

func statements(text string, by speaker) []statement {
	var found []statement
	for _, sentence := range lexicon.Sentences(text) {
		if strings.HasSuffix(sentence, "?") {
			continue
		}
		for _, clause := range clauseBreak.Split(plain(sentence), -1) {
			if s, ok := statementOf(clause, by); ok {
				s.sentence = sentence
				found = append(found, s)
			}
		}
	}
	return found
}

// opposites read as the negation of another stem: "you hate your job" denies
// "I love my job".
var opposites = func() map[string]string {
	pairs := map[string]string{
		"hate": "love", "hated": "love", "loathe": "love", "dislike": "like",
		"failed": "passed", "fail": "pass", "lost": "won", "lose": "win",
		"sad": "happy", "unhappy": "happy", "rejected": "accepted", "dead": "alive",
		"worse": "better", "left": "stayed", "unsafe": "safe",
	}
	byStem := make(map[string]string, len(pairs))
	for word, opposite := range pairs {
		byStem[lexicon.Stem(word)] = lexicon.Stem(opposite)
	}
	return byStem
}()

func statementOf(clause string, by speaker) (statement, bool) {
	s := statement{terms: map[string]bool{}}
	aboutPerson := false
	for _, w := range voices(clause, by) {
		switch {
		case w == "<person>":
			aboutPerson = true
		case negators[w] && w != "rather" && w != "instead":
			s.negated = true
		case !lexicon.StopWord(w):
			term := lexicon.Stem(w)
			if base, found := opposites[term]; found {
				term, s.negated = base, !s.negated
			}
			s.terms[term] = true
		}
	}
	return s, aboutPerson && len(s.terms) >= sharedTerms
}

func (s statement) sameAs(o statement) bool {
	shared := 0
	for term := range s.terms {
		if o.terms[term] {
			shared++
		}
	}
	smaller := min(len(s.terms), len(o.terms))
	larger := max(len(s.terms), len(o.terms))
	return shared >= sharedTerms && float64(shared) >= sharedShare*float64(smaller) && larger <= 2*smaller
}

func setOf(terms []string) map[string]bool {
	set := make(map[string]bool, len(terms))
	for _, t := range terms {
		set[t] = true
	}
	return set
}

// stems is the set of stems of the words listed.
func stems(listed string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(listed) {
		set[lexicon.Stem(w)] = true
	}
	return set
}

func isLetterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
