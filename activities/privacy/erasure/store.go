package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/approval"
	"meai/activities/privacy/erasure/stores"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// idPurpose makes the ids of erasures that an approval stands for.
const idPurpose keyring.Purpose = "erasure-id"

// Store keeps erasures. All fields but the last five are required, and Open where Stores are not given.
type Store struct {
	DB    *postgres.DB
	Keys  *keyring.Keyring
	Audit *audit.Log
	// Ledger applies with [ApplyRequested], [ApplyCancelled] and what destroyed keys take.
	Ledger audit.Committer
	// CoolingOff is how long a person may take their request back.
	CoolingOff time.Duration
	// Stores are all places that hold something of people; Open finds them when they are
	// needed first, for a process that starts while the database is away.
	Stores []stores.Store
	Open   func(ctx context.Context) ([]stores.Store, error)
	// Retained is how long what expires by itself is kept.
	Retained Retained
	// Approve spends an approval; without it staff begin nothing.
	Approve  func(ctx context.Context, in approval.UseInput) (approval.Request, error)
	Register Register
}

// New is a request to be erased.
type New struct {
	Subject uuid.UUID
	Law     Law
	// Now: without cooling-off.
	Now bool
	// Approval is that of two others, where it is not the person who asks: then there is
	// no cooling-off.
	Approval uuid.UUID
}

// Request has a person erased. Who is being erased already gets that erasure; one that
// staff have approved does not wait for cooling-off, and asked for once more is the same one,
// also when nothing is left of the person. Errors: [failure.NotFound] for who is
// unknown, and those of [approval.Activities.Use].
func (s *Store) Request(ctx context.Context, n New) (Erasure, error) {
	e, err := s.request(ctx, n)
	if err != nil {
		return Erasure{}, fmt.Errorf("request an erasure: %w", err)
	}
	if s.Register.Received != nil && e.State.Revocable() {
		if err := s.Register.Received(ctx, e, n.Subject); err != nil {
			return Erasure{}, fmt.Errorf("register erasure %s: %w", e.ID, err)
		}
	}
	return e, nil
}

func (s *Store) request(ctx context.Context, n New) (Erasure, error) {
	if n.Approval != uuid.Nil {
		e, err := s.begun(ctx, n)
		if err == nil || !failure.Is(err, failure.NotFound) {
			return e, err
		}
	}
	known, err := s.DB.KnowsSubject(ctx, n.Subject)
	if err == nil && !known {
		err = failure.New(failure.NotFound, "nobody is registered under this id", nil)
	}
	if err != nil {
		return Erasure{}, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := Erasure{ID: uuid.New(), State: Requested, Law: n.Law, By: ByPerson, RequestedAt: now, CoolingUntil: now.Add(s.CoolingOff)}
	if n.Approval != uuid.Nil {
		if err := s.approved(ctx, n, &e); err != nil {
			return Erasure{}, err
		}
	}
	if n.Now || n.Approval != uuid.Nil {
		e.CoolingUntil = now
	}
	err = s.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		e.Alias, err = alias.Ensure(ctx, q, s.Keys, n.Subject)
		return err
	})
	if err != nil {
		return Erasure{}, err
	}
	open, underWay, err := s.open(ctx, e.Alias)
	if err != nil {
		return Erasure{}, err
	}
	if !underWay {
		if _, err := s.Ledger.Commit(ctx, requested(e)); err != nil {
			return Erasure{}, err
		}
		if open, underWay, err = s.open(ctx, e.Alias); err != nil {
			return Erasure{}, err
		}
		if !underWay { // it has come to its end meanwhile, in another process
			return s.Erasure(ctx, e.ID)
		}
	}
	if e.CoolingUntil.Equal(now) && open.CoolingUntil.After(now) {
		return s.hasten(ctx, open.ID)
	}
	return open, nil
}

// approved spends the approval on the erasure, whose id follows from it: who tries again
// spends it on the same one.
func (s *Store) approved(ctx context.Context, n New, e *Erasure) error {
	id, err := s.approvedID(ctx, n.Approval)
	if err != nil {
		return err
	}
	e.ID, e.By, e.Approval = id, ByStaff, n.Approval
	if s.Approve == nil {
		return failure.New(failure.NotAllowed, "approvals are not looked at here", nil)
	}
	_, err = s.Approve(ctx, approval.UseInput{
		ID: n.Approval, Act: approval.EarlyDelete, Parameters: map[string]string{"subject": n.Subject.String()}, By: WorkflowID(e.ID),
	})
	return err
}

func (s *Store) approvedID(ctx context.Context, approval uuid.UUID) (uuid.UUID, error) {
	system, err := s.Keys.System(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("load the system's keys: %w", err)
	}
	return uuid.NewSHA1(approval, system.Blind(idPurpose, approval[:])), nil
}

// begun is the erasure of the person that the approval was spent on; [failure.NotFound] when
// there is none.
func (s *Store) begun(ctx context.Context, n New) (Erasure, error) {
	id, err := s.approvedID(ctx, n.Approval)
	if err != nil {
		return Erasure{}, err
	}
	who, err := alias.Of(ctx, s.Keys, n.Subject)
	if err != nil {
		return Erasure{}, err
	}
	e, err := s.Erasure(ctx, id)
	if err == nil && (e.Approval != n.Approval || e.Alias != who) {
		err = noErasure()
	}
	return e, err
}

// open is the erasure that is under way for a person.
func (s *Store) open(ctx context.Context, a alias.Alias) (e Erasure, ok bool, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.OpenErasure(ctx, a[:])
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		e, err = shown(row)
		return err
	})
	if err != nil {
		return Erasure{}, false, fmt.Errorf("look for an erasure that is under way: %w", err)
	}
	return e, ok, nil
}

