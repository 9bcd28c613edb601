// Package memory keeps and recalls what a person has told: a graph in
// PostgreSQL, which is the source of truth, and its vectors in Weaviate.
package memory

import (
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/memory/extraction"
	"meai/activities/mirror"
)

// Kind is the kind of a node in the memory graph.
type Kind string

const (
	// Turn is what the person said in one interaction.
	Turn Kind = "turn"
	// Marker is a significant moment.
	Marker Kind = "marker"
	// Echo is a pattern that recurs.
	Echo Kind = "echo"
	// Storyline joins markers and echoes over time.
	Storyline Kind = "storyline"
	// Entity is a person, place or thing that the person speaks of.
	Entity Kind = "entity"
	// Vault is a memory that needs extra consent on each access.
	Vault Kind = "vault"
)

// Memory is one recalled node, decrypted.
type Memory struct {
	ID      uuid.UUID `json:"id"`
	Kind    Kind      `json:"kind"`
	Text    string    `json:"text"`
	Emotion string    `json:"emotion,omitempty"`
	SaidAt  time.Time `json:"said_at"`
	// Interaction is the interaction or the [Write] that it comes from; zero for patterns.
	Interaction uuid.UUID `json:"interaction"`
	Session     uuid.UUID `json:"session,omitzero"`
	Origin      Origin    `json:"origin,omitempty"`
	// EntityType is what an entity is; "" where the text does not say.
	EntityType extraction.Type `json:"entity_type,omitempty"`
	Importance float64         `json:"importance,omitempty"`
	// AboutFrom and AboutTo are the time that the text speaks of; zero when it names none.
	AboutFrom time.Time `json:"about_from,omitzero"`
	AboutTo   time.Time `json:"about_to,omitzero"`
	// The times of the graph: see [Span]. It holds since SaidAt.
	Span Span `json:"span,omitzero"`
	// PinnedAt is when the person pinned it; zero when they did not.
	PinnedAt time.Time `json:"pinned_at,omitzero"`
	// Score is how likely it is part of the answer to what was asked, in [0, 1].
	Score float64 `json:"score"`
	// FoundBy are the arms of the recall that found it, each with its reason.
	FoundBy []Finding `json:"found_by,omitempty"`
}

// Span is when something ceased to hold, and when MeAi knew what of it. Zero times have
// not come.
type Span struct {
	// ValidTo is when it ceased to hold, ClosedAt when MeAi learnt of that.
	ValidTo  time.Time `json:"valid_to,omitzero"`
	ClosedAt time.Time `json:"closed_at,omitzero"`
	// RecordedAt is when MeAi learnt of it, RetractedAt when it learnt that it was never so.
	RecordedAt  time.Time `json:"recorded_at"`
	RetractedAt time.Time `json:"retracted_at,omitzero"`
	// Reason is why it ceased or was never so.
	Reason Reason `json:"reason,omitempty"`
}

// RecallInput asks for the memories nearest to a text.
type RecallInput struct {
	Ref   interaction.Ref `json:"ref"`
	Query string          `json:"query"`
	// Limit is the most memories to return; 0 means 5.
	Limit    int        `json:"limit,omitempty"`
	Kinds    []Kind     `json:"kinds,omitempty"`
	Emotions []string   `json:"emotions,omitempty"`
	Entities []string   `json:"entities,omitempty"`
	From     *time.Time `json:"from,omitempty"`
	To       *time.Time `json:"to,omitempty"`
	// At is when it is asked, by which "last spring" is read, in the person's own zone;
	// nil means now.
	At *time.Time `json:"at,omitempty"`
	// Diversity, in [0, 1], is how much the memories are to differ from each other; 0
	// goes by relevance alone.
	Diversity float64 `json:"diversity,omitempty"`
	// Budget is about how many tokens the memories' texts may have together; 0 for any.
	Budget int `json:"budget,omitempty"`
}

// Recollection is what was found, best first.
type Recollection struct {
	Memories []Memory `json:"memories,omitempty"`
	// Degraded holds codes such as "vectors_unavailable" or "embedding_unavailable".
	Degraded []string `json:"degraded,omitempty"`
}

// RememberInput is one message to keep, of an interaction or of a [Write].
type RememberInput struct {
	Ref      interaction.Ref  `json:"ref"`
	Text     string           `json:"text"`
	SaidAt   time.Time        `json:"said_at"`
	Analysis *mirror.Analysis `json:"analysis,omitempty"`
	// Origin is how it was said; "" for [Told].
	Origin Origin `json:"origin,omitempty"`
	// Replaces is the turn that this corrects; zero for none.
	Replaces uuid.UUID `json:"replaces,omitzero"`
}

// Remembered names the nodes that the interaction left in the graph.
type Remembered struct {
	Nodes []uuid.UUID `json:"nodes"`
	// Gone are those that it took back, and that the vector index has to lose.
	Gone []uuid.UUID `json:"gone,omitempty"`
}

// IndexInput names the nodes whose vectors go to Weaviate.
type IndexInput struct {
	Ref   interaction.Ref `json:"ref"`
	Nodes []uuid.UUID     `json:"nodes"`
	Gone  []uuid.UUID     `json:"gone,omitempty"`
	// Origin is how it was said; "" for [Told].
	Origin Origin `json:"origin,omitempty"`
}

// Indexed counts what is searchable now.
type Indexed struct {
	Vectors int `json:"vectors"`
}

// ListSubjectsInput asks for a page of active subjects, in the order of their ids.
type ListSubjectsInput struct {
	// After is the last id of the page before; zero starts at the beginning.
	After uuid.UUID `json:"after,omitzero"`
	Limit int       `json:"limit"`
}

// SubjectPage is one page of subjects.
type SubjectPage struct {
	Subjects []uuid.UUID `json:"subjects"`
}

// ConsolidateInput names the subject whose memories to consolidate.
type ConsolidateInput struct {
	Subject uuid.UUID `json:"subject"`
}

// Consolidated counts what a consolidation did. It holds no ids and no words.
type Consolidated struct {
	// Vectors that were missing in Weaviate and are there now.
	Vectors int `json:"vectors"`
	// Echoes found or strengthened.
	Echoes int `json:"echoes"`
}
