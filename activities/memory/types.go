// Package memory keeps and recalls what a person has told: a graph in
// PostgreSQL, which is the source of truth, and its vectors in Weaviate.
package memory

import (
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/memory/extraction"
	"meai/activities/memory/patterns"
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
	// Speaker is who said it, when it was not the person: Text begins with the name then.
	Speaker string `json:"speaker,omitempty"`
	// Vault: it goes into the vault, and nothing is made of it.
	Vault bool `json:"vault,omitempty"`
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

// FoundEcho is a pattern that recurs, with what it rests on.
type FoundEcho struct {
	patterns.Echo
	ID uuid.UUID `json:"id"`
	// Text says it to the person.
	Text string `json:"text"`
	// Strength grows with the evidence, in [0, 1].
	Strength float64   `json:"strength"`
	FoundAt  time.Time `json:"found_at"`
	// Evidence are the turns that show it, in order of time.
	Evidence []uuid.UUID `json:"evidence"`
}

// FoundStoryline is a thread through the person's significant moments.
type FoundStoryline struct {
	patterns.Storyline
	ID uuid.UUID `json:"id"`
	// Text tells its arc in one sentence.
	Text     string    `json:"text"`
	Strength float64   `json:"strength"`
	FoundAt  time.Time `json:"found_at"`
	// Evidence are its markers, in order of time, and Echoes those that go with it.
	Evidence []uuid.UUID `json:"evidence"`
	Echoes   []uuid.UUID `json:"echoes,omitempty"`
}

// FoundPatterns are the echoes and storylines that hold now: echoes by strength,
// storylines the newest first.
type FoundPatterns struct {
	Echoes     []FoundEcho      `json:"echoes"`
	Storylines []FoundStoryline `json:"storylines"`
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
	// Echoes and Storylines that are new, have grown or read otherwise than before.
	Echoes     int `json:"echoes"`
	Storylines int `json:"storylines,omitempty"`
	// Ceased are echoes and storylines that hold no more.
	Ceased int `json:"ceased,omitempty"`
}

// Add counts what another consolidation did.
func (c *Consolidated) Add(other Consolidated) {
	c.Vectors += other.Vectors
	c.Echoes += other.Echoes
	c.Storylines += other.Storylines
	c.Ceased += other.Ceased
}

// RepairInput names the subject whose index to compare with the rows.
type RepairInput struct {
	Subject uuid.UUID `json:"subject"`
	// After is where an earlier call stopped; zero begins.
	After uuid.UUID `json:"after,omitzero"`
}

// Repaired counts what a call of the repair found and mended.
type Repaired struct {
	// Compared memories, of which Missing were not in the index and Stale were there
	// otherwise than the rows say: both were copied.
	Compared int `json:"compared"`
	Missing  int `json:"missing"`
	Stale    int `json:"stale"`
	// Lost were in the index, and no search by vector found them: they were made anew.
	Lost int `json:"lost,omitempty"`
	// Stray objects had no memory any more, and were removed.
	Stray int `json:"stray"`
	// Tenants that were removed: 1 for a person who is being erased, or was.
	Tenants int `json:"tenants"`
	// Next is where to go on; zero when the subject is done.
	Next uuid.UUID `json:"next,omitzero"`
}

// SweptTenants counts tenants.
type SweptTenants struct {
	Removed int `json:"removed"`
	// Unknown tenants are of no subject of this database, and were left.
	Unknown int `json:"unknown"`
}
