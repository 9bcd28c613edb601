package requests

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// Hold keeps what would otherwise go. Times are in UTC.
type Hold struct {
	ID uuid.UUID
	// Reason is a code.
	Reason              string
	PlacedAt, ExpiresAt time.Time
	// Told: the person may know of it.
	Told bool
}

// Holds says what is held. It is safe for concurrent use.
type Holds struct{ keys *keyring.Keyring }

// NewHolds returns what asks with the aliases of a keyring.
func NewHolds(keys *keyring.Keyring) *Holds { return &Holds{keys: keys} }

// Held is the hold on everything of a person that lasts longest; false for none. Until the
// caller's transaction ends no other one comes to be: whoever does what cannot be undone asks
// within it.
func (h *Holds) Held(ctx context.Context, q *queries.Queries, subject uuid.UUID) (Hold, bool, error) {
	a, err := h.await(ctx, q, subject)
	if err != nil {
		return Hold{}, false, err
	}
	row, err := q.HoldOnPerson(ctx, a[:])
	return found(Hold(row), err)
}

// Any is the hold on everything or anything of a person that lasts longest; false for none.
// The rule of [Holds.Held] about the transaction holds.
func (h *Holds) Any(ctx context.Context, q *queries.Queries, subject uuid.UUID) (Hold, bool, error) {
	a, err := h.await(ctx, q, subject)
	if err != nil {
		return Hold{}, false, err
	}
	row, err := q.HoldOnAnything(ctx, a[:])
	return found(Hold(row), err)
}

// HeldItems are the memories and messages of a person that are held one by one, in the order
// of their ids. The rule of [Holds.Held] about the transaction holds.
func (h *Holds) HeldItems(ctx context.Context, q *queries.Queries, subject uuid.UUID) ([]uuid.UUID, error) {
	a, err := h.await(ctx, q, subject)
	if err != nil {
		return nil, err
	}
	items, err := q.HeldItems(ctx, a[:])
	if err != nil {
		return nil, fmt.Errorf("look for what is held: %w", err)
	}
	return items, nil
}

// Permit fails with [failure.Held] when a person is held, or any of the given memories and
// messages of theirs is. The rule of [Holds.Held] about the transaction holds.
func (h *Holds) Permit(ctx context.Context, q *queries.Queries, subject uuid.UUID, items ...uuid.UUID) error {
	_, held, err := h.Held(ctx, q, subject)
	if err != nil {
		return err
	}
	kept, err := h.HeldItems(ctx, q, subject)
	if err != nil {
		return err
	}
	for _, item := range items {
		for _, k := range kept {
			held = held || k == item
		}
	}
	if held {
		return failure.New(failure.Held, "it is under a legal hold", nil)
	}
	return nil
}

func (h *Holds) await(ctx context.Context, q *queries.Queries, subject uuid.UUID) (alias.Alias, error) {
	a, err := alias.Of(ctx, h.keys, subject)
	if err != nil {
		return a, err
	}
	if err := q.AwaitHolds(ctx, a[:]); err != nil {
		return a, fmt.Errorf("wait for legal holds: %w", err)
	}
	return a, nil
}

func found(h Hold, err error) (Hold, bool, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return Hold{}, false, nil
	}
	if err != nil {
		return Hold{}, false, fmt.Errorf("look for a legal hold: %w", err)
	}
	h.PlacedAt, h.ExpiresAt = h.PlacedAt.UTC(), h.ExpiresAt.UTC()
	return h, true, nil
}

// placement is the ledger's act for a hold: by alias, and without the list.
func placement(p placing) ledger.Act {
	fields := map[string]string{
		"hold": p.id.String(), "alias": p.alias.String(), "reason": p.reason, "until": p.until.Format(time.RFC3339), "told": yesOrNo(p.told),
	}
	if p.digest != nil {
		fields["items"] = hex.EncodeToString(p.digest)
	}
	return ledger.Act{Kind: ledger.HoldPlaced, ID: "hold/" + p.id.String(), Fields: fields}
}

// release is the ledger's act for a hold that ends before its time.
func release(hold uuid.UUID) ledger.Act {
	return ledger.Act{Kind: ledger.HoldReleased, ID: "hold-release/" + hold.String(), Fields: map[string]string{"hold": hold.String()}}
}

// placing is a hold that is to be placed.
type placing struct {
	id     uuid.UUID
	alias  alias.Alias
	reason string
	until  time.Time
	told   bool
	// digest of the list of what is held; nil for everything.
	digest []byte
}

// fromLedger reads what [placement] wrote.
func fromLedger(fields map[string]string) (p placing, err error) {
	var errs [4]error
	p.id, errs[0] = uuid.Parse(fields["hold"])
	p.alias, errs[1] = alias.Parse(fields["alias"])
	p.until, errs[2] = time.Parse(time.RFC3339, fields["until"])
	if items := fields["items"]; items != "" {
		p.digest, errs[3] = hex.DecodeString(items)
	}
	p.reason, p.told = fields["reason"], fields["told"] == yes
	if err := errors.Join(errs[:]...); err != nil || !code.MatchString(p.reason) {
		return p, failure.New(failure.InvalidInput, "the ledger's entry is no legal hold", err)
	}
	return p, nil
}

const yes, no = "yes", "no"

func yesOrNo(is bool) string {
	if is {
		return yes
	}
	return no
}

// ApplyPlaced is the ledger's applier of holds that were placed. A database that lacks the
// list of what is held holds everything of the person: too much rather than too little.
func ApplyPlaced(log *audit.Log) ledger.Applier {
	return func(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
		p, err := fromLedger(e.Fields)
		if err != nil {
			return err
		}
		entry, err := holdEntry(ctx, log, p.id, audit.Entry{Act: audit.HoldPlaced, Reason: p.reason, Approval: p.id.String()})
		if err != nil {
			return err
		}
		if err := q.LockHolds(ctx, p.alias[:]); err != nil {
			return fmt.Errorf("wait for who looks for holds: %w", err)
		}
		if err := q.PlaceHold(ctx, queries.PlaceHoldParams{
			ID: p.id, Alias: p.alias[:], Reason: p.reason, Digest: p.digest, Told: p.told, PlacedAt: e.Time, ExpiresAt: p.until,
		}); err != nil {
			return fmt.Errorf("place hold %s: %w", p.id, err)
		}
		return audit.AppendOnce(ctx, q, entry)
	}
}

// ApplyReleased is the ledger's applier of holds that were released.
func ApplyReleased(log *audit.Log) ledger.Applier {
	return func(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
		id, err := uuid.Parse(e.Fields["hold"])
		if err != nil {
			return failure.New(failure.InvalidInput, "the ledger's entry is no release of a legal hold", err)
		}
		entry, err := holdEntry(ctx, log, id, audit.Entry{Act: audit.HoldReleased, Reason: "released"})
		if err != nil {
			return err
		}
		changed, err := q.ReleaseHold(ctx, e.Time, id)
		if err != nil || changed == 0 {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	}
}

// holdEntry completes an audit entry about a hold. Whom it is about is not in it: the person
// may not be allowed to know.
func holdEntry(ctx context.Context, log *audit.Log, id uuid.UUID, e audit.Entry) (audit.Entry, error) {
	object, err := log.Object(ctx, audit.Hold, id.String())
	if err != nil {
		return audit.Entry{}, fmt.Errorf("name a hold in the audit log: %w", err)
	}
	e.Actor, e.Role, e.Kind, e.Object, e.Outcome = "holds", "system", audit.Hold, object, audit.Succeeded
	return e, nil
}
