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

	"meai/internal/postgres/queries"
)

// expiryPage is how many memories one expiry takes, besides what goes with them.
const expiryPage = 500

// Expiry is a forgetting that no person asks for: memories go for their age.
type Expiry struct {
	Subject uuid.UUID
	// ID is that of the forgetting: one is planned once.
	ID uuid.UUID
	// Before: what was both said and recorded before this time goes. A past conversation
	// that somebody brings along so counts from when they did, and a memory that was
	// corrected from its correction.
	Before time.Time
	// Spare are memories and interactions that stay, with all that belongs to them.
	Spare []uuid.UUID
}

// Expire makes a confirmed forgetting of a person's oldest memories, some hundreds at a time,
// for [Activities.Forget] and what follows it to carry out. The zero forgetting means that none is old enough.
// record runs in the same transaction, once for a forgetting, with how many memories go.
// Errors are those of [postgres.DB.Write], and [failure.Held] for what is held and not spared.
func (s *Store) Expire(ctx context.Context, e Expiry, record func(ctx context.Context, q *queries.Queries, memories int) error) (f Forgetting, err error) {
	err = s.db.Write(ctx, e.Subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Forgetting(ctx, e.Subject, e.ID)
		if err == nil {
			f, err = forgettingOf(row)
			return err
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("look for the forgetting: %w", err)
		}
		if err := q.LockMemories(ctx, e.Subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		p, err := e.plan(ctx, q)
		if err != nil || len(p.nodes) == 0 {
			return err
		}
		if err := s.holds.Permit(ctx, q, e.Subject, slices.Concat(p.nodes, p.sources)...); err != nil {
			return err
		}
		if f, err = s.planned(ctx, q, e, p); err != nil {
			return err
		}
		return record(ctx, q, p.counts[string(Turn)]+p.counts[string(Marker)]+p.counts[string(Vault)])
	})
	if err != nil {
		return Forgetting{}, fmt.Errorf("let old memories expire: %w", err)
	}
	return f, nil
}

// planned writes a forgetting down that is confirmed from the start.
func (s *Store) planned(ctx context.Context, q *queries.Queries, e Expiry, p toForget) (Forgetting, error) {
	counts, err := json.Marshal(p.counts)
	if err != nil {
		return Forgetting{}, fmt.Errorf("encode counts: %w", err)
	}
	now := s.now().UTC()
	err = q.InsertForgetting(ctx, queries.InsertForgettingParams{
		SubjectID: e.Subject, ID: e.ID, Nodes: p.nodes, Sources: p.sources, Counts: counts, PreviewedAt: now, ExpiresAt: now.Add(previewLifetime),
	})
	if err != nil {
		return Forgetting{}, fmt.Errorf("note what goes: %w", err)
	}
	row, err := q.ConfirmForgetting(ctx, &now, e.Subject, e.ID)
	if err != nil {
		return Forgetting{}, fmt.Errorf("confirm what goes: %w", err)
	}
	return forgettingOf(row)
}

// plan finds the oldest memories that go, with all that goes with them; none at the end.
// Pages of which everything belongs to something that stays are passed over.
func (e Expiry) plan(ctx context.Context, q *queries.Queries) (toForget, error) {
	spare, err := q.EvidenceOfPatterns(ctx, e.Subject, e.Spare)
	if err != nil {
		return toForget{}, fmt.Errorf("find what spared patterns rest on: %w", err)
	}
	spare = append([]uuid.UUID{}, distinctIDs(spare, e.Spare)...) // never null
	at := queries.ExpiredMemoriesParams{SubjectID: e.Subject, Before: e.Before, Spare: spare, Page: expiryPage}
	for {
		page, err := q.ExpiredMemories(ctx, at)
		if err != nil {
			return toForget{}, fmt.Errorf("look for old memories: %w", err)
		}
		if len(page) == 0 {
			return toForget{}, nil
		}
		p, err := e.closed(ctx, q, page, spare)
		if err != nil || len(p.nodes) > 0 {
			return p, err
		}
		last := page[len(page)-1]
		at.AfterTime, at.AfterID = last.SaidAt, last.ID
	}
}

// closed is a page of old memories with all that goes with them, without those that belong
// to anything that stays.
func (e Expiry) closed(ctx context.Context, q *queries.Queries, page []queries.ExpiredMemoriesRow, spare []uuid.UUID) (toForget, error) {
	var old []uuid.UUID
	for _, row := range page {
		old = append(old, row.ID)
	}
	p, err := closureOf(ctx, q, e.Subject, old)
	if err != nil {
		return toForget{}, err
	}
	staying, err := q.StayingMemories(ctx, queries.StayingMemoriesParams{SubjectID: e.Subject, Nodes: p.nodes, Before: e.Before, Spare: spare})
	if err != nil {
		return toForget{}, fmt.Errorf("find what stays: %w", err)
	}
	if len(staying) > 0 {
		kept, err := closureOf(ctx, q, e.Subject, staying)
		if err != nil {
			return toForget{}, err
		}
		old = slices.DeleteFunc(old, func(id uuid.UUID) bool { return slices.Contains(kept.nodes, id) })
		if len(old) == 0 {
			return toForget{}, nil
		}
		if p, err = closureOf(ctx, q, e.Subject, old); err != nil {
			return toForget{}, err
		}
	}
	facts, err := q.ForgottenFacts(ctx, e.Subject, p.nodes)
	if err != nil {
		return toForget{}, fmt.Errorf("find the facts that rest on it: %w", err)
	}
	if len(facts) > 0 {
		p.counts["fact"] = len(facts)
	}
	// What lies in the vault came with a write, too.
	for _, row := range page {
		if Kind(row.Kind) == Vault && row.InteractionID != nil && slices.Contains(old, row.ID) {
			p.sources = distinctIDs(p.sources, []uuid.UUID{*row.InteractionID})
		}
	}
	return p, nil
}
