package feedback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/activity"

	"meai/activities/privacy/consent"
	"meai/activities/truthfilter"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// Activities are the steps by which a policy is learned. Every exported method is an
// activity that can run twice without harm.
type Activities struct {
	Store  *Store
	Filter *truthfilter.Filter
	// Cases are what candidates are held to; nil for [truthfilter.Cases].
	Cases []truthfilter.Case
}

// Proposal is a candidate with what it is to replace. It names no persons.
type Proposal struct {
	// Base is the version of the written policy, and Parent the serial of the learned one
	// in force; 0 for none.
	Base      string             `json:"base"`
	Parent    int32              `json:"parent"`
	Current   truthfilter.Scores `json:"current"`
	Candidate truthfilter.Scores `json:"candidate"`
	// Moves is empty when feedback asks for nothing.
	Moves []truthfilter.Adjustment `json:"moves,omitempty"`
}

// Counts are how many people gave a rating, and how often.
type Counts map[truthfilter.Rating]queries.FeedbackCountsRow

// ProposePolicy makes a candidate of what people have said since the last one that moved
// the same thresholds, so that nothing counts twice. Only those count who agree to it.
func (a *Activities) ProposePolicy(ctx context.Context, _ struct{}) (Proposal, error) {
	serial, current, err := a.Store.inForce(ctx)
	if err != nil {
		return Proposal{}, err
	}
	decided, err := a.Store.Learned(ctx, false)
	if err != nil {
		return Proposal{}, err
	}
	purpose, _ := consent.Defined(consent.Feedback)
	counts := Counts{}
	err = a.Store.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		for _, rating := range truthfilter.Ratings {
			rows, err := q.FeedbackCounts(ctx, string(rating), since(decided, rating), int32(purpose.Accepts))
			if err != nil {
				return err
			}
			if len(rows) > 0 { // there is none for fewer people than five
				counts[rating] = rows[0]
			}
		}
		return nil
	})
	if err != nil {
		return Proposal{}, fmt.Errorf("count feedback: %w", err)
	}
	candidate := propose(current, counts)
	return Proposal{
		Base: a.Store.Written.Version, Parent: serial,
		Current: current.Least, Candidate: candidate.Least, Moves: candidate.Adjusted,
	}, nil
}

// since is when the last candidate was decided on that a rating had a part in.
func since(decided []Learned, rating truthfilter.Rating) (at time.Time) {
	for _, d := range decided {
		for _, l := range rating.Moves() {
			for _, moved := range d.Moved {
				if moved == l && d.DecidedAt.After(at) {
					at = d.DecidedAt
				}
			}
		}
	}
	return at
}

// propose moves each threshold by one step at most.
func propose(current truthfilter.Policy, counts Counts) truthfilter.Policy {
	var moves []truthfilter.Adjustment
	move := func(by float64, rating truthfilter.Rating, layers ...truthfilter.Layer) {
		because := fmt.Sprintf("%d × %s by %d people", counts[rating].Times, rating, counts[rating].Persons)
		for _, l := range layers {
			moves = append(moves, truthfilter.Adjustment{Layer: l, By: by, Because: because})
		}
	}
	for _, rating := range []truthfilter.Rating{truthfilter.Untrue, truthfilter.Harmful} {
		if counts[rating].Times > 0 {
			move(truthfilter.Step, rating, rating.Moves()...)
		}
	}
	switch irrelevant, helpful := counts[truthfilter.Irrelevant].Times, counts[truthfilter.Helpful].Times; {
	case irrelevant > helpful:
		move(truthfilter.Step, truthfilter.Irrelevant, truthfilter.Relevance)
	case helpful > irrelevant:
		move(-truthfilter.Step, truthfilter.Helpful, truthfilter.Relevance, truthfilter.Resonance)
	}
	current.Adjusted = nil
	return current.Adjust(moves...)
}

// Evaluation is how two policies decide the project's own cases.
type Evaluation struct {
	Current   truthfilter.Figures `json:"current"`
	Candidate truthfilter.Figures `json:"candidate"`
}

