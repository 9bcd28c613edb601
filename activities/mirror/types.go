// Package mirror understands what a person feels and needs.
package mirror

import (
	"meai/activities/interaction"
	"meai/activities/mirror/crisis"
)

// Kind is what sort of message the person wrote.
type Kind string

const (
	Expression Kind = "expression"
	Question   Kind = "question"
	// ResourceRequest: the person asks for something to do, read or try.
	ResourceRequest Kind = "resource_request"
	SmallTalk       Kind = "small_talk"
	Ambiguous       Kind = "ambiguous"
)

// AnalyzeInput is the input of [Activities.Analyze].
type AnalyzeInput struct {
	Ref  interaction.Ref `json:"ref"`
	Text string          `json:"text"`
}

// Emotion is one feeling from MeAi's vocabulary with its score in [0, 1].
type Emotion struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
}

// Need is a human need that the text expresses as met or lacking.
type Need struct {
	Name    string `json:"name"`
	Lacking bool   `json:"lacking"`
}

// Analysis is Mirror's reading of one text.
type Analysis struct {
	Kind    Kind   `json:"kind"`
	Primary string `json:"primary_emotion"`
	// Intensity and Confidence are in [0, 1].
	Intensity  float64   `json:"intensity"`
	Confidence float64   `json:"confidence"`
	Secondary  []Emotion `json:"secondary_emotions,omitempty"`
	// Valence is VADER's compound score, in [-1, 1].
	Valence    float64           `json:"valence"`
	Needs      []Need            `json:"needs,omitempty"`
	Approaches []string          `json:"suggested_approaches,omitempty"`
	Crisis     crisis.Assessment `json:"crisis"`
	// Language is a BCP 47 tag, "und" when it cannot be told.
	Language string `json:"language"`
	// Degraded holds codes of what could not be used, such as "embedding_unavailable".
	Degraded []string `json:"degraded,omitempty"`
	// Milliseconds the analysis took.
	Milliseconds float64 `json:"processing_ms"`
}
