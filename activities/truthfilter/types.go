// Package truthfilter judges resources and drafted answers before a person sees
// them, in four layers: relevance, honesty, safety, resonance.
package truthfilter

import (
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

// Verdict is what to do with the judged text.
type Verdict string

const (
	Pass   Verdict = "pass"
	Revise Verdict = "revise"
	Reject Verdict = "reject"
)

// LayerScore is one layer's score in [0, 1] with the codes that explain it.
type LayerScore struct {
	Layer   Layer    `json:"layer"`
	Score   float64  `json:"score"`
	Reasons []string `json:"reasons,omitempty"`
}

// Judgement is the outcome over all layers.
type Judgement struct {
	Verdict Verdict `json:"verdict"`
	// Score is the weighted mean of the layers, in [0, 1].
	Score  float64      `json:"score"`
	Layers []LayerScore `json:"layers"`
	// Framing suggests how to say it better.
	Framing    []string `json:"framing,omitempty"`
	Confidence float64  `json:"confidence"`
}

// ReviewInput is a drafted answer with what it answers and leans on.
type ReviewInput struct {
	Ref      interaction.Ref  `json:"ref"`
	Words    string           `json:"words"`
	Draft    string           `json:"draft"`
	Analysis *mirror.Analysis `json:"analysis,omitempty"`
	Memories []memory.Memory  `json:"memories,omitempty"`
}
