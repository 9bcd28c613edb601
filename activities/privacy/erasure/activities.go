package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/activity"

	"meai/activities/backup/quarantine"
	"meai/activities/keys"
	"meai/internal/postgres/queries"
)

// Activities are the steps of an erasure. Every exported method is an activity that can
// run twice, and be killed anywhere, without harm: it looks at the row first, and what the
// row says is behind it is not done again.
type Activities struct {
	Store *Store
	// Keys freezes people, ends their workflows and destroys their keys.
	Keys *keys.Activities
	// Held reports whether a legal hold forbids to erase a person, in the transaction that
	// passes the point of no return as well; nil when there are no holds. None may come to be
	// from its answer to the end of the transaction: who places one waits for the advisory
	// lock that it takes.
	Held func(ctx context.Context, q *queries.Queries, subject uuid.UUID) (bool, error)
	// Residue clears and searches files; nil when that is not set up.
	Residue Residue
	// Backups tells whether a backup from before a time is kept still; nil: by time alone.
	Backups func(ctx context.Context, before time.Time) (bool, error)
	// Begin starts the workflow of an erasure unless it runs.
	Begin   func(ctx context.Context, id uuid.UUID) error
	Metrics *Metrics
	Log     *slog.Logger
}

// Standing is where an erasure stands after a step.
type Standing struct {
	State State `json:"state"`
	// Begin is when nothing has to be waited for any more: the end of its cooling-off or,
	// where that came later, of a legal hold.
	Begin time.Time `json:"begin,omitzero"`
	// Ended: nothing is to be done any more.
	Ended bool `json:"ended,omitempty"`
}

func standing(row queries.Erasure) Standing {
	begin := row.CoolingUntil
	if released := orZero(row.ReleasedAt); released.After(begin) {
		begin = released
	}
	return Standing{State: State(row.State), Begin: begin, Ended: row.EndedAt != nil}
}

// Look reads where an erasure stands. One that waits is held while there is a legal hold,
// and not any more once that is released.
func (a *Activities) Look(ctx context.Context, in Ref) (s Standing, err error) {
	if err := a.register(ctx, in); err != nil {
		return s, err
	}
	return a.row(ctx, in, func(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
		if state := State(row.State); state != Requested && state != Held {
			return nil
		}
		held, err := a.held(ctx, q, *row)
		if err != nil {
			return err
		}
		if held {
			return a.hold(ctx, q, row)
		}
		return move(ctx, q, row, Requested)
	})
}

// row runs do on the locked row, and returns where it stands then.
func (a *Activities) row(ctx context.Context, in Ref, do func(context.Context, *queries.Queries, *queries.Erasure) error) (s Standing, err error) {
	err = a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := lock(ctx, q, in.ID)
		if err != nil {
			return err
		}
		if err := do(ctx, q, &row); err != nil {
			return err
		}
		s = standing(row)
		return nil
	})
	if err != nil {
		return Standing{}, fmt.Errorf("erasure %s: %w", in.ID, err)
	}
	return s, nil
}

func move(ctx context.Context, q *queries.Queries, row *queries.Erasure, to State) error {
	if row.State == string(to) {
		return nil
	}
	if _, err := q.MoveErasure(ctx, string(to), row.ID, row.State); err != nil {
		return err
	}
	row.State = string(to)
	return nil
}

// held asks for a legal hold, with the person's row locked: nobody freezes or thaws them
// meanwhile.
func (a *Activities) held(ctx context.Context, q *queries.Queries, row queries.Erasure) (bool, error) {
	if a.Held == nil {
		return false, nil
	}
	subject, err := a.Store.person(ctx, row)
	if err != nil {
		return false, err
	}
	if _, err := q.LockSubject(ctx, subject); err != nil {
		return false, fmt.Errorf("look up the person: %w", err)
	}
	return a.Held(ctx, q, subject)
}

// enter takes the row to a step, unless it was cancelled or is held, or is further already.
// Until the keys are destroyed a hold stops it. It returns whom the step is about; zero
// when the step is not to be done.
func (a *Activities) enter(ctx context.Context, in Ref, step State) (s Standing, subject uuid.UUID, err error) {
	s, err = a.row(ctx, in, func(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
		state := State(row.State)
		if state == Cancelled || state == Held || step.before(state) {
			return nil
		}
		if state.Revocable() {
			held, err := a.held(ctx, q, *row)
			if err != nil {
				return err
			}
			if held {
				return a.hold(ctx, q, row)
			}
		}
		if step == Freezing && time.Now().Before(row.CoolingUntil) {
			return nil
		}
		if err := move(ctx, q, row, step); err != nil {
			return err
		}
		subject, err = a.Store.person(ctx, *row)
		return err
	})
	return s, subject, err
}

// Freeze ends writing for the person. It does nothing before the cooling-off is over.
func (a *Activities) Freeze(ctx context.Context, in Ref) (Standing, error) {
	s, subject, err := a.enter(ctx, in, Freezing)
	if err != nil || subject == uuid.Nil {
		return s, err
	}
	if err := a.register(ctx, in); err != nil {
		return s, err
	}
	if a.Store.Register.Begun != nil {
		if err := a.Store.Register.Begun(ctx, in.ID, s.Begin); err != nil {
			return s, err
		}
	}
	return s, a.Store.DB.Freeze(ctx, subject)
}

