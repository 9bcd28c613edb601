// Package interaction names the thing every activity works on: one interaction
// of one person, and the steps it goes through.
package interaction

import (
	"time"

	"github.com/google/uuid"
)

// Ref identifies one interaction. It holds opaque ids only.
type Ref struct {
	Subject     uuid.UUID `json:"subject"`
	Session     uuid.UUID `json:"session"`
	Interaction uuid.UUID `json:"interaction"`
	// Workflow is the id of the durable workflow that runs the interaction.
	Workflow string `json:"workflow"`
}

// Context is what the person's client may tell about the moment.
type Context struct {
	// Country is where the person is, as ISO 3166-1 alpha-2.
	Country   string     `json:"country,omitempty"`
	Place     string     `json:"place,omitempty"`
	TimeOfDay string     `json:"time_of_day,omitempty"`
	Previous  *uuid.UUID `json:"previous_interaction,omitempty"`
}

// Step is one stage of an interaction as its status shows it.
type Step string

// The steps in the order of the story.
const (
	EmotionalAnalysis  Step = "emotional_analysis"
	MemoryRetrieval    Step = "memory_retrieval"
	ResourceSearch     Step = "resource_search"
	ResponseGeneration Step = "response_generation"
	TruthReview        Step = "truth_review"
	Delivery           Step = "delivery"
	MemoryStorage      Step = "memory_storage"
	MemoryIndexing     Step = "memory_indexing"
)

// StepState says how far a step is.
type StepState string

const (
	Started   StepState = "started"
	Completed StepState = "completed"
	// Degraded: the step could not do all of its work; the answer says so.
	Degraded StepState = "degraded"
	// Skipped: the interaction did not need this step.
	Skipped StepState = "skipped"
)

// StepRecord is one entry of an interaction's status.
type StepRecord struct {
	Step        Step       `json:"step"`
	State       StepState  `json:"state"`
	StartedAt   time.Time  `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at,omitempty"`
	// Reason is a code such as "vectors_unavailable", never free text.
	Reason string `json:"reason,omitempty"`
}

// State is where an interaction stands as a whole.
type State string

const (
	// Received: the row exists, the workflow's start is not confirmed yet.
	Received State = "received"
	// Accepted: the workflow holds the input; it will be answered.
	Accepted State = "accepted"
	// Answered: the answer is stored and can be read.
	Answered State = "answered"
)
