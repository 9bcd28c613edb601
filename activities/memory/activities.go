package memory

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/mirror"
	"meai/internal/audit"
	"meai/internal/embedding"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/vectors"
)

// Codes of what a step had to do without.
const (
	embeddingUnavailable = "embedding_unavailable"
	vectorsUnavailable   = "vectors_unavailable"
)

// Options are what the activities work with. DB, Keyring, Vectors and Embedder are required.
type Options struct {
	DB       *postgres.DB
	Keyring  *keyring.Keyring
	Vectors  *vectors.Index
	Embedder embedding.Embedder
	// Read is what Mirror reads in a text of an import; nil for nothing.
	Read func(ctx context.Context, text string) mirror.Analysis
	// Reader finds facts that the built-in reading leaves; nil for nothing.
	Reader FactReader
	// Histories are where forgetting reaches into Temporal; nil where there is none.
	Histories *Histories
	// Ledger has what is forgotten, so that no restore undoes it; nil for none.
	Ledger audit.Committer
	// Archives hold copies of what is forgotten; nil where there are none.
	Archives Archives
	// Vaults keep what is not found without the person's consent; nil for none.
	Vaults *Vaults
	// Permit fails with [failure.ConsentMissing] or [failure.ProcessingRestricted] for who
	// does not agree to what the nights make of their memories. What is done for who does is
	// done under the context that it returns; nil asks nobody.
	Permit func(ctx context.Context, subject uuid.UUID) (context.Context, error)
	// Patterns reports whether the nights look for patterns now; nil for always.
	Patterns func(ctx context.Context) bool
	// Steps shows running steps in the live status; nil for none.
	Steps *interaction.Recorder
	// Logger receives what an activity went on without; nil for slog.Default.
	Logger *slog.Logger
	// Location is where people's days begin and end when patterns in time are looked
	// for; nil for UTC. Nothing tells yet where each person lives.
	Location *time.Location
}

// Activities are the steps of an interaction and of the nightly consolidation
// that touch memory. Every exported method is an activity. A retry finds what an
// earlier attempt left and changes nothing twice.
type Activities struct {
	db        *postgres.DB
	keys      *keyring.Keyring
	index     *vectors.Index
	embedder  embedding.Embedder
	read      func(ctx context.Context, text string) mirror.Analysis
	reader    FactReader
	patterns  func(context.Context) bool
	histories *Histories
	vaults    *Vaults
	permit    func(ctx context.Context, subject uuid.UUID) (context.Context, error)
	ledger    audit.Committer
	archives  Archives
	steps     *interaction.Recorder
	log       *slog.Logger
	where     *time.Location
	now       func() time.Time
}

// New returns the activities.
func New(o Options) *Activities {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	return &Activities{
		db: o.DB, keys: o.Keyring, index: o.Vectors, embedder: o.Embedder,
		read: o.Read, reader: o.Reader, patterns: o.Patterns, histories: o.Histories, vaults: o.Vaults, permit: o.Permit, ledger: o.Ledger, archives: o.Archives, steps: o.Steps, log: o.Logger, where: o.Location, now: time.Now,
	}
}

// ListSubjects returns a page of the people whose memories may be worked on.
func (a *Activities) ListSubjects(ctx context.Context, in ListSubjectsInput) (SubjectPage, error) {
	const most = 1000
	limit := min(in.Limit, most)
	if limit <= 0 {
		limit = most
	}
	subjects, err := a.db.ActiveSubjects(ctx, in.After, int32(limit))
	if err != nil {
		return SubjectPage{}, fmt.Errorf("list a page of subjects: %w", err)
	}
	return SubjectPage{Subjects: subjects}, nil
}

// outcome is the record of a step that ended now; without names what it had to
// do without, if anything.
func (a *Activities) outcome(step interaction.Step, started time.Time, without ...string) interaction.StepRecord {
	now := a.now().UTC()
	record := interaction.StepRecord{Step: step, State: interaction.Completed, StartedAt: started.UTC(), CompletedAt: &now}
	if len(without) > 0 {
		record.State, record.Reason = interaction.Degraded, without[0]
	}
	return record
}
