package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

const (
	// previewLifetime is how long a person may think about what would go.
	previewLifetime = 15 * time.Minute
	// mostForgotten bounds what one forgetting takes; more takes several.
	mostForgotten = 2000
	// mostShown bounds the memories that a preview shows in full.
	mostShown = 100
)

// Selection says what to forget, by exactly one of its fields.
type Selection struct {
	Memories []uuid.UUID
	// Entity is a person, place or thing by its name: it goes with all that is about it.
	Entity string
	// From and To bound the time in which it was said; From counts, To does not.
	From, To time.Time
	// Theme is words: all turns and moments that hold every one of them.
	Theme string
	// Storyline and Echo are patterns: one goes with the turns and moments that it rests on.
	Storyline, Echo uuid.UUID
}

// ForgettingState is how far a forgetting is.
type ForgettingState string

const (
	// Previewed: nothing has happened; it waits for the person's word until it expires.
	Previewed ForgettingState = "previewed"
	// Confirmed: it will happen, and cannot be undone.
	Confirmed ForgettingState = "confirmed"
	// Forgotten: it has happened, and was looked for in every store.
	Forgotten ForgettingState = "forgotten"
)

// Forgetting is an act of forgetting. It holds no content once it is previewed.
type Forgetting struct {
	ID    uuid.UUID
	State ForgettingState
	// Counts are the memories that go, by kind, and the facts.
	Counts map[string]int
	// Shown are the first of them; of a preview only.
	Shown       []Memory
	PreviewedAt time.Time
	ExpiresAt   time.Time
	ConfirmedAt time.Time
	ForgottenAt time.Time
	// Receipt is what was found of them afterwards; nil before.
	Receipt *Receipt
}

// PreviewForgetting finds out what would go, with all that goes with it: moments, patterns
// that rest on it, facts that rest on nothing else. Errors: [failure.InvalidInput] for no or
// several criteria, more than 2,000 memories, or nothing that matches; [failure.Held].
func (s *Store) PreviewForgetting(ctx context.Context, subject uuid.UUID, what Selection) (f Forgetting, err error) {
	keys, err := s.keys.Keys(ctx, subject)
	if err != nil {
		return Forgetting{}, fmt.Errorf("preview a forgetting: %w", err)
	}
	now := s.now().UTC()
	f = Forgetting{ID: uuid.New(), State: Previewed, PreviewedAt: now, ExpiresAt: now.Add(previewLifetime)}
	err = s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		selected, err := what.find(ctx, q, keys)
		if err != nil {
			return err
		}
		unremembered, err := what.unremembered(ctx, q, subject)
		if err != nil {
			return err
		}
		p, err := previewOf(ctx, q, subject, selected, unremembered)
		if err != nil {
			return err
		}
		if err := s.holds.Permit(ctx, q, subject, slices.Concat(p.nodes, p.sources)...); err != nil {
			return err
		}
		f.Counts = p.counts
		if f.Shown, err = show(ctx, q, keys, p.nodes); err != nil {
			return err
		}
		counts, err := json.Marshal(p.counts)
		if err != nil {
			return fmt.Errorf("encode counts: %w", err)
		}
		return q.InsertForgetting(ctx, queries.InsertForgettingParams{
			SubjectID: subject, ID: f.ID, Nodes: p.nodes, Sources: p.sources, Counts: counts, PreviewedAt: now, ExpiresAt: f.ExpiresAt,
		})
	})
	if err != nil {
		return Forgetting{}, fmt.Errorf("preview a forgetting: %w", err)
	}
	return f, nil
}

// find is what the selection points at.
func (s Selection) find(ctx context.Context, q *queries.Queries, keys *keyring.Keys) ([]uuid.UUID, error) {
	subject := keys.Subject()
	criteria := 0
	for _, given := range []bool{len(s.Memories) > 0, s.Entity != "", !s.From.IsZero() || !s.To.IsZero(), s.Theme != "", s.Storyline != uuid.Nil, s.Echo != uuid.Nil} {
		if given {
			criteria++
		}
	}
	switch {
	case criteria != 1:
		return nil, failure.New(failure.InvalidInput, "say what to forget in exactly one way", nil)
	case len(s.Memories) > 0:
		return q.ForgettableByID(ctx, subject, s.Memories)
	case s.Entity != "":
		book, err := openAddressBook(ctx, q, keys, []string{s.Entity})
		if err != nil {
			return nil, err
		}
		id, known := book.find(s.Entity)
		if !known {
			return nil, nil
		}
		return q.ForgettableByEntity(ctx, subject, id)
	case s.Theme != "":
		terms := blindTerms(keys, s.Theme, mostQueryTerms)
		if len(terms) == 0 {
			return nil, failure.New(failure.InvalidInput, "the theme has no word that says something", nil)
		}
		return q.ForgettableByTerms(ctx, subject, numbers(terms))
	case s.Storyline != uuid.Nil:
		return q.ForgettableByPattern(ctx, subject, s.Storyline, string(Storyline))
	case s.Echo != uuid.Nil:
		return q.ForgettableByPattern(ctx, subject, s.Echo, string(Echo))
	default:
		return q.ForgettableByTime(ctx, subject, s.From, s.until())
	}
}

// unremembered are the writes of a time that are not in the graph: queued or failed.
func (s Selection) unremembered(ctx context.Context, q *queries.Queries, subject uuid.UUID) ([]uuid.UUID, error) {
	if s.From.IsZero() && s.To.IsZero() {
		return nil, nil
	}
	return q.UnrememberedOfTime(ctx, subject, s.From, s.until())
}

