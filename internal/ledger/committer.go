package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Applier brings an act's effect into the database, in the transaction that also
// records it as applied. It must be able to run on a database that has the effect
// already, since an older one may be restored around it, and must not reach outside
// of the transaction.
type Applier func(ctx context.Context, q *queries.Queries, e Entry) error

var (
	// ErrUnknownKind: an entry is of a kind that nothing here applies. Replay stops
	// there: skipping it could undo what it says.
	ErrUnknownKind = errors.New("ledger: nothing applies acts of this kind")
	// ErrForeign: the database has applied entries that this ledger does not hold.
	ErrForeign = errors.New("ledger: the database belongs to another ledger, or this one has lost entries")
)

// Committer commits acts to the ledger and applies them to a database.
type Committer struct {
	ledger   *Ledger
	db       *postgres.DB
	appliers map[Kind]Applier
	log      *slog.Logger
}

// NewCommitter puts a ledger, a database and the appliers of the known kinds
// together. The applier of [KeyRevoked] is always there.
func NewCommitter(l *Ledger, db *postgres.DB, appliers map[Kind]Applier) *Committer {
	c := &Committer{ledger: l, db: db, appliers: map[Kind]Applier{KeyRevoked: applyRevocation}, log: l.log}
	for kind, apply := range appliers {
		c.appliers[kind] = apply
	}
	return c
}

// Commit appends an act to the ledger and applies it, and everything before it that
// is not applied yet, to the database. When it returns nil both have it. After an
// error the act may be in the ledger: it is applied then by the next replay, in any
// process, and committing it again is safe.
func (c *Committer) Commit(ctx context.Context, act Act) (Entry, error) {
	if c.appliers[act.Kind] == nil {
		return Entry{}, fmt.Errorf("%w: %s", ErrUnknownKind, act.Kind)
	}
	entry, err := c.ledger.Append(ctx, act)
	if err != nil {
		return Entry{}, err
	}
	if _, err := c.Replay(ctx); err != nil {
		return entry, fmt.Errorf("ledger entry %d is committed but not applied yet: %w", entry.Number, err)
	}
	return entry, nil
}

// Replay applies what the database lacks, in order, each entry in a transaction of
// its own, and returns how many it applied. It can be stopped and repeated at any
// point, and run by several processes at once.
func (c *Committer) Replay(ctx context.Context) (applied int, err error) {
	last, err := c.Applied(ctx)
	if err != nil {
		return 0, err
	}
	_, err = c.ledger.Replay(ctx, last+1, func(ctx context.Context, e Entry) error {
		fresh, err := c.apply(ctx, e)
		if fresh && err == nil {
			applied++
		}
		return err
	})
	return applied, err
}

// Applied is the number of the newest entry that the database has applied, which the ledger
// must hold as well.
func (c *Committer) Applied(ctx context.Context) (uint64, error) {
	var last int64
	var hash []byte
	err := c.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		if last, err = q.LastApplied(ctx); err != nil || last == 0 {
			return err
		}
		hash, err = q.AppliedHash(ctx, last)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look what the database has applied of the ledger: %w", err)
	}
	if last == 0 {
		return 0, nil
	}
	head, err := c.ledger.Head(ctx)
	if err != nil {
		return 0, err
	}
	if uint64(last) > head.Number {
		return 0, fmt.Errorf("%w: it has applied entry %d and the ledger ends with %d", ErrForeign, last, head.Number)
	}
	e, err := c.ledger.Entry(ctx, uint64(last))
	if err != nil {
		return 0, err
	}
	if Hash(hash) != e.Hash {
		return 0, fmt.Errorf("%w: its entry %d is another", ErrForeign, last)
	}
	return uint64(last), nil
}

// apply applies one entry unless another process has.
func (c *Committer) apply(ctx context.Context, e Entry) (fresh bool, err error) {
	apply := c.appliers[e.Kind]
	if apply == nil {
		return false, fmt.Errorf("%w: %s", ErrUnknownKind, e.Kind)
	}
	err = c.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		// Waits for a transaction that is applying the same entry.
		claimed, err := q.ClaimLedgerEntry(ctx, int64(e.Number), e.Hash[:])
		if err != nil || claimed == 0 {
			return err
		}
		fresh = true
		return apply(ctx, q, e)
	})
	return fresh, err
}

// Keep replays the ledger into the database and repairs its stores now and then,
// until ctx ends: for what a crash left between the two.
func (c *Committer) Keep(ctx context.Context, every time.Duration) {
	for {
		if n, err := c.Replay(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("the ledger is not applied to the database", "error", err)
		} else if n > 0 {
			c.log.Info("applied entries of the ledger", "entries", n)
		}
		if _, err := c.ledger.Repair(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("a ledger store is not whole", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// Revocation says that a key or grant is not valid any more, for ever: from the time
// of its entry on.
func Revocation(kind, id string) Act {
	return Act{Kind: KeyRevoked, ID: "revocation/" + kind + "/" + id, Fields: map[string]string{"kind": kind, "id": id}}
}

func applyRevocation(ctx context.Context, q *queries.Queries, e Entry) error {
	if e.Fields["kind"] == "" || e.Fields["id"] == "" {
		return failure.New(failure.InvalidInput, "the entry is no revocation", nil)
	}
	return q.Revoke(ctx, e.Fields["id"], e.Fields["kind"], e.Time)
}

// Revoked reports whether a key or grant was revoked, in the caller's transaction.
func Revoked(ctx context.Context, q *queries.Queries, kind, id string) (bool, error) {
	revoked, err := q.IsRevoked(ctx, kind, id)
	if err != nil {
		return false, fmt.Errorf("look for a revocation: %w", err)
	}
	return revoked, nil
}
