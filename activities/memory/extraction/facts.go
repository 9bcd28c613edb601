package extraction

import (
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// Fact is something that a message states to hold, or to hold no longer.
type Fact struct {
	// Subject is whom it is about, as in [Mention]; "" for the person who speaks.
	Subject string
	// Slot is the question that the fact answers, such as "home": one answer at a time is
	// true, and a new one closes the last.
	Slot string
	// Label says what holds, before the object: "lives in".
	Label string
	// Object is what the label needs, as it was written; "" only with Ends.
	Object     string
	ObjectType Type
	// Ends says that it holds no longer: what the slot holds of this object, or of any
	// when there is none.
	Ends bool
	// Sentence is the place of the sentence in the text, from 0, for when it began.
	Sentence int
	// Inferred: a model has read it, not the forms.
	Inferred bool
}

// Facts are what a text states, in order. What is wished, asked, feared or denied in
// other ways than those of a change is not among them.
func Facts(text string) []Fact {
	var found []Fact
	var cast people
	for i, sentence := range lexicon.Sentences(text) {
		if strings.HasSuffix(strings.TrimSpace(sentence), "?") {
			continue
		}
		subject, known := "", false
		for _, clause := range clauses(tokensOf(sentence)) {
			who, rest, ok := cast.subjectOf(clause)
			if ok {
				subject, known = who, true
			} else if !known || !continues(clause) {
				cast.see(clause)
				continue
			} else {
				rest = clause[1:]
			}
			for _, f := range stated(rest) {
				f.Subject, f.Sentence = subject, i
				found = append(found, f)
			}
			cast.see(clause)
		}
	}
	return slices.CompactFunc(found, func(a, b Fact) bool {
		return a.Subject == b.Subject && a.Slot == b.Slot && Normal(a.Object) == Normal(b.Object) && a.Ends == b.Ends
	})
}

// joining words begin a clause of its own.
var joining = table("and but so because then while although though since until when after before if that who which or")

// doubting words at a clause's beginning make it no statement.
var doubting = table("if when until unless before whether suppose imagine")

// clauses cuts a sentence at punctuation and joining words, which stay at their beginning.
func clauses(tokens []token) [][]token {
	var cut [][]token
	begin := 0
	for i, t := range tokens {
		if i > begin && has(joining, t.lower) {
			cut = append(cut, tokens[begin:i])
			begin = i
		}
		if t.ends {
			cut = append(cut, tokens[begin:i+1])
			begin = i + 1
		}
	}
	if begin < len(tokens) {
		cut = append(cut, tokens[begin:])
	}
	return cut
}

// continues: the clause goes on about the subject of the one before ("and moved to Rome").
func continues(clause []token) bool {
	first := clause[0].lower
	return first == "and" || first == "but" || first == "then"
}

// people are those a text has spoken of, for the pronouns that follow.
type people struct {
	last map[string]string // by pronoun
}

// see remembers whom a clause names. A relation tells the pronoun; a bare name goes
// with either, and "they" with all.
func (p *people) see(clause []token) {
	if p.last == nil {
		p.last = map[string]string{}
	}
	for _, m := range mentionsInSentence(clause) {
		if m.Type != Person && m.Type != "" {
			continue
		}
		kin := m.Kin
		if kin == "" && has(relations, Normal(m.Name)) {
			kin = Normal(m.Name)
		}
		switch {
		case has(women, kin):
			p.last["she"] = m.Name
		case has(men, kin):
			p.last["he"] = m.Name
		default:
			p.last["she"], p.last["he"] = m.Name, m.Name
		}
	}
}

var (
	women = table("mother sister daughter wife girlfriend grandmother aunt niece fiancee")
	men   = table("father brother son husband boyfriend grandfather uncle nephew")
)

// subjectOf finds whom a clause is about and what it says of them.
func (p *people) subjectOf(clause []token) (who string, rest []token, ok bool) {
	for len(clause) > 0 && has(joining, clause[0].lower) {
		if has(doubting, clause[0].lower) {
			return "", nil, false
		}
		clause = clause[1:]
	}
	for len(clause) > 1 && has(leading, clause[0].lower) {
		clause = clause[1:]
	}
	if len(clause) < 2 {
		return "", nil, false
	}
	pronoun, tail, contracted := strings.Cut(clause[0].lower, "'")
	rest = clause[1:]
	if contracted { // "I'm", "she's": the verb is a part of the word
		rest = append([]token{{lower: "'" + tail}}, rest...)
	}
	switch pronoun {
	case "i", "we":
		return "", rest, true
	case "he", "she":
		who, ok = p.last[pronoun]
		return who, rest, ok
	}
	return named(clause)
}

// named finds a subject that is a name or one of the person's own.
func named(clause []token) (who string, rest []token, ok bool) {
	for i := range min(len(clause)-1, 3) {
		if kin, related := relationAt(clause, i); related {
			if name, last := nameAt(clause, i+1); name != "" && last+1 < len(clause) && !clause[i].ends {
				return name, clause[last+1:], !possessive(clause[last])
			}
			return kin, clause[i+1:], !possessive(clause[i])
		}
	}
	name, last := nameAt(clause, 0)
	if name == "" || last+1 >= len(clause) || clause[last].ends || possessive(clause[last]) {
		return "", nil, false
	}
	return name, clause[last+1:], true
}

// leading words may stand before the subject.
var leading = table("now today yesterday finally recently luckily sadly apparently actually anyway well oh yes so also still this last next week month year")
