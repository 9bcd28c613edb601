package truthfilter

import (
	"cmp"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"meai/activities/truthfilter/models"
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

const (
	// mostCompared is how many pairs of sentences the model compares for one draft: those
	// with most content in common.
	mostCompared = 12
	// contradictOdds are the log odds, by the model, from which two sentences contradict
	// each other; chosen on the development statements, for few false alarms.
	contradictOdds = 1
	// deniedOdds are those from which they do where a rule sees that one denies the other.
	deniedOdds = -1
	// fewWords are too few to say anything that could be contradicted.
	fewWords = 3
)

// conversation is what a draft answers to, and what was said before by either side.
type conversation struct {
	words   string
	earlier []string
}

func (in ReviewInput) told() conversation {
	c := conversation{words: in.Words, earlier: slices.Clone(in.Earlier)}
	for _, m := range in.Memories {
		c.earlier = append(c.earlier, m.Text)
	}
	return c
}

// An opposition is a sentence that contradicts one that was told.
type opposition struct{ said, told string }

func (o opposition) reason() Reason {
	return Reason{Code: "contradiction", Words: o.said, Against: o.told}
}

// opposes finds a sentence of a draft that contradicts one that was told: by a rule for the
// plain case that one of them denies the other, which the model knows less well, or by the
// model.
func (f *Filter) opposes(drafted string, told conversation) (opposition, bool) {
	read := map[string]models.Passage{}
	passage := func(sentence string) models.Passage {
		if _, known := read[sentence]; !known {
			read[sentence] = f.models.Passage(sentence)
		}
		return read[sentence]
	}
	oddsOf := func(p opposition) float64 {
		before, now := passage(p.told), passage(p.said)
		if before == nil || now == nil {
			return math.Inf(-1)
		}
		return f.models.Contradiction(before, now)
	}
	if o, certain, found := denies(drafted, told.words); found && (certain || oddsOf(o) >= deniedOdds) {
		return o, true
	}
	worst, odds := opposition{}, float64(contradictOdds)
	for _, p := range likeliestPairs(drafted, told) {
		if o := oddsOf(p); o >= odds {
			worst, odds = p, o
		}
	}
	return worst, worst.said != ""
}

// likeliestPairs are the pairs of a sentence of the draft and one that was told that have
// most content in common, at most [mostCompared]. Of earlier texts only what shares more
// with it than the words that it answers: things change, and what is told now counts.
func likeliestPairs(drafted string, told conversation) []opposition {
	type pair struct {
		opposition
		shared int
	}
	var all []pair
	now, before := claimsOf(told.words), []claimed{}
	for _, e := range told.earlier {
		before = append(before, claimsOf(e)...)
	}
	for _, ours := range claimsOf(drafted) {
		most := 0
		for _, theirs := range now {
			shared := common(ours.terms, theirs.terms)
			most = max(most, shared)
			if shared > 0 && !ours.repeats(theirs) && !theirs.repeats(ours) {
				all = append(all, pair{opposition{ours.sentence, theirs.sentence}, shared})
			}
		}
		for _, theirs := range before {
			if shared := common(ours.terms, theirs.terms); shared > most && !ours.repeats(theirs) && !theirs.repeats(ours) {
				all = append(all, pair{opposition{ours.sentence, theirs.sentence}, shared})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pair) int { return cmp.Compare(b.shared, a.shared) })
	likeliest := make([]opposition, min(len(all), mostCompared))
	for i := range likeliest {
		likeliest[i] = all[i].opposition
	}
	return likeliest
}

// claimed is a sentence that asserts something, with its content words that last: without
// feelings and turns of phrase.
type claimed struct {
	sentence string
	terms    map[string]bool
	whole    utterance
	// parts are its clauses.
	parts []utterance
}

// utterance is what is said at once: its content words, and whether an odd number of words
// negates it.
type utterance struct {
	terms        map[string]bool
	oddlyNegated bool
}

func utteranceOf(text string) utterance {
	u := utterance{terms: setOf(lexicon.Terms(text))}
	for _, w := range lexicon.Words(text) {
		u.oddlyNegated = u.oddlyNegated != negators[w]
	}
	return u
}

func claimsOf(text string) []claimed {
	var all []claimed
	for _, s := range assertions(text) {
		text := plain(s)
		c := claimed{sentence: s, terms: map[string]bool{}, whole: utteranceOf(text)}
		for term := range c.whole.terms {
			if !withoutContent[term] && !ofFeelings[term] {
				c.terms[term] = true
			}
		}
		for _, clause := range clauseBreak.Split(text, -1) {
			c.parts = append(c.parts, utteranceOf(clause))
		}
		all = append(all, c)
	}
	return all
}

// repeats reports whether a sentence, or a clause of it, holds all that another one says: the
// companion gives back what the person wrote, or a part of it.
func (c claimed) repeats(o claimed) bool {
	return c.whole.holds(o.whole) || slices.ContainsFunc(c.parts, func(u utterance) bool { return u.holds(o.whole) })
}

// holds reports whether an utterance says all that another one does, thanks apart.
func (u utterance) holds(o utterance) bool {
	for term := range o.terms {
		if !u.terms[term] && !withoutContent[term] && !feelings["gratitude"].stems[term] {
			return false
		}
	}
	return u.oddlyNegated == o.oddlyNegated
}

// ofFeelings are the stems of all words for feelings.
var ofFeelings = func() map[string]bool {
	all := map[string]bool{}
	for _, f := range feelings {
		maps.Copy(all, f.stems)
	}
	return all
}()

// common is how many terms two sets have in common.
func common(a, b map[string]bool) int {
	shared := 0
	for term := range a {
		if b[term] {
			shared++
		}
	}
	return shared
}

// assertions are the sentences of a text that may assert something.
func assertions(text string) []string {
	return slices.DeleteFunc(lexicon.Sentences(text), func(s string) bool {
		return strings.HasSuffix(s, "?") || len(strings.Fields(s)) < fewWords
	})
}

// denies finds a sentence of the draft that says the same about the person as one of
// theirs, with one of the two negated, or for certain with another number, weekday or month.
func denies(drafted, words string) (o opposition, certain, found bool) {
	theirs := statements(words, person)
	for _, ours := range statements(drafted, companion) {
		for _, their := range theirs {
			certain = ours.differsFrom(their)
			if certain || ours.denies(their) {
				return opposition{ours.sentence, their.sentence}, certain, true
			}
		}
	}
	return opposition{}, false, false
}

// A statement is a clause about the person.
type statement struct {
	sentence string
	terms    map[string]bool
	negated  bool
	// slots hold the one value of each kind that it has, such as a month; "" where it has
	// several.
	slots map[string]string
}

// slotKinds tell what a word fills a slot of a kind with.
var slotKinds = func() map[string]string {
	kinds := map[string]string{}
	for kind, words := range map[string]string{
		"weekday": "monday tuesday wednesday thursday friday saturday sunday",
		"month":   "january february march april may june july august september october november december",
		"number": "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty " +
			"thirty forty fifty sixty seventy eighty ninety",
	} {
		for _, w := range strings.Fields(words) {
			kinds[w] = kind
		}
	}
	return kinds
}()

// fill notes what a word says in a slot; false for any other word.
func (s statement) fill(word string) bool {
	kind, found := slotKinds[word]
	if !found && isDigit(word[0]) {
		kind, found = "number", true
	}
	if found {
		if _, twice := s.slots[kind]; twice {
			word = ""
		}
		s.slots[kind] = word
	}
	return found
}

// differsFrom reports whether two statements say the same with something else in a slot.
func (s statement) differsFrom(o statement) bool {
	same := len(s.terms) == len(o.terms) && common(s.terms, o.terms) == len(s.terms)
	if s.negated || o.negated || len(s.terms) == 0 || !same {
		return false
	}
	for kind, value := range s.slots {
		if other := o.slots[kind]; value != "" && other != "" && value != other {
			return true
		}
	}
	return false
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

func statementOf(clause string, by speaker) (statement, bool) {
	s := statement{terms: map[string]bool{}, slots: map[string]string{}}
	aboutPerson := false
	for _, w := range voices(clause, by) {
		switch {
		case w == "<person>":
			aboutPerson = true
		case negators[w] && w != "rather" && w != "instead":
			s.negated = true
		case s.fill(w):
		case !lexicon.StopWord(w):
			s.terms[lexicon.Stem(w)] = true
		}
	}
	return s, aboutPerson && (len(s.terms) >= sharedTerms || len(s.slots) > 0)
}

// denies reports whether two statements say the same, but for either a negation or words
// in whose place the other has their opposite; not for both.
func (s statement) denies(o statement) bool {
	turned := opposed(s.terms, o.terms)
	if (s.negated != o.negated) == (turned > 0) {
		return false
	}
	shared := common(s.terms, o.terms) + turned
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