// until is the end of the time that is selected.
func (s Selection) until() time.Time {
	if s.To.IsZero() {
		return time.Now().UTC()
	}
	return s.To
}

// toForget is a selection with all that goes with it.
type toForget struct {
	nodes, sources []uuid.UUID
	counts         map[string]int
}

// previewOf is what goes with the selected memories and the given writes.
func previewOf(ctx context.Context, q *queries.Queries, subject uuid.UUID, selected, writes []uuid.UUID) (toForget, error) {
	p, err := closureOf(ctx, q, subject, selected)
	switch {
	case err != nil:
		return toForget{}, err
	case len(p.nodes)+len(writes) == 0:
		return toForget{}, failure.New(failure.NotFound, "no memory is like that", nil)
	case len(p.nodes) > mostForgotten:
		return toForget{}, failure.New(failure.InvalidInput, fmt.Sprintf("that is more than %d memories at once", mostForgotten), nil)
	}
	facts, err := q.ForgottenFacts(ctx, subject, p.nodes)
	if err != nil {
		return toForget{}, fmt.Errorf("find the facts that rest on it: %w", err)
	}
	if len(facts) > 0 {
		p.counts["fact"] = len(facts)
	}
	if len(writes) > 0 {
		p.sources, p.counts["write"] = distinctIDs(p.sources, writes), len(writes)
	}
	return p, nil
}

// closureOf is all that goes with the selected memories in the graph.
func closureOf(ctx context.Context, q *queries.Queries, subject uuid.UUID, selected []uuid.UUID) (toForget, error) {
	rows, err := q.ForgettingClosure(ctx, subject, selected)
	if err != nil {
		return toForget{}, fmt.Errorf("find what goes with it: %w", err)
	}
	p := toForget{nodes: []uuid.UUID{}, sources: []uuid.UUID{}, counts: map[string]int{}}
	for _, row := range rows {
		p.nodes = append(p.nodes, row.ID)
		p.counts[row.Kind]++
		if Kind(row.Kind) == Turn && row.InteractionID != nil && !slices.Contains(p.sources, *row.InteractionID) {
			p.sources = append(p.sources, *row.InteractionID)
		}
	}
	return p, nil
}

func show(ctx context.Context, q *queries.Queries, keys *keyring.Keys, nodes []uuid.UUID) ([]Memory, error) {
	rows, err := q.MemoriesByID(ctx, keys.Subject(), nodes[:min(len(nodes), mostShown)])
	if err != nil {
		return nil, fmt.Errorf("read what would go: %w", err)
	}
	var shown []Memory
	for _, row := range rows {
		n, err := opened(keys, row)
		if err != nil {
			return nil, err
		}
		shown = append(shown, n.memory(0))
	}
	slices.SortFunc(shown, func(a, b Memory) int { return a.SaidAt.Compare(b.SaidAt) })
	return shown, nil
}

// ConfirmForgetting has a preview carried out; once more changes nothing. Errors:
// [failure.NotFound] for one that does not exist or has expired, [failure.Held].
func (s *Store) ConfirmForgetting(ctx context.Context, subject, id uuid.UUID) (f Forgetting, err error) {
	err = s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.ConfirmForgetting(ctx, new(s.now().UTC()), subject, id)
		if errors.Is(err, pgx.ErrNoRows) { // forgotten already, expired, or none
			row, err = q.Forgetting(ctx, subject, id)
			if err == nil && ForgettingState(row.State) != Forgotten {
				return failure.New(failure.NotFound, "the preview has expired", nil)
			}
		}
		if err := unlessFound(err, "preview"); err != nil {
			return err
		}
		if f, err = forgettingOf(row); err != nil || f.State == Forgotten {
			return err
		}
		return s.holds.Permit(ctx, q, subject, slices.Concat(row.Nodes, row.Sources)...)
	})
	if err == nil {
		err = s.committed(ctx, subject, id)
	}
	if err != nil {
		return Forgetting{}, fmt.Errorf("confirm a forgetting: %w", err)
	}
	return f, nil
}

// Forgetting is how far one is. Errors: [failure.NotFound].
func (s *Store) Forgetting(ctx context.Context, subject, id uuid.UUID) (f Forgetting, err error) {
	err = s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Forgetting(ctx, subject, id)
		if err := unlessFound(err, "forgetting"); err != nil {
			return err
		}
		f, err = forgettingOf(row)
		return err
	})
	if err != nil {
		return Forgetting{}, fmt.Errorf("read a forgetting: %w", err)
	}
	return f, nil
}

func forgettingOf(row queries.MemoryForgetting) (Forgetting, error) {
	f := Forgetting{
		ID: row.ID, State: ForgettingState(row.State), PreviewedAt: row.PreviewedAt, ExpiresAt: row.ExpiresAt,
		ConfirmedAt: orZero(row.ConfirmedAt), ForgottenAt: orZero(row.ForgottenAt),
	}
	if err := json.Unmarshal(row.Counts, &f.Counts); err != nil {
		return Forgetting{}, fmt.Errorf("decode counts: %w", err)
	}
	if row.Receipt == nil {
		return f, nil
	}
	f.Receipt = &Receipt{}
	if err := json.Unmarshal(row.Receipt, f.Receipt); err != nil {
		return Forgetting{}, fmt.Errorf("decode the receipt: %w", err)
	}
	return f, nil
}