// Confirm ends the cooling-off of a person's own erasure; once more changes nothing. Errors:
// [failure.NotFound] for another's, and [failure.Decided] for one that was taken back.
func (s *Store) Confirm(ctx context.Context, subject, id uuid.UUID) (Erasure, error) {
	if _, err := s.Own(ctx, subject, id); err != nil {
		return Erasure{}, err
	}
	e, err := s.hasten(ctx, id)
	if err == nil && e.State == Cancelled {
		err = failure.New(failure.Decided, "the erasure was taken back", nil)
	}
	return e, err
}

func (s *Store) hasten(ctx context.Context, id uuid.UUID) (Erasure, error) {
	err := s.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.EndCoolingOff(ctx, time.Now(), id)
		return err
	})
	if err != nil {
		return Erasure{}, fmt.Errorf("end the cooling-off of erasure %s: %w", id, err)
	}
	return s.Erasure(ctx, id)
}

// Cancel takes a person's own erasure back; once more changes nothing. Errors:
// [failure.NotFound] for another's, and [failure.Decided] past the point of no return.
func (s *Store) Cancel(ctx context.Context, subject, id uuid.UUID) (Erasure, error) {
	if _, err := s.Own(ctx, subject, id); err != nil {
		return Erasure{}, err
	}
	e, err := s.cancel(ctx, id)
	if err == nil {
		_, err = s.Ledger.Commit(ctx, cancelled(e))
	}
	if err != nil {
		return Erasure{}, fmt.Errorf("cancel erasure %s: %w", id, err)
	}
	return e, nil
}

// cancel is decided by the row, which nobody can move past the point of no return
// meanwhile. The ledger follows: what it knows must have happened.
func (s *Store) cancel(ctx context.Context, id uuid.UUID) (e Erasure, err error) {
	err = s.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := lock(ctx, q, id)
		if err != nil {
			return err
		}
		switch state := State(row.State); {
		case state == Cancelled:
		case !state.Revocable():
			return failure.New(failure.Decided, "the keys are destroyed: there is no way back", nil)
		default:
			if _, err := q.MoveErasure(ctx, string(Cancelled), id, row.State); err != nil {
				return err
			}
			row.State = string(Cancelled)
		}
		e, err = shown(row)
		return err
	})
	return e, err
}

// Own reads a person's own erasure; [failure.NotFound] for another's.
func (s *Store) Own(ctx context.Context, subject, id uuid.UUID) (Erasure, error) {
	mine, err := alias.Of(ctx, s.Keys, subject)
	if err != nil {
		return Erasure{}, err
	}
	e, err := s.Erasure(ctx, id)
	if err == nil && e.Alias != mine {
		err = noErasure()
	}
	if err != nil {
		return Erasure{}, err
	}
	return e, nil
}

// Erasure reads one; [failure.NotFound] when there is none.
func (s *Store) Erasure(ctx context.Context, id uuid.UUID) (e Erasure, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Erasure(ctx, id)
		if err != nil {
			return unlessFound(err)
		}
		e, err = shown(row)
		return err
	})
	if err != nil {
		return Erasure{}, fmt.Errorf("read erasure %s: %w", id, err)
	}
	return e, nil
}

// places are all stores.
func (s *Store) places(ctx context.Context) ([]stores.Store, error) {
	if s.Open == nil {
		return s.Stores, nil
	}
	return s.Open(ctx)
}

func noErasure() error { return failure.New(failure.NotFound, "no such erasure", nil) }

func unlessFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return noErasure()
	}
	return err
}

func lock(ctx context.Context, q *queries.Queries, id uuid.UUID) (queries.Erasure, error) {
	row, err := q.LockErasure(ctx, id)
	return row, unlessFound(err)
}

func shown(row queries.Erasure) (Erasure, error) {
	e := Erasure{
		ID: row.ID, Alias: alias.Alias(row.Alias), State: State(row.State), Law: Law(row.Law), By: Origin(row.Origin), Approval: orZero(row.ApprovalID),
		RequestedAt: row.RequestedAt, CoolingUntil: row.CoolingUntil, UnreadableAt: orZero(row.UnreadableAt), ErasedAt: orZero(row.ErasedAt),
		ScannedAt: orZero(row.ScannedAt), EndedAt: orZero(row.EndedAt),
	}
	if err := json.Unmarshal(row.Counts, &e.Counts); err != nil {
		return Erasure{}, fmt.Errorf("decode counts: %w", err)
	}
	return e, nil
}

func orZero[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

// seal and unseal keep what is secret of a row under the system's key.
func seal(ctx context.Context, keys *keyring.Keyring, id uuid.UUID, column string, plain []byte) ([]byte, error) {
	system, err := keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the system's keys: %w", err)
	}
	return system.Seal(plain, keyring.Location{Table: "erasures", Column: column, Row: id})
}

func unseal(ctx context.Context, keys *keyring.Keyring, id uuid.UUID, column string, sealed []byte) ([]byte, error) {
	system, err := keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the system's keys: %w", err)
	}
	return system.Open(sealed, keyring.Location{Table: "erasures", Column: column, Row: id})
}

// person is whom a row is about; zero once nothing is left of them.
func (s *Store) person(ctx context.Context, row queries.Erasure) (uuid.UUID, error) {
	if row.PersonSealed == nil {
		return uuid.Nil, nil
	}
	plain, err := unseal(ctx, s.Keys, row.ID, "person", row.PersonSealed)
	if err != nil {
		return uuid.Nil, fmt.Errorf("open erasure %s: %w", row.ID, err)
	}
	return uuid.FromBytes(plain)
}
