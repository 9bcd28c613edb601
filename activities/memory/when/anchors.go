package when

import (
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// Relation is how a time lies to an event.
type Relation string

// The relations that a question may name.
const (
	Before Relation = "before"
	After  Relation = "after"
	During Relation = "during"
)

// Anchor is an event by which a question names a time: "before the move". When it was
// has to be looked up.
type Anchor struct {
	Relation Relation
	// Event is what happened, in the words of the question: "the move", "I was in Rome".
	Event string
	// Start and End are the byte offsets of the whole in the text.
	Start, End int
}

var relationWords = map[string]Relation{
	"before": Before, "until": Before, "till": Before, "after": After, "since": After,
	"when": During, "while": During, "during": During, "whilst": During,
}

// Anchors returns the events by which a question names a time, in its order. The "when"
// that asks is none, nor is what [Parse] reads as a time.
func Anchors(question string) []Anchor {
	r := reader{words: wordsOf(question)}
	var anchors []Anchor
	for i := 0; i < len(r.words); {
		relation, known := relationWords[r.words[i].lower]
		if !known || r.asks(i) || r.behind(i, "look", "looks", "looked", "looking", "named", "long") {
			i++
			continue
		}
		end := r.eventEnd(i + 1)
		event := ""
		if end > i+1 {
			event = question[r.words[i+1].start:r.words[end-1].end]
		}
		if _, next := r.named(i + 1); len(lexicon.Terms(event)) == 0 || next > i+1 {
			i++
			continue
		}
		anchors = append(anchors, Anchor{Relation: relation, Event: event, Start: r.words[i].start, End: r.words[end-1].end})
		i = end
	}
	return anchors
}

// asks reports whether the word at i asks: "When did ...".
func (r reader) asks(i int) bool { return r.words[i].lower == "when" && r.is(i+1, auxiliaries...) }

var auxiliaries = strings.Fields("did do does is are was were will would has have had can could should shall may might")

// eventEnd is where the words of an event that begins at i end: with the clause.
func (r reader) eventEnd(i int) int {
	end := i
	for end < len(r.words) {
		w := r.words[end].lower
		if end > i && (strings.ContainsAny(r.words[end].gap, stops) || slices.Contains([]string{"who", "what", "which", "where", "why", "how", "did", "does", "do"}, w)) {
			break
		}
		if _, another := relationWords[w]; another && end > i {
			break
		}
		end++
	}
	return end
}
