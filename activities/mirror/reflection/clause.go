package reflection

import (
	"slices"
	"strings"
	"unicode"

	"meai/internal/lexicon"
)

const (
	fewestWords = 2
	// mostWords is what a listener gives back in one breath.
	mostWords = 22
	// mostLetters in one word; longer ones are no English.
	mostLetters = 24
)

// A Clause is something the person said, turned to the listener's side.
type Clause struct {
	// Text continues a sentence: "your sister Maya moved to Lisbon".
	Text string
	// Said is what the person wrote.
	Said string
	// Embeds tells whether it can follow "that": it is a whole clause, and its
	// first word is known to be written small.
	Embeds bool
	// Loaded clauses judge, or claim what nobody can know; a listener gives them
	// back as how it seems to the person.
	Loaded bool
	// Viewed clauses say themselves that they are a view: "you think that".
	Viewed bool
	// Judges is set for loaded clauses and for views with the same content.
	Judges bool
	// Leads clauses begin with a word that wants to stand first: "since", "today".
	Leads bool
	// SelfReport clauses say in a few words how the person is.
	SelfReport bool

	weight int
	// place is the number of the sentence, from and to the words within it.
	place, from, to int
}

// Sentence is the clause as a sentence begins with it.
func (c Clause) Sentence() string { return Capitalised(c.Text) }

// Terms are the stems of the clause's content words.
func (c Clause) Terms() []string { return lexicon.Terms(c.Said) }

// Clauses returns what can be given back of a text, weightiest first. Questions
// are left out; see [Indirect].
func Clauses(text string) []Clause {
	text = quieted(Clean(text))
	names := namesIn(text)
	var found []Clause
	for place, sentence := range lexicon.Sentences(text) {
		if IsQuestion(sentence) {
			continue
		}
		for _, piece := range pieces(tokenise(sentence)) {
			if c, ok := clauseOf(piece.words, names); ok {
				c.place, c.from, c.to = place, piece.from, piece.to
				found = append(found, c)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Clause) int { return b.weight - a.weight })
	return found
}

// IsQuestion reports whether a sentence asks something.
func IsQuestion(sentence string) bool {
	sentence = strings.TrimRight(sentence, " )\"'”’!")
	if strings.HasSuffix(sentence, "?") {
		return true
	}
	words := lexicon.Words(sentence)
	if len(words) < 3 {
		return false
	}
	return words[0] == "remember" || words[0] == "remind" || interrogatives[words[0]] && (auxiliaries[words[1]] || contractedIs[words[0]]) ||
		inverting[words[0]] && pronouns[words[1]] && words[1] != "that"
}

// quieted lowers a text that is mostly shouted, and long words that are.
func quieted(text string) string {
	letters, capitals := 0, 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
		}
		if unicode.IsUpper(r) {
			capitals++
		}
	}
	if letters > 4 && capitals*2 > letters {
		return strings.ToLower(text)
	}
	words := strings.Fields(text)
	for i, word := range words {
		if len(word) > 4 && word == strings.ToUpper(word) && word != strings.ToLower(word) && len(word) == len(strings.ToLower(word)) {
			words[i] = strings.ToLower(word)
		}
	}
	return strings.Join(words, " ")
}

// clauseOf turns a group of words.
func clauseOf(words []token, names map[string]bool) (Clause, bool) {
	words = trimmed(words)
	if len(words) < fewestWords || len(words) > mostWords || slices.ContainsFunc(words, foreign) || words[0].was == "which" ||
		len(words) == fewestWords && (!whole(words) || musing[words[1].was]) {
		return Clause{}, false
	}
	said := join(words)
	shifted, ok := shift(words)
	if !ok || len(shifted) < fewestWords {
		return Clause{}, false
	}
	first := &shifted[0]
	small := begins(*first, names)
	if small {
		first.word = lowered(first.word)
	}
	c := Clause{Text: join(shifted), Said: said, Embeds: small && whole(words[:cutsOf(words)[1].at])}
	c.Viewed, c.Judges = viewed(words), judges(words)
	c.Loaded = c.Judges && !c.Viewed
	c.Leads = subordinators[words[0].was] || leading[words[0].was]
	c.SelfReport = len(words) <= 6 && reports(words)
	c.weight = weigh(words)
	if c.Loaded {
		c.weight -= 4 // better something that can be said as it is
	}
	return c, true
}

// judges reports whether the words pass a judgement or say more than anyone can
// know.
func judges(words []token) bool {
	verdict, all := false, false
	var said strings.Builder
	for _, t := range words {
		if loaded[t.was] {
			return true
		}
		verdict, all = verdict || all && verdictVerbs[t.was], all || allOrNone[t.was]
		said.WriteString(" " + t.was)
	}
	said.WriteByte(' ')
	return verdict || slices.ContainsFunc(loadedPhrases, func(p string) bool { return strings.Contains(said.String(), p) })
}

