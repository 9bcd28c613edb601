package erasure

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/requests"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// Register is where people's requests are registered with the time that the law gives.
// Its methods are idempotent; a nil one registers nothing.
type Register struct {
	// Received registers a request.
	Received func(ctx context.Context, e Erasure, subject uuid.UUID) error
	// Held says that a legal hold keeps it waiting: nothing is promised until it is begun.
	Held func(ctx context.Context, q *queries.Queries, id uuid.UUID) error
	// Begun says since when nothing has to be waited for any more: what is promised counts
	// from there.
	Begun func(ctx context.Context, id uuid.UUID, at time.Time) error
	// Finished ends it: state is "completed" or "cancelled". What is not registered, as an
	// erasure that nobody asked for, or has ended by somebody's hand, stays as it is.
	Finished func(ctx context.Context, id uuid.UUID, state string) error
	// Detach takes the person's id out of all of their requests.
	Detach func(ctx context.Context, q *queries.Queries, subject uuid.UUID) error
}

// RegisterIn registers erasures among people's requests, under the same ids.
func RegisterIn(r *requests.Store) Register {
	return Register{
		Received: func(ctx context.Context, e Erasure, subject uuid.UUID) error {
			return r.Receive(ctx, requests.New{
				ID: e.ID, Subject: subject, Kind: requests.Erasure, Law: requests.Law(e.Law), At: e.RequestedAt, Begins: e.CoolingUntil,
			})
		},
		Held:  r.Wait,
		Begun: r.Begin,
		Finished: func(ctx context.Context, id uuid.UUID, state string) error {
			err := r.Finish(ctx, id, requests.State(state), "")
			if failure.Is(err, failure.NotFound) || failure.Is(err, failure.Decided) {
				return nil
			}
			return err
		},
		Detach: r.Detach,
	}
}

// register registers an erasure that can still be cancelled, once more where a crash or a
// restore has lost the entry: the ledger brings back the erasure alone.
func (a *Activities) register(ctx context.Context, in Ref) error {
	if a.Store.Register.Received == nil {
		return nil
	}
	e, err := a.Store.Erasure(ctx, in.ID)
	if err != nil || !e.State.Revocable() {
		return err
	}
	subject, err := a.subject(ctx, in)
	if err != nil || subject == uuid.Nil {
		return err
	}
	return a.Store.Register.Received(ctx, e, subject)
}

// hold has an erasure wait for the end of a legal hold.
func (a *Activities) hold(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
	if a.Store.Register.Held != nil {
		if err := a.Store.Register.Held(ctx, q, row.ID); err != nil {
			return err
		}
	}
	return move(ctx, q, row, Held)
}
