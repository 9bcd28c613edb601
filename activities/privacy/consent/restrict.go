package consent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// Restrict has a person's data stored only, from now on, and returns since when it is.
// The ledger has it when it returns. What runs for the person ends at its next step.
func (s *Store) Restrict(ctx context.Context, subject uuid.UUID) (since time.Time, err error) {
	if since, err = s.turn(ctx, subject, ledger.RestrictionPlaced); err != nil {
		return time.Time{}, err
	}
	return since, s.register(ctx, subject, ToRestrict, since)
}

// Lift ends the restriction; without one it changes nothing.
func (s *Store) Lift(ctx context.Context, subject uuid.UUID) error {
	_, err := s.turn(ctx, subject, ledger.RestrictionLifted)
	return err
}

// turn commits the act unless it is so already.
func (s *Store) turn(ctx context.Context, subject uuid.UUID, kind ledger.Kind) (since time.Time, err error) {
	named, err := s.introduce(ctx, subject)
	if err != nil {
		return time.Time{}, err
	}
	since, err = s.Restriction(ctx, subject)
	if err != nil || since.IsZero() == (kind == ledger.RestrictionLifted) {
		return since, err
	}
	now := s.clock()
	_, err = s.Ledger.Commit(ctx, ledger.Act{Kind: kind, ID: "restriction/" + uuid.NewString(), Fields: map[string]string{
		"alias": named.String(), "at": now.Format(timeForm),
	}})
	if err != nil {
		return time.Time{}, fmt.Errorf("commit %s: %w", kind, err)
	}
	return now, nil
}

// ApplyRestricted is the [ledger.Applier] of restrictions.
func (s *Store) ApplyRestricted(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
	at, err := time.Parse(timeForm, e.Fields["at"])
	if err != nil {
		return failure.New(failure.InvalidInput, "the ledger's entry is no restriction", err)
	}
	return s.apply(ctx, q, e, audit.RestrictionPlaced, func(subject uuid.UUID) (int64, error) {
		return q.RestrictSubject(ctx, &at, subject)
	})
}

// ApplyLifted is the [ledger.Applier] of restrictions that end.
func (s *Store) ApplyLifted(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
	return s.apply(ctx, q, e, audit.RestrictionLifted, func(subject uuid.UUID) (int64, error) {
		return q.LiftRestriction(ctx, subject)
	})
}

// ApplyWithdrawn is the [ledger.Applier] of withdrawals. One that comes late, after a
// crash, does not take back what the person has agreed to since: its time is earlier.
func (s *Store) ApplyWithdrawn(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
	a, r, err := withdrawn(e.Fields)
	if err != nil {
		return err
	}
	if r.Receipt, err = s.receipt(ctx, a, r); err != nil {
		return err
	}
	return s.apply(ctx, q, e, audit.ConsentWithdrawn, func(subject uuid.UUID) (int64, error) {
		if err := q.BindSubject(ctx, subject.String()); err != nil {
			return 0, err
		}
		changed, err := q.RecordConsent(ctx, r.row(subject))
		return changed, errors.Join(err, q.BindSubject(ctx, ""))
	})
}

// apply changes what is kept of the person that an entry names, and records it when that
// changed anything. Of who is erased, or was never known to this database, there is nothing;
// who is frozen may go on later.
func (s *Store) apply(ctx context.Context, q *queries.Queries, e ledger.Entry, act audit.Act, change func(uuid.UUID) (int64, error)) error {
	a, err := alias.Parse(e.Fields["alias"])
	if err != nil {
		return failure.New(failure.InvalidInput, "the ledger's entry names nobody", err)
	}
	subject, known, err := alias.Find(ctx, q, s.Keys, a)
	if err != nil || !known {
		return err
	}
	state, err := q.HoldSubject(ctx, subject)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && state == "erased" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up the person of an entry: %w", err)
	}
	changed, err := change(subject)
	if err != nil || changed == 0 {
		return err
	}
	entry, err := s.entry(ctx, a, subject, audit.Entry{Act: act, Reason: e.Fields["purpose"], Request: e.ID})
	if err != nil {
		return err
	}
	return audit.AppendOnce(ctx, q, entry)
}
