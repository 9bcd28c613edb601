package truthfilter

import (
	"strings"

	"meai/activities/truthfilter/misconceptions"
	"meai/activities/truthfilter/models"
	"meai/internal/embedding"
)

// misconception is the reason's code.
const misconception = "misconception"

const (
	// leastFalse are the log odds from which a sentence states a misconception: those of the
	// linear model, and [closerCounts] for how much closer it is in meaning to a claim of the
	// list than to any fact. leastAlike is the cosine to the nearest of them from which it is
	// about that entry. Chosen on the development statements and on a half of TruthfulQA, for
	// few false alarms.
	leastFalse, closerCounts, leastAlike = 2.4, 4, 0.55
	headingWords, nearlyTheSame          = 6, 0.85
	// faintlyFalse are the odds of the linear model from which meaning is looked at.
	faintlyFalse = leastFalse - closerCounts/2
)

// A misstatement is a text that states a misconception, with what is so instead.
type misstatement struct{ words, fact, source string }

func (m misstatement) reason() Reason {
	return Reason{Code: misconception, Words: m.words, Against: m.fact, Source: m.source}
}

// misstatementIn finds the first sentence of a text that states a misconception as its
// own: not one that asks, nor one that gives back what somebody says.
func misstatementIn(m *models.Models, text string) (misstatement, bool) {
	for _, sentence := range assertions(text) {
		odds := m.False(sentence)
		if odds < faintlyFalse || attribution.MatchString(plain(sentence)) {
			continue
		}
		near := nearestEntry(m.Vector(sentence))
		if max(near.claim, near.fact) >= enoughAlike(sentence) && odds+closerCounts*(near.claim-near.fact) >= leastFalse {
			return misstatement{sentence, near.soInstead, near.entry.Source}, true
		}
	}
	return misstatement{}, false
}

// enoughAlike is the cosine to the list from which a sentence is about it. A few words are a
// heading more often than a statement: they have to be the list's own, nearly.
func enoughAlike(sentence string) float64 {
	if len(strings.Fields(sentence)) < headingWords {
		return nearlyTheSame
	}
	return leastAlike
}

// near is how close a text is to the list: the cosines to the closest claim and fact, the
// entry that has the closer of these, and the closest of its facts.
type near struct {
	claim, fact float64
	entry       *misconceptions.Entry
	soInstead   string
}

func nearestEntry(vector []float32) near {
	var n near
	closest := map[*misconceptions.Entry]listedText{}
	cosines := map[*misconceptions.Entry]float64{}
	for _, l := range listed() {
		c := embedding.Cosine(vector, l.vector)
		if c > max(n.claim, n.fact) {
			n.entry = l.entry
		}
		if !l.fact {
			n.claim = max(n.claim, c)
			continue
		}
		n.fact = max(n.fact, c)
		if _, known := closest[l.entry]; !known || c > cosines[l.entry] {
			closest[l.entry], cosines[l.entry] = l, c
		}
	}
	n.soInstead = closest[n.entry].text
	return n
}
