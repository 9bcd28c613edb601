package approval

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// Activities are the steps of an approval. Every exported method is an activity
// that can run twice without harm.
type Activities struct {
	Store *Store
	// Ledger applies with [Store.ApplyGiven] and [Store.ApplyUsed].
	Ledger audit.Committer
}

// Ref names an approval.
type Ref struct {
	ID uuid.UUID `json:"id"`
}

// Load reads what a workflow waits for.
func (a *Activities) Load(ctx context.Context, in Ref) (Request, error) {
	found, err := a.Store.Approval(ctx, in.ID)
	return found.Request, err
}

// Tally is where a request stands after a decision.
type Tally struct {
	// Decided: nothing more is waited for.
	Decided bool `json:"decided"`
}

// Record records one decision with its audit entry. It fails with
// [failure.NotAllowed] for a decision that did not come through the API or is the
// requester's own, and with [failure.Decided] when it is too late.
func (a *Activities) Record(ctx context.Context, d Decision) (tally Tally, err error) {
	if err := a.Store.verify(ctx, d); err != nil {
		return Tally{}, err
	}
	act := audit.ApprovalRefused
	if d.Approves {
		act = audit.ApprovalGiven
	}
	entry, err := a.Store.by(ctx, d.Approver, d.Approval, audit.Entry{Role: "approver", Act: act, Outcome: audit.Succeeded})
	if err != nil {
		return Tally{}, err
	}
	err = a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		r, given, err := lock(ctx, q, d.Approval)
		if err != nil {
			return err
		}
		for _, g := range given {
			if g.Approver == d.Approver {
				if g.Approves != d.Approves {
					return decided("this person has decided otherwise already")
				}
				tally = count(r, given)
				return nil // a repeat
			}
		}
		if count(r, given).Decided {
			return decided("enough others have decided")
		}
		if d.Approver == r.Requester {
			return failure.New(failure.NotAllowed, "nobody decides on their own request", nil)
		}
		if r.state != Pending || !r.readAt.Before(r.ExpiresAt) {
			return decided("the approval is %s", r.stateNow())
		}
		if _, err := q.CreateApprovalDecision(ctx, queries.CreateApprovalDecisionParams{
			ApprovalID: d.Approval, Approver: d.Approver, Requester: r.Requester, Approves: d.Approves,
		}); err != nil {
			return err
		}
		tally = count(r, append(given, Given{Approver: d.Approver, Approves: d.Approves}))
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return Tally{}, fmt.Errorf("record a decision on approval %s: %w", d.Approval, err)
	}
	return tally, nil
}

// Conclude ends a request: approved when enough others agree, refused when one
// does not, expired otherwise. An approval is in the ledger before it counts.
func (a *Activities) Conclude(ctx context.Context, in Ref) (Outcome, error) {
	found, err := a.Store.Approval(ctx, in.ID)
	if err != nil {
		return Outcome{}, err
	}
	if found.DecidedAt != nil {
		return Outcome{State: found.State}, nil // a repeat
	}
	state, approvers := verdict(found)
	switch state {
	case Approved:
		act, err := a.Store.commitment(ctx, found.Request, approvers)
		if err == nil {
			_, err = a.Ledger.Commit(ctx, act)
		}
		if err != nil {
			return Outcome{}, fmt.Errorf("commit approval %s: %w", in.ID, err)
		}
	case Pending:
		return Outcome{}, fmt.Errorf("approval %s is not decided yet", in.ID)
	default:
		err = a.end(ctx, in.ID, state)
	}
	return Outcome{State: state}, err
}

// verdict is how a request ends by its decisions, whenever that is looked at.
func verdict(a Approval) (State, []uuid.UUID) {
	var approvers []uuid.UUID
	for _, g := range a.Decisions {
		if !g.Approves {
			return Refused, nil
		}
		approvers = append(approvers, g.Approver)
	}
	if len(approvers) >= a.Required {
		return Approved, approvers
	}
	return a.State, nil // pending, or expired by the clock
}

