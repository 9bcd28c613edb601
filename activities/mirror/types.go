// Package mirror understands what a person feels and needs.
package mirror

import (
	"strings"

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

// Span is a part of the text, from its Start-th character (Unicode code point) up to,
// and without, its End-th.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Evidence is a word that speaks for an emotion.
type Evidence struct {
	Label string `json:"label"`
	Span
}

// Sentence is one of several, with what it says by itself, the foremost emotion first.
type Sentence struct {
	Span
	Emotions []Emotion `json:"emotions"`
}

// Readable reports whether the text was in a language that Mirror reads. Of another,
// nothing is told but danger.
func (a Analysis) Readable() bool { return a.Language != undetermined }

// Need is a human need that the text expresses as met or lacking.
type Need struct {
	Name    string  `json:"name"`
	Lacking bool    `json:"lacking"`
	Score   float64 `json:"score"`
	// Evidence are the words that speak for it.
	Evidence []Span `json:"evidence,omitempty"`
}

// Basic is the same text by the labels that research uses: those of GoEmotions, Ekman's
// groups and sentiments that a reader would give it.
type Basic struct {
	Emotions   []Emotion `json:"emotions,omitempty"`
	Ekman      []Emotion `json:"ekman,omitempty"`
	Sentiments []Emotion `json:"sentiments,omitempty"`
}

func (b *Basic) add(output string, probability float64) {
	to, label := &b.Emotions, output
	if name, ok := strings.CutPrefix(output, "ekman/"); ok {
		to, label = &b.Ekman, name
	} else if name, ok := strings.CutPrefix(output, "sentiment/"); ok {
		to, label = &b.Sentiments, name
	}
	*to = append(*to, Emotion{Label: label, Score: round(probability)})
}

// Analysis is Mirror's reading of one text.
type Analysis struct {
	Kind    Kind   `json:"kind"`
	Primary string `json:"primary_emotion"`
	// Intensity and Confidence are in [0, 1].
	Intensity  float64   `json:"intensity"`
	Confidence float64   `json:"confidence"`
	Secondary  []Emotion `json:"secondary_emotions,omitempty"`
	// Evidence are the words that speak for the emotions.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Sentences are there when the text has several.
	Sentences []Sentence `json:"sentences,omitempty"`
	Basic     Basic      `json:"basic,omitzero"`
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
