package reflection

import (
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// mostPhrase is how many of a person's words a prompt takes up.
const mostPhrase = 6

// things are nouns for what matters to people, besides [people]. A noun that is
// not here is not taken up: rules alone cannot tell it from a verb, and what is
// mentioned in passing, as keys and hands are, is no subject.
var things = wordSet(`job work career shifts interview exam exams results grades thesis essay studies lessons course school university college degree
	project projects business shop company promotion contract deadline deadlines salary pension retirement apprenticeship application applications portfolio
	audition concert presentation speech flat house garden allotment farm neighbourhood village
	marriage wedding divorce engagement relationship breakup separation friendship birthday anniversary funeral pregnancy
	surgery operation appointment sleep appetite wheelchair rent debt debts bills savings mortgage
	journey trip holiday flight move diary music guitar piano violin choir band painting novel poems film language accent
	childhood youth faith church prayers dreams plans decision choice mistake mistakes
	temper anger fear fears worries grief guilt shame loneliness confidence hopes patience doubts
	training marathon race argument quarrel row promise apology routine freedom independence silence
	grandchildren grandson granddaughter goddaughter godson sponsor mates mate sisters brothers sons daughters aunts uncles cousins dogs cats
	students pupils customers classmates landlady teammates`)

// describing words may stand between "my" and a noun.
var describing = wordSet(`first second third last next final new old own little small big whole long short great good bad best worst only real
	former current previous old-fashioned empty quiet tiny huge late early older younger eldest youngest oldest spare favourite favorite
	broken lost dear dead second-hand weekly daily monthly annual driving swimming morning evening night sunday monday saturday friday
	beautiful lovely difficult hard careful slow elderly pregnant sick ill tired shy three two four five ten`)

// Things are what a text calls the speaker's own, and what it names by "the", on
// the listener's side and without names: "your sister", "the interview". What is
// the speaker's own comes first.
func Things(text string) []string {
	var own, other []string
	for _, sentence := range lexicon.Sentences(quieted(Clean(text))) {
		tokens := tokenise(sentence)
		for i := range tokens {
			thing, mine := thingAt(tokens, i)
			switch {
			case thing == "" || slices.Contains(own, thing) || slices.Contains(other, thing):
			case mine:
				own = append(own, thing)
			default:
				other = append(other, thing)
			}
		}
	}
	return append(own, other...)
}

// thingAt reads "my new job" at i.
func thingAt(tokens []token, i int) (thing string, mine bool) {
	first := tokens[i]
	mine = first.was == "my" || first.was == "our"
	if !mine && first.was != "the" || first.after != "" || !repeatable(first) {
		return "", false
	}
	words := []string{"the"}
	if mine {
		words[0] = "your"
	}
	end := 0
	for k := i + 1; k < len(tokens) && k-i < mostPhrase; k++ {
		t := tokens[k]
		if !repeatable(t) || t.word != strings.ToLower(t.word) || !describing[t.was] && !qualities[t.was] && !isNoun(noun(t)) {
			break
		}
		words = append(words, t.word)
		if isNoun(t.was) && endsAt(tokens, k) {
			end = len(words)
		}
		if t.after != "" {
			break
		}
	}
	if end == 0 {
		return "", false
	}
	return strings.Join(words[:end], " "), mine
}

func isNoun(word string) bool { return things[word] || people[word] }

// endsAt reports whether what follows the noun at k cannot belong to it: "my baby"
// in "my baby monitor" is no baby.
func endsAt(tokens []token, k int) bool {
	if tokens[k].after != "" || k+1 == len(tokens) {
		return !strings.ContainsAny(tokens[k].after, "-–")
	}
	next := tokens[k+1]
	return lexicon.StopWord(next.was) || lexicon.StopWord(base(next.was)) || finite[next.was] || strings.HasSuffix(next.was, "ed") ||
		people[tokens[k].was] && nameLike(next)
}

// Fragments are clauses of a text in a few words about the speaker, turned to the
// listener's side, that can follow "that". None is most of its sentence, judges
// anyone or holds a name.
func Fragments(text string) []string {
	var found []string
	for _, c := range Clauses(text) {
		words := lexicon.Words(c.Text)
		if !c.Embeds || c.Judges || c.Viewed || c.Leads || len(words) < 3 || len(words) > mostPhrase {
			continue
		}
		if !strings.HasPrefix(words[0], "you") || words[1] == "and" || slices.ContainsFunc(tokenise(c.Text), nameLike) || parroted(c.Text, text) != "" {
			continue
		}
		found = append(found, strings.TrimRight(c.Text, ".,;:!… "))
	}
	return found
}