// end records a request that was not approved.
func (a *Activities) end(ctx context.Context, id uuid.UUID, state State) error {
	entry, err := a.Store.entry(ctx, id, audit.Entry{Actor: "approvals", Role: "system", Act: audit.ApprovalExpired, Outcome: audit.Succeeded})
	if err != nil {
		return err
	}
	err = a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		changed, err := q.ConcludeApproval(ctx, string(state), time.Now(), id)
		if err != nil || changed == 0 || state != Expired {
			return err // a refusal has its entry already
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("end approval %s: %w", id, err)
	}
	return nil
}

// UseInput names the act that an approval is used for. By is the workflow that
// does so: the same one may use it again, no other may.
type UseInput struct {
	ID         uuid.UUID         `json:"id"`
	Act        Act               `json:"act"`
	Parameters map[string]string `json:"parameters"`
	By         string            `json:"by"`
}

// Use spends an approval on an act. It fails with [failure.Decided] unless it is
// approved, for exactly this act, within its time, and not used for anything else.
// The ledger has the use first: a restore does not give an approval back.
func (a *Activities) Use(ctx context.Context, in UseInput) (Request, error) {
	r, err := a.usable(ctx, in)
	if err != nil {
		return Request{}, fmt.Errorf("use approval %s: %w", in.ID, err)
	}
	_, err = a.Ledger.Commit(ctx, usage(in.ID, in.By))
	if errors.Is(err, ledger.ErrConflict) {
		err = decided("the approval is used")
	}
	if err != nil {
		return Request{}, fmt.Errorf("use approval %s: %w", in.ID, err)
	}
	return r, nil
}

func (a *Activities) usable(ctx context.Context, in UseInput) (Request, error) {
	if err := word(in.By); err != nil {
		return Request{}, failure.New(failure.InvalidInput, "the user of an approval is a workflow's id", err)
	}
	if subject := in.Parameters[subjectParameter]; subject != "" && strings.Contains(in.By, subject) {
		return Request{}, failure.New(failure.InvalidInput, "the workflow's id names the person, whom the ledger must not know: start it under another", nil)
	}
	var r locked
	err := a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		r, _, err = lock(ctx, q, in.ID)
		return err
	})
	switch {
	case err != nil:
		return Request{}, err
	case !r.Covers(in.Act, in.Parameters):
		return Request{}, failure.New(failure.NotAllowed, "the approval is for another act", nil)
	case r.usedBy == in.By:
		return r.Request, nil // a repeat, which the ledger knows as well
	case r.state != Approved || r.usedBy != "":
		return Request{}, decided("the approval is %s", r.stateNow())
	case !r.readAt.Before(r.ExpiresAt):
		return Request{}, decided("the approval was not used in time")
	default:
		return r.Request, nil
	}
}

// locked is a request whose row no other transaction changes meanwhile.
type locked struct {
	Request
	state  State
	usedBy string
	readAt time.Time
}

func (l locked) stateNow() State {
	switch {
	case l.usedBy != "":
		return "used"
	case l.state == Pending && !l.readAt.Before(l.ExpiresAt):
		return Expired
	default:
		return l.state
	}
}

func lock(ctx context.Context, q *queries.Queries, id uuid.UUID) (locked, []Given, error) {
	row, err := q.LockApproval(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return locked{}, nil, failure.New(failure.NotFound, "no such approval", nil)
	}
	if err != nil {
		return locked{}, nil, err
	}
	r, err := request(row.ID, row.Act, row.Parameters, row.Requester, row.Required, row.ExpiresAt)
	if err != nil {
		return locked{}, nil, err
	}
	l := locked{Request: r, state: State(row.State), readAt: row.ReadAt}
	if row.UsedBy != nil {
		l.usedBy = *row.UsedBy
	}
	given, err := decisions(ctx, q, id)
	return l, given, err
}

func count(r locked, given []Given) Tally {
	state, _ := verdict(Approval{Request: r.Request, State: Pending, Decisions: given})
	return Tally{Decided: state != Pending}
}