// EvaluatePolicy runs a candidate and what it is to replace on the cases.
func (a *Activities) EvaluatePolicy(ctx context.Context, p Proposal) (Evaluation, error) {
	cases := a.Cases
	if cases == nil {
		var err error
		if cases, err = truthfilter.Cases(); err != nil {
			return Evaluation{}, fmt.Errorf("load the cases: %w", err)
		}
	}
	written := a.Store.Written
	figures, err := a.Filter.Evaluate(ctx, cases, func() { activity.RecordHeartbeat(ctx) },
		written.Learned(written.Version, p.Current), written.Learned(written.Version, p.Candidate))
	if err != nil {
		return Evaluation{}, fmt.Errorf("evaluate a policy: %w", err)
	}
	return Evaluation{Current: figures[0], Candidate: figures[1]}, nil
}

// AdoptInput is an evaluated candidate. Run names the run that made it.
type AdoptInput struct {
	Run        string     `json:"run"`
	Proposal   Proposal   `json:"proposal"`
	Evaluation Evaluation `json:"evaluation"`
}

// Outcome is what became of it.
type Outcome struct {
	Version string `json:"version,omitempty"`
	State   State  `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// AdoptPolicy takes a candidate into force or refuses it: one that decides fewer cases of
// any group rightly, and one that was made from a policy that is no longer in force. A
// run's candidate is decided on once.
func (a *Activities) AdoptPolicy(ctx context.Context, in AdoptInput) (out Outcome, err error) {
	row, err := in.row()
	if err != nil {
		return Outcome{}, err
	}
	entry, err := a.Store.entry(ctx, audit.Entry{Actor: "filter-policy", Role: "system", Act: audit.FilterPolicyAdopted})
	if err != nil {
		return Outcome{}, err
	}
	err = a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockFilterPolicies(ctx); err != nil {
			return err
		}
		before, err := q.FilterPolicyOfRun(ctx, in.Run)
		if !errors.Is(err, pgx.ErrNoRows) {
			out = Outcome{Version: version(before.Base, before.Serial), State: State(before.State), Reason: before.Reason}
			return err
		}
		if row.Serial, err = q.NextFilterPolicy(ctx, row.Base); err != nil {
			return err
		}
		out, err = a.decide(ctx, q, in)
		if err != nil {
			return err
		}
		out.Version, row.State, row.Reason = version(row.Base, row.Serial), string(out.State), out.Reason
		if err := q.RecordFilterPolicy(ctx, row); err != nil || out.State != Adopted {
			return err
		}
		entry.Reason, entry.Request = out.Version, in.Run
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("decide on a policy: %w", err)
	}
	return out, nil
}

func (a *Activities) decide(ctx context.Context, q *queries.Queries, in AdoptInput) (Outcome, error) {
	now, err := q.FilterPolicyInForce(ctx, in.Proposal.Base)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Outcome{}, err
	}
	worse := in.Evaluation.Candidate.WorseThan(in.Evaluation.Current)
	switch {
	case in.Proposal.Base != a.Store.Written.Version || now.Serial != in.Proposal.Parent:
		return Outcome{State: Refused, Reason: "outdated"}, nil
	case len(worse) > 0:
		return Outcome{State: Refused, Reason: "worse_" + string(worse[0])}, nil
	}
	return Outcome{State: Adopted, Reason: "feedback"}, nil
}

// row is what is recorded, but for the decision.
func (in AdoptInput) row() (queries.RecordFilterPolicyParams, error) {
	row := queries.RecordFilterPolicyParams{Base: in.Proposal.Base, Run: in.Run, Parent: in.Proposal.Parent}
	if in.Run == "" || len(in.Proposal.Moves) == 0 || in.Evaluation.Candidate.Of() == 0 || in.Evaluation.Candidate.Of() != in.Evaluation.Current.Of() {
		return row, failure.New(failure.InvalidInput, "a candidate needs a run, moves, and figures of the same cases", nil)
	}
	for _, m := range in.Proposal.Moves {
		row.Moved = append(row.Moved, string(m.Layer))
	}
	var errs [2]error
	row.Least, errs[0] = json.Marshal(in.Proposal.Candidate)
	row.Figures, errs[1] = json.Marshal(in.Evaluation)
	return row, errors.Join(errs[:]...)
}