// Ended counts the workflows that a sweep has ended.
type Ended struct {
	Standing
	Workflows int `json:"workflows"`
}

// EndWorkflows ends what runs for the person on the server, so that no worker plays it
// again.
func (a *Activities) EndWorkflows(ctx context.Context, in Ref) (Ended, error) {
	s, subject, err := a.enter(ctx, in, Ending)
	if err != nil || subject == uuid.Nil {
		return Ended{Standing: s}, err
	}
	ended, err := a.Keys.EndWorkflows(ctx, keys.SubjectInput{Subject: subject})
	return Ended{s, ended.Workflows}, err
}

// PassPoint passes the point of no return, unless the erasure was cancelled or is held in
// this very moment. It fails with [failure.EpochOver] when it was asked for before a
// restore: the ledger knows what became of that.
func (a *Activities) PassPoint(ctx context.Context, in Ref) (Standing, error) {
	if err := quarantine.Permit(ctx, a.Store.DB); err != nil {
		return Standing{}, err
	}
	s, _, err := a.enter(ctx, in, Destroying)
	return s, err
}

// Bury makes the person's keys unusable in every process within one [keys.Lease], and the
// person erased, here and in the ledger.
func (a *Activities) Bury(ctx context.Context, in Ref) (Standing, error) {
	s, subject, err := a.enter(ctx, in, Destroying)
	if err != nil || subject == uuid.Nil {
		return s, err
	}
	e, err := a.Store.Erasure(ctx, in.ID)
	if err != nil {
		return s, err
	}
	if err := a.Keys.Bury(ctx, keys.ErasedInput{Subject: subject, Erasure: in.ID, Approval: e.Approval}); err != nil {
		return s, err
	}
	// The ledger has a person's first erasure alone, and marks them once.
	if err := a.markErased(ctx, subject); err != nil {
		return s, err
	}
	return s, a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return q.NoteUnreadable(ctx, time.Now(), in.ID)
	})
}

// Clear deletes the person's keys from every replica of the keyring.
func (a *Activities) Clear(ctx context.Context, in Ref) error {
	subject, err := a.subject(ctx, in)
	if err != nil || subject == uuid.Nil {
		return err
	}
	return a.Keys.Clear(ctx, keys.SubjectInput{Subject: subject})
}

// subject is whom an erasure is about; zero once nothing is left of them.
func (a *Activities) subject(ctx context.Context, in Ref) (subject uuid.UUID, err error) {
	err = a.Store.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Erasure(ctx, in.ID)
		if err != nil {
			return unlessFound(err)
		}
		subject, err = a.Store.person(ctx, row)
		return err
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("erasure %s: %w", in.ID, err)
	}
	return subject, nil
}

// Thaw lets a person go on who was frozen for an erasure that does not go on: it is held, or
// cancelled.
func (a *Activities) Thaw(ctx context.Context, in Ref) (Standing, error) {
	return a.row(ctx, in, func(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
		if state := State(row.State); state != Held && state != Cancelled && state != Requested {
			return nil
		}
		subject, err := a.Store.person(ctx, *row)
		if err != nil || subject == uuid.Nil {
			return err
		}
		if frozen, err := a.another(ctx, q, *row, subject); err != nil || frozen {
			return err
		}
		_, err = q.ThawSubject(ctx, subject)
		return err
	})
}

// another reports whether a later erasure has frozen the person. None can, from here to the
// end of the transaction.
func (a *Activities) another(ctx context.Context, q *queries.Queries, row queries.Erasure, subject uuid.UUID) (bool, error) {
	if _, err := q.LockSubject(ctx, subject); errors.Is(err, pgx.ErrNoRows) {
		return true, nil // it is through
	} else if err != nil {
		return false, fmt.Errorf("look up the person: %w", err)
	}
	open, err := q.OpenErasure(ctx, row.Alias)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && open.ID == row.ID {
		return false, nil
	}
	return !State(open.State).before(Freezing), err
}

// EndCancelled ends an erasure that was taken back, in the ledger, in the register and in
// its row.
func (a *Activities) EndCancelled(ctx context.Context, in Ref) error {
	e, err := a.Store.Erasure(ctx, in.ID)
	if err != nil || e.State != Cancelled {
		return err
	}
	if _, err := a.Store.Ledger.Commit(ctx, cancelled(e)); err != nil {
		return fmt.Errorf("end erasure %s: %w", in.ID, err)
	}
	if a.Store.Register.Finished != nil {
		if err := a.Store.Register.Finished(ctx, in.ID, "cancelled"); err != nil {
			return fmt.Errorf("end erasure %s: %w", in.ID, err)
		}
	}
	_, err = a.row(ctx, in, func(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
		_, err := q.EndErasure(ctx, string(Cancelled), time.Now(), in.ID)
		return err
	})
	return err
}

// heartbeat shows that a step goes on.
func heartbeat(ctx context.Context, details ...any) {
	if activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx, details...)
	}
}