// trimmed leaves out the fillers before and the punctuation around a clause.
func trimmed(words []token) []token {
	words = slices.Clone(words)
	if end := slices.IndexFunc(words, func(t token) bool { return laughs[t.was] }); end > 2 {
		words = words[:end]
	}
	words = unthanked(words)
	for len(words) > 0 && (dropped[words[0].was] || openers[words[0].was] && (words[0].after != "" || !keptOpeners[words[0].was])) {
		words = words[1:]
	}
	for len(words) > 0 && dropped[words[len(words)-1].was] {
		words = words[:len(words)-1]
	}
	if n := len(words); n > 4 && words[n-2].was == "i" && musing[words[n-1].was] {
		words = words[:n-2]
	}
	if len(words) > 0 {
		words[0].before = ""
		words[len(words)-1].after = ""
		if subjectless[words[0].was] && words[0].word != words[0].was { // only at the beginning of a sentence
			words[0].word = words[0].was
			words = slices.Concat([]token{{word: "I", was: "i"}}, words)
		}
	}
	return words
}

// unthanked leaves out the thanks that a sentence begins with.
func unthanked(words []token) []token {
	if len(words) < 4 || words[0].was != "thanks" && !(words[0].was == "thank" && words[1].was == "you") {
		return words
	}
	for i, t := range words[:min(6, len(words))] {
		if strings.ContainsAny(t.after, ",;:!–") {
			return words[i+1:]
		}
	}
	return words
}

// leading words stand first and let no "so" or "that" before them.
var leading = wordSet(`today yesterday tonight sometimes lately now right this last next maybe perhaps suddenly finally here there's`)

// musing verbs trail off: "it was fine, I guess".
var musing = wordSet(`guess think suppose know mean`)

// foreign reports whether a word cannot be English.
func foreign(t token) bool {
	return len(t.word) > mostLetters || strings.ContainsFunc(t.word, func(r rune) bool {
		return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r)
	})
}

// begins reports whether the first word of a clause is written small within a
// sentence.
func begins(t token, names map[string]bool) bool {
	switch {
	case turned[t.was] != "" || t.word == lowered(t.word):
		return true
	case names[t.was]:
		return false
	}
	base, _, _ := strings.Cut(t.was, "'")
	return plainStarts[t.was] || lexicon.StopWord(t.was) || lexicon.StopWord(base)
}

// namesIn are the words that a text writes with a capital inside a sentence.
func namesIn(text string) map[string]bool {
	names := make(map[string]bool)
	for _, sentence := range lexicon.Sentences(text) {
		for i, t := range tokenise(sentence) {
			if i > 0 && t.word != lowered(t.word) && turned[t.was] == "" {
				names[t.was] = true
			}
		}
	}
	return names
}

// whole reports whether the words have a subject and a finite verb.
func whole(words []token) bool {
	if finite[words[0].was] && words[0].was != "work" || strings.HasSuffix(words[0].was, "ing") {
		return false // "bought milk", "feeling low": no subject
	}
	for i, t := range words {
		if strings.Contains(t.was, "'") && i == 0 && pronouns[base(t.was)] {
			return true
		}
		if i > 0 && (finite[t.was] || pronouns[words[i-1].was] || strings.HasSuffix(t.was, "ed") && !between[words[i-1].was] && !degrees[words[i-1].was]) {
			return true
		}
	}
	return false
}

// degrees stand before what is no verb: "so tired".
var degrees = wordSet(`so very too quite a an the more most pretty kinda extremely super`)

func base(word string) string {
	base, _, _ := strings.Cut(word, "'")
	return base
}

// viewed reports whether the speaker already marks the clause as a view.
func viewed(words []token) bool {
	for i := 0; i+1 < len(words) && i < 3; i++ {
		if (words[i].was == "i" || words[i].was == "it") && (attributed[words[i+1].was] || i+2 < len(words) && between[words[i+1].was] && attributed[words[i+2].was]) {
			return true
		}
	}
	return false
}

// reports: "I'm exhausted", "I feel so alone".
func reports(words []token) bool {
	if words[0].was != "i'm" && !(words[0].was == "i" && len(words) > 1 && (words[1].was == "feel" || words[1].was == "am" || words[1].was == "felt")) {
		return false
	}
	return slices.ContainsFunc(words, func(t token) bool { return feelingStems[lexicon.Stem(t.was)] })
}

// weigh grows with what a clause tells about the speaker.
func weigh(words []token) int {
	own, felt, content, events := 0, 0, 0, 0
	for _, t := range words {
		stem := lexicon.Stem(t.was)
		if turned[t.was] != "" {
			own++
		}
		if feelingStems[stem] {
			felt++
		}
		if eventStems[stem] || eventStems[t.was] {
			events++
		}
		if !lexicon.StopWord(t.was) {
			content++
		}
	}
	weight := 2*min(own, 2) + 2*min(felt, 2) + min(content, 6) + 3*min(events, 2)
	if len(words) < 4 && events == 0 {
		weight -= 2
	}
	if whole(words) {
		weight += 2
	}
	if content == 0 && felt == 0 {
		weight -= 4 // "that is it": nothing to take up
	}
	return weight
}
