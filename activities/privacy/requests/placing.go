package requests

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/approval"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/notify"
	"meai/internal/postgres/queries"
)

// Activities are the steps of holds and of the watch over time limits. Every exported method
// is an activity that can run twice without harm.
type Activities struct {
	Store *Store
	// Approvals spends what others have agreed to.
	Approvals *approval.Activities
	// Ledger applies with [ApplyPlaced] and [ApplyReleased].
	Ledger audit.Committer
	// Wake has an erasure look again, and begins its workflow where none runs.
	Wake func(ctx context.Context, erasure uuid.UUID) error
	// Places are where time limits are told, besides the log.
	Places []notify.Notifier
	// Link leads to the register.
	Link string
	// Gauges show how many requests stand how; nil for none.
	Gauges *Gauges
	Log    *slog.Logger
}

// mostHeld bounds the list of one hold, and longestHold its time.
const (
	mostHeld    = 1000
	longestHold = 10 * 365 * 24 * time.Hour
)

// HoldInput names the approval by which a hold is placed or released.
type HoldInput struct {
	Approval uuid.UUID `json:"approval"`
	// Items are the memories and messages that are to be held, as the approval's digest says;
	// empty for everything of the person, and for a release.
	Items []uuid.UUID `json:"items,omitempty"`
}

// HoldRef names a hold.
type HoldRef struct {
	ID uuid.UUID `json:"id"`
}

// HoldWorkflow is the id of the workflow that does what an approval is for.
func HoldWorkflow(approval uuid.UUID) string { return "privacy/hold/" + approval.String() }

// DigestOf is how an approval names a list of memories and messages: SHA-256, in hexadecimal
// digits, of the ids in order, each with a line break.
func DigestOf(items []uuid.UUID) string {
	lines := make([]string, len(items))
	for i, item := range items {
		lines[i] = item.String() + "\n"
	}
	slices.Sort(lines)
	sum := sha256.New()
	for _, line := range slices.Compact(lines) {
		sum.Write([]byte(line)) // it never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// CarryHold places or releases a hold as two others have approved. Whom it is about and why
// is in the approval, so that no history has it. Errors: [failure.NotAllowed] and
// [failure.Decided] for an approval that does not allow it, [failure.InvalidInput] for another
// list than was approved, [failure.NotFound] for what is not there to be held or released.
func (a *Activities) CarryHold(ctx context.Context, in HoldInput) (HoldRef, error) {
	agreed, err := a.Approvals.Store.Approval(ctx, in.Approval)
	if err != nil {
		return HoldRef{}, err
	}
	switch agreed.Act {
	case approval.Hold:
		err = a.place(ctx, agreed, in.Items)
		return HoldRef{ID: agreed.ID}, err
	case approval.ReleaseHold:
		return a.release(ctx, agreed)
	default:
		return HoldRef{}, failure.New(failure.NotAllowed, "the approval is for another act", nil)
	}
}

func (a *Activities) place(ctx context.Context, agreed approval.Approval, items []uuid.UUID) error {
	subject, p, err := placingOf(agreed, items)
	if err == nil && agreed.UsedBy == "" { // what was begun is brought to its end, whatever has come to be since
		err = a.check(ctx, subject, p, items)
	}
	if err != nil {
		return fmt.Errorf("place hold %s: %w", agreed.ID, err)
	}
	if err := a.spend(ctx, agreed); err != nil {
		return err
	}
	err = a.Store.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		p.alias, err = alias.Ensure(ctx, q, a.Store.keys, subject)
		return err
	})
	if err != nil {
		return fmt.Errorf("place hold %s: %w", agreed.ID, err)
	}
	if _, err := a.Ledger.Commit(ctx, placement(p)); err != nil {
		return fmt.Errorf("place hold %s: %w", agreed.ID, err)
	}
	return a.describe(ctx, p, items, agreed.Reason)
}

// placingOf is the hold that an approval is for.
func placingOf(agreed approval.Approval, items []uuid.UUID) (subject uuid.UUID, p placing, err error) {
	p = placing{id: agreed.ID, reason: agreed.Parameters["reason"], told: agreed.Parameters["told"] == yes}
	if subject, err = uuid.Parse(agreed.Parameters["subject"]); err == nil {
		p.until, err = time.Parse(time.RFC3339, agreed.Parameters["until"])
	}
	listed := agreed.Parameters["items"]
	switch {
	case err != nil:
		return subject, p, failure.New(failure.InvalidInput, "the approval names no hold", err)
	case listed == approval.Everything && len(items) == 0:
		return subject, p, nil
	case listed == approval.Everything || len(items) > mostHeld || DigestOf(items) != listed:
		return subject, p, failure.New(failure.InvalidInput, "the list is not the one that was approved", nil)
	}
	p.digest, err = hex.DecodeString(listed)
	return subject, p, err
}

