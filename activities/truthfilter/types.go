// Package truthfilter judges resources and drafted answers before a person sees
// them, in four layers: relevance, honesty, safety, resonance.
package truthfilter

import (
	"encoding/json"
	"slices"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
)

// Layer is one of the four judgements, in the order they are made.
type Layer string

const (
	Relevance Layer = "relevance"
	Honesty   Layer = "honesty"
	Safety    Layer = "safety"
	Resonance Layer = "resonance"
)

// Layers are all of them, in the order they are made.
var Layers = []Layer{Relevance, Honesty, Safety, Resonance}

// Verdict is what to do with the judged text.
type Verdict string

const (
	Pass   Verdict = "pass"
	Revise Verdict = "revise"
	Reject Verdict = "reject"
)

// A Reason says what a layer found, and where.
type Reason struct {
	Code string `json:"code"`
	// Words are those of the judged text that it rests on, as the rules read them; ""
	// where it rests on the whole.
	Words string `json:"words,omitempty"`
	// Against is what they are at odds with: a sentence of the person's, or the true
	// state of a known misconception.
	Against string `json:"against,omitempty"`
	// Source is where the latter is published.
	Source string `json:"source,omitempty"`
}

// UnmarshalJSON also reads a bare code: judgements made before reasons had words are
// in workflow histories and in answers.
func (r *Reason) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*r = Reason{}
		return json.Unmarshal(raw, &r.Code)
	}
	type plain Reason
	return json.Unmarshal(raw, (*plain)(r))
}

// LayerScore is one layer's score in [0, 1] with the reasons for it.
type LayerScore struct {
	Layer Layer   `json:"layer"`
	Score float64 `json:"score"`
	// Confidence in the score, in [0, 1].
	Confidence float64  `json:"confidence,omitempty"`
	Reasons    []Reason `json:"reasons,omitempty"`
}

// Has reports whether a reason of that code is among the layer's.
func (l LayerScore) Has(code string) bool {
	for _, r := range l.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// clone shares nothing with the layer.
func (l LayerScore) clone() LayerScore {
	l.Reasons = slices.Clone(l.Reasons)
	return l
}

// take costs the layer a share of its score, and says why.
func (l *LayerScore) take(weight float64, found bool, reason Reason) {
	if found {
		l.Score *= 1 - weight
		l.add(reason)
	}
}

// takeAll costs the layer a share of its score for each reason.
func (l *LayerScore) takeAll(weight float64, reasons []Reason) {
	for _, r := range reasons {
		l.take(weight, true, r)
	}
}

// add names a reason, each code once.
func (l *LayerScore) add(reason Reason) {
	if !l.Has(reason.Code) {
		l.Reasons = append(l.Reasons, reason)
	}
}

// Facts says what is known of a text's claims about the world. TruthFilter checks no
// facts: it knows a list of misconceptions, and what is not on it stays unverified.
type Facts string

const (
	Unverified   Facts = "unverified"
	Contradicted Facts = "contradicted"
)

// Judgement is the outcome over all layers.
type Judgement struct {
	Verdict Verdict `json:"verdict"`
	// Score is the weighted mean of the layers, in [0, 1].
	Score  float64      `json:"score"`
	Layers []LayerScore `json:"layers"`
	Facts  Facts        `json:"facts,omitempty"`
	// Escalate: the text holds sexual content about minors. It is rejected, and people on call
	// have to look at it whatever became of it.
	Escalate bool `json:"escalate,omitempty"`
	// Framing suggests how to say it better.
	Framing    []string `json:"framing,omitempty"`
	Confidence float64  `json:"confidence"`
	// Policy is the version of the policy, and Adjusted what feedback had moved in it.
	Policy   string       `json:"policy,omitempty"`
	Adjusted []Adjustment `json:"adjusted,omitempty"`
}

// ReviewInput is a drafted answer with what it answers and leans on.
type ReviewInput struct {
	Ref      interaction.Ref  `json:"ref"`
	Words    string           `json:"words"`
	Draft    string           `json:"draft"`
	Analysis *mirror.Analysis `json:"analysis,omitempty"`
	Memories []memory.Memory  `json:"memories,omitempty"`
	// Earlier are the companion's last answers to the person; the activity looks them up.
	Earlier []string `json:"-"`
}
