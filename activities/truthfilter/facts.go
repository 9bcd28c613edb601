package truthfilter

import (
	"strings"

	"meai/activities/truthfilter/misconceptions"
	"meai/activities/truthfilter/models"
	"meai/internal/embedding"
	"meai/internal/lexicon"
)

// misconception is the reason's code.
const misconception = "misconception"

const (
	// candidates is how many entries of the list a sentence is compared with.
	candidates = 3
	// leastAlike is the cosine from which a sentence states the same as a claim, and
	// leastCloser how much closer it has to be to the claim than to what is so. Chosen on
	// a half of TruthfulQA, for few false alarms: facts are said to be contradicted only
	// where a sentence is close to the list's own.
	leastAlike, leastCloser = 0.8, 0.1
	// leastFalse are the log odds, by the model, that the sentence states something false.
	// Above even odds are some headings that say nothing: "Falling asleep more easily".
	leastFalse = 1
)

// A misstatement is a sentence that states a misconception.
type misstatement struct {
	sentence string
	entry    *misconceptions.Entry
}

func (m misstatement) reason() Reason {
	return Reason{Code: misconception, Words: m.sentence, Against: m.entry.Facts[0], Source: m.entry.Source}
}

// misstatementIn finds the first sentence of a text that states a misconception as its
// own: not one that asks, nor one that gives back what somebody says.
func misstatementIn(m *models.Models, text string) (misstatement, bool) {
	for _, sentence := range lexicon.Sentences(text) {
		if strings.HasSuffix(sentence, "?") {
			continue
		}
		near := misconceptions.List.Near(sentence, candidates)
		if len(near) == 0 || attribution.MatchString(plain(sentence)) {
			continue
		}
		if entry, found := statedOf(m, sentence, near); found {
			return misstatement{sentence, entry}, true
		}
	}
	return misstatement{}, false
}

// statedOf finds the entry whose claim the sentence is closest to, when it states that.
func statedOf(m *models.Models, sentence string, near []misconceptions.Match) (*misconceptions.Entry, bool) {
	vector := m.Vector(sentence)
	if vector == nil {
		return nil, false
	}
	var entry *misconceptions.Entry
	var claim string
	alike := 0.0
	for _, n := range near {
		if a, words := closest(m, vector, n.Claims); a > alike {
			alike, claim, entry = a, words, n.Entry
		}
	}
	if alike < leastAlike || denies(sentence) != denies(claim) {
		return nil, false
	}
	if fact, _ := closest(m, vector, entry.Facts); alike-fact < leastCloser {
		return nil, false
	}
	read, readable := m.Read(sentence)
	return entry, readable && read.False >= leastFalse
}

func closest(m *models.Models, vector []float32, texts []string) (cosine float64, text string) {
	for _, t := range texts {
		if c := embedding.Cosine(vector, m.Vector(t)); c > cosine {
			cosine, text = c, t
		}
	}
	return cosine, text
}

// denies reports whether a sentence has an odd number of negations.
func denies(sentence string) bool {
	odd := false
	for _, w := range strings.Fields(plain(sentence)) {
		if w = strings.Trim(w, ".,;:!?\""); negators[w] || deniers[w] {
			odd = !odd
		}
	}
	return odd
}

var deniers = map[string]bool{"myth": true, "false": true, "untrue": true, "contrary": true, "actually": true, "wrong": true, "legend": true, "misconception": true}