// check refuses a hold of nobody, of what is not the person's, or without a future.
func (a *Activities) check(ctx context.Context, subject uuid.UUID, p placing, items []uuid.UUID) error {
	if left := p.until.Sub(a.Store.now()); left <= 0 || left > longestHold {
		return failure.New(failure.InvalidInput, "a hold ends in the future, and within 10 years", nil)
	}
	return a.Store.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		state, err := q.SubjectState(ctx, subject)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return failure.New(failure.NotFound, "there is no such person", nil)
		case err != nil:
			return err
		case state == "erased":
			return failure.New(failure.SubjectInactive, "the person is erased already", nil)
		}
		there, err := q.CountHoldable(ctx, items, subject)
		if err == nil && int(there) != len(slices.Compact(sorted(items))) {
			err = failure.New(failure.NotFound, "the list names memories or messages that the person does not have", nil)
		}
		return err
	})
}

func sorted(ids []uuid.UUID) []uuid.UUID {
	return slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}

// spend uses the approval up.
func (a *Activities) spend(ctx context.Context, agreed approval.Approval) error {
	_, err := a.Approvals.Use(ctx, approval.UseInput{ID: agreed.ID, Act: agreed.Act, Parameters: agreed.Parameters, By: HoldWorkflow(agreed.ID)})
	return err
}

// describe adds what the ledger does not have: the list, and why in words.
func (a *Activities) describe(ctx context.Context, p placing, items []uuid.UUID, note string) error {
	system, err := a.Store.keys.System(ctx)
	if err != nil {
		return fmt.Errorf("load the system's keys: %w", err)
	}
	sealed, err := system.Seal([]byte(note), notePlace(p.id))
	if err != nil {
		return err
	}
	err = a.Store.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if note != "" { // a restored approval has lost it
			if err := q.NoteHold(ctx, sealed, p.id); err != nil {
				return err
			}
		}
		if p.digest == nil {
			return nil
		}
		if err := q.ListHeld(ctx, p.id, items); err != nil {
			return err
		}
		return q.HoldListed(ctx, p.id)
	})
	if err != nil {
		return fmt.Errorf("describe hold %s: %w", p.id, err)
	}
	return nil
}

func notePlace(id uuid.UUID) keyring.Location {
	return keyring.Location{Table: "legal_holds", Column: "note_sealed", Row: id}
}

func (a *Activities) release(ctx context.Context, agreed approval.Approval) (HoldRef, error) {
	id, err := uuid.Parse(agreed.Parameters["hold"])
	if err != nil {
		return HoldRef{}, failure.New(failure.InvalidInput, "the approval names no hold", err)
	}
	if _, err := a.Store.Hold(ctx, id); err != nil {
		return HoldRef{}, err
	}
	if err := a.spend(ctx, agreed); err != nil {
		return HoldRef{}, err
	}
	if _, err := a.Ledger.Commit(ctx, release(id)); err != nil && !errors.Is(err, ledger.ErrConflict) {
		return HoldRef{}, fmt.Errorf("release hold %s: %w", id, err)
	}
	return HoldRef{ID: id}, nil
}

// Settled is what [Activities.SettleHolds] found.
type Settled struct {
	Holds int `json:"holds"`
}

// settlePage is how many holds are settled at once.
const settlePage = 100

// SettleHolds has what waited for the end of a hold go on, for every hold that was released
// or whose time is over, and lets the lists of those go.
func (a *Activities) SettleHolds(ctx context.Context, _ struct{}) (Settled, error) {
	var over []queries.UnsettledHoldsRow
	err := a.Store.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		over, err = q.UnsettledHolds(ctx, settlePage)
		return err
	})
	if err != nil {
		return Settled{}, fmt.Errorf("look for holds that are over: %w", err)
	}
	var failed []error
	for _, hold := range over {
		failed = append(failed, a.settle(ctx, hold)) // one that fails keeps no other waiting
	}
	return Settled{Holds: len(over)}, errors.Join(failed...)
}

func (a *Activities) settle(ctx context.Context, hold queries.UnsettledHoldsRow) error {
	var waiting []uuid.UUID
	err := a.Store.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		waiting, err = q.ErasuresWaiting(ctx, hold.Alias)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle hold %s: %w", hold.ID, err)
	}
	for _, erasure := range waiting {
		if err := a.Wake(ctx, erasure); err != nil {
			return fmt.Errorf("settle hold %s: %w", hold.ID, err)
		}
	}
	entry, err := holdEntry(ctx, a.Store.audit, hold.ID, audit.Entry{Act: audit.HoldReleased, Reason: "expired"})
	if err != nil {
		return err
	}
	err = a.Store.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if err := q.DropHeldItems(ctx, hold.ID); err != nil {
			return err
		}
		changed, err := q.SettleHold(ctx, hold.ID)
		if err != nil || changed == 0 || hold.ReleasedAt != nil {
			return err // a release has its entry already
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle hold %s: %w", hold.ID, err)
	}
	return nil
}
