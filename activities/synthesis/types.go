// Package synthesis owns sessions and interactions and composes the answer.
package synthesis

import (
	"time"

	"github.com/google/uuid"

	"meai/activities/bridge"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/truthfilter"
)

// Source says where an answer's words come from.
type Source string

const (
	// Composed for this person from their words, memories and resources, and reviewed.
	Composed Source = "composed"
	// Fallback: pre-reviewed text, because nothing composed could be reviewed or passed.
	Fallback Source = "fallback"
	// CrisisAnswer: the pre-written safe answer.
	CrisisAnswer Source = "crisis"
)

// Component is one part of an answer.
type Component struct {
	Text    string `json:"text"`
	Tone    string `json:"tone"`
	Purpose string `json:"purpose"`
}

// MemoryUse names a memory that the answer leans on.
type MemoryUse struct {
	ID     uuid.UUID   `json:"id"`
	Kind   memory.Kind `json:"kind"`
	SaidAt time.Time   `json:"said_at"`
	Text   string      `json:"text"`
	Score  float64     `json:"score"`
}

// ResourceUse names a resource that the answer offers.
type ResourceUse struct {
	ID        string      `json:"id"`
	Kind      bridge.Kind `json:"kind"`
	Title     string      `json:"title"`
	Relevance float64     `json:"relevance"`
	Score     float64     `json:"score"`
}

// Answer is what the person gets.
type Answer struct {
	Source     Source                 `json:"source"`
	Text       string                 `json:"text"`
	Components []Component            `json:"components"`
	FollowUp   string                 `json:"follow_up,omitempty"`
	Analysis   *mirror.Analysis       `json:"analysis,omitempty"`
	Memories   []MemoryUse            `json:"memories,omitempty"`
	Resources  []ResourceUse          `json:"resources,omitempty"`
	Review     *truthfilter.Judgement `json:"review,omitempty"`
	Crisis     *crisis.Assessment     `json:"crisis,omitempty"`
	// Degraded holds codes of what could not be used.
	Degraded []string `json:"degraded,omitempty"`
}

// ComposeInput is everything the answer may be made of.
type ComposeInput struct {
	Ref      interaction.Ref     `json:"ref"`
	Words    string              `json:"words"`
	Context  interaction.Context `json:"context"`
	Analysis *mirror.Analysis    `json:"analysis,omitempty"`
	Memories []memory.Memory     `json:"memories,omitempty"`
	Hits     []bridge.Hit        `json:"hits,omitempty"`
	// At is when the words were accepted; zero leaves out how long ago a memory is.
	At time.Time `json:"at,omitzero"`
	// Asked are the questions that the last answers of the session ended on.
	Asked []string `json:"asked,omitempty"`
	// Revise holds the review of an earlier draft that has to be mended.
	Revise *truthfilter.Judgement `json:"revise,omitempty"`
}

// DeliverInput is the finished interaction.
type DeliverInput struct {
	Ref        interaction.Ref          `json:"ref"`
	Words      string                   `json:"words"`
	Context    interaction.Context      `json:"context"`
	AcceptedAt time.Time                `json:"accepted_at"`
	Answer     Answer                   `json:"answer"`
	Steps      []interaction.StepRecord `json:"steps"`
}

// Delivered confirms that the answer can be read.
type Delivered struct {
	At time.Time `json:"at"`
	// Escalation is the case that was raised with the answer; zero for none.
	Escalation uuid.UUID `json:"escalation,omitzero"`
}
