package truthfilter

import (
	"slices"

	"meai/internal/lexicon"
)

// TriggerReason is the code of a text that speaks of what the person wants to be spared.
const TriggerReason = "trigger"

const (
	// triggerWeight takes the score of safety below every threshold that it may have.
	triggerWeight = 0.995
)

// CanTrigger reports whether there is a word in it by which a trigger could be recognised.
func CanTrigger(trigger string) bool { return len(lexicon.Terms(plain(trigger))) > 0 }

// spare takes care of what the person does not want to be reminded of: a sentence that has
// all words of a trigger, in whatever form and order, is not for them, unless they speak of
// it themselves in the words that it answers.
func (f *Filter) spare(layer *LayerScore, text, words string) {
	if len(f.policy.Triggers) == 0 {
		return
	}
	type unspoken struct {
		trigger string
		terms   map[string]bool
	}
	var all []unspoken
	spoken := setOf(lexicon.Terms(plain(words)))
	for _, trigger := range f.policy.Triggers {
		if terms := setOf(lexicon.Terms(plain(trigger))); common(terms, spoken) < len(terms) {
			all = append(all, unspoken{trigger, terms})
		}
	}
	for _, sentence := range lexicon.Sentences(text) {
		said := setOf(lexicon.Terms(plain(sentence)))
		for _, u := range all {
			if common(u.terms, said) == len(u.terms) {
				layer.take(triggerWeight, true, Reason{Code: TriggerReason, Words: sentence, Against: u.trigger})
				return
			}
		}
	}
}

// Discreet is the judgement without the words of what the person wants to be spared, to be
// kept beside the answer that took the draft's place.
func (j Judgement) Discreet() Judgement {
	j.Layers = slices.Clone(j.Layers)
	for i := range j.Layers {
		j.Layers[i] = j.Layers[i].clone()
		for k := range j.Layers[i].Reasons {
			if r := &j.Layers[i].Reasons[k]; r.Code == TriggerReason {
				r.Words, r.Against = "", ""
			}
		}
	}
	return j
}
