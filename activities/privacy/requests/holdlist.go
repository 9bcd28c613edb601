package requests

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// ListedHold is a hold as those see it who place holds.
type ListedHold struct {
	Hold
	// Subject is who is held; zero once they are erased, or in a database that has not met
	// them since it was restored.
	Subject uuid.UUID
	Alias   alias.Alias
	// Everything of the person is held; else Items counts the memories and messages that are.
	Everything bool
	Items      int
	// Unlisted: the list is lost with what a restore undid. Everything is held until it is
	// given again.
	Unlisted   bool
	Note       string
	ReleasedAt time.Time
}

// Over reports whether it has ended.
func (h ListedHold) Over(now time.Time) bool {
	return !h.ReleasedAt.IsZero() || !now.Before(h.ExpiresAt)
}

// AllHolds lists holds, newest first, before one, with an entry in the audit log that says who
// did; the zero UUID begins.
func (s *Store) AllHolds(ctx context.Context, who Who, before uuid.UUID, limit int32) (list []ListedHold, err error) {
	entry, err := s.by(ctx, who, audit.Entry{Act: audit.RegisterRead, Outcome: audit.Succeeded, Reason: "holds"})
	if err != nil {
		return nil, err
	}
	err = s.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if list, err = s.holds(ctx, q, queries.LegalHoldsParams{First: before == uuid.Nil, Before: before, Page: limit}); err != nil {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list holds: %w", err)
	}
	return list, nil
}

// mostShown bounds the holds of one person that are shown.
const mostShown = 100

// ToldHolds lists the holds that a person may know of, newest first, at most 100. Note and
// list are not for them.
func (s *Store) ToldHolds(ctx context.Context, subject uuid.UUID) ([]Hold, error) {
	list, err := s.holdsOf(ctx, subject, true)
	if err != nil {
		return nil, err
	}
	told := make([]Hold, 0, len(list))
	for _, h := range list {
		if !h.ReleasedAt.IsZero() && h.ReleasedAt.Before(h.ExpiresAt) {
			h.ExpiresAt = h.ReleasedAt // when it ended
		}
		told = append(told, h.Hold)
	}
	return told, nil
}

// holdsOf lists the holds on one person.
func (s *Store) holdsOf(ctx context.Context, subject uuid.UUID, toldOnly bool) (list []ListedHold, err error) {
	a, err := alias.Of(ctx, s.keys, subject)
	if err != nil {
		return nil, err
	}
	err = s.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		list, err = s.holds(ctx, q, queries.LegalHoldsParams{First: true, Alias: a[:], ToldOnly: toldOnly, Page: mostShown})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the holds on a person: %w", err)
	}
	return list, nil
}

func (s *Store) holds(ctx context.Context, q *queries.Queries, in queries.LegalHoldsParams) ([]ListedHold, error) {
	rows, err := q.LegalHolds(ctx, in)
	if err != nil {
		return nil, err
	}
	system, err := s.keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the system's keys: %w", err)
	}
	list := make([]ListedHold, len(rows))
	for i, row := range rows {
		h := ListedHold{
			Hold:  Hold{ID: row.ID, Reason: row.Reason, PlacedAt: row.PlacedAt.UTC(), ExpiresAt: row.ExpiresAt.UTC(), Told: row.Told},
			Alias: alias.Alias(row.Alias), Everything: row.Digest == nil, Items: int(row.Items), ReleasedAt: at(row.ReleasedAt),
		}
		h.Unlisted = !h.Everything && !row.Listed
		if row.Subject != nil {
			h.Subject = *row.Subject
		}
		if row.NoteSealed != nil {
			note, err := system.Open(row.NoteSealed, notePlace(row.ID))
			if err != nil {
				return nil, fmt.Errorf("open the note of hold %s: %w", row.ID, err)
			}
			h.Note = string(note)
		}
		list[i] = h
	}
	return list, nil
}

// Hold reads one. Errors: [failure.NotFound].
func (s *Store) Hold(ctx context.Context, id uuid.UUID) (h ListedHold, err error) {
	err = s.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		list, err := s.holds(ctx, q, queries.LegalHoldsParams{First: true, Only: &id, Page: 1})
		if err == nil && len(list) == 0 {
			err = failure.New(failure.NotFound, "no such hold", nil)
		}
		if err == nil {
			h = list[0]
		}
		return err
	})
	if err != nil {
		return ListedHold{}, fmt.Errorf("read hold %s: %w", id, err)
	}
	return h, nil
}
