package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/activities/backup/quarantine"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// PeopleInput names a page of people.
type PeopleInput struct {
	Run
	Subjects []uuid.UUID `json:"subjects"`
	// Again: they were looked at in this run, and something has gone since for which other
	// rows waited.
	Again bool `json:"again,omitempty"`
}

// PeopleDone tells of a page of people.
type PeopleDone struct {
	// Counts are those of this attempt; what the run has deleted in all, its report tells.
	Counts Counts `json:"counts"`
	// Expiring have memories that are old enough.
	Expiring []uuid.UUID `json:"expiring,omitempty"`
	// Inactive are being erased.
	Inactive int `json:"inactive,omitempty"`
	// Left are those whose turn did not come, or did not end, in the time of one step.
	Left []uuid.UUID `json:"left,omitempty"`
}

// turn is how long one step works on people.
const turn = 2 * time.Minute

// errLater: there is more to delete of a person than fits into one step.
var errLater = errors.New("there is more")

// memories is the rule by which memories go; see [Rule.Forgotten].
const memories = "memories"

// ApplyToPeople deletes what is old enough of people, but for their memories, which the
// workflow has forgotten one after the other.
func (a *Activities) ApplyToPeople(ctx context.Context, in PeopleInput) (PeopleDone, error) {
	done := PeopleDone{Counts: Counts{}}
	if err := quarantine.Permit(ctx, a.DB); err != nil {
		return done, err
	}
	all, err := rules(ctx, a.DB, a.Map)
	if err != nil {
		return done, err
	}
	ends := time.Now().Add(turn)
	for n, subject := range in.Subjects {
		one := onePerson{Activities: a, subject: subject, in: in, rules: all, counts: Counts{}, goOn: func() bool {
			activity.RecordHeartbeat(ctx, n)
			return time.Now().Before(ends)
		}}
		err := one.apply(ctx)
		switch {
		case err == nil:
			done.Counts.Add(one.counts)
			if one.expiring && !in.Again {
				done.Expiring = append(done.Expiring, subject)
			}
		case errors.Is(err, errLater):
			done.Left = in.Subjects[n:]
			return done, nil
		case failure.Is(err, failure.SubjectInactive), failure.Is(err, failure.NotFound):
			done.Inactive++
		default:
			return done, fmt.Errorf("retention of subject %s: %w", subject, err)
		}
		activity.RecordHeartbeat(ctx, n+1)
	}
	return done, nil
}

// standing is what holds back of a person, within one transaction.
type standing struct {
	why   Reason
	spare []uuid.UUID
}

// stand asks it. Until the transaction ends, no other hold comes to be.
func (a *Activities) stand(ctx context.Context, q *queries.Queries, subject uuid.UUID) (standing, error) {
	_, held, err := a.Holds.Held(ctx, q, subject)
	if err != nil {
		return standing{}, err
	}
	if held {
		return standing{why: LegalHold}, nil
	}
	why, err := q.RetentionReason(ctx, subject)
	if err != nil {
		return standing{}, fmt.Errorf("ask what holds back: %w", err)
	}
	spare, err := a.Holds.HeldItems(ctx, q, subject)
	if spare == nil {
		spare = []uuid.UUID{}
	}
	return standing{why: Reason(why), spare: spare}, err
}

// onePerson is the retention of somebody's rows.
type onePerson struct {
	*Activities
	subject uuid.UUID
	in      PeopleInput
	rules   []Rule
	// counts are of this person, whom an attempt that ends before counts not at all.
	counts   Counts
	expiring bool
	// goOn shows signs of life and is false once the step's time is over.
	goOn func() bool
}

// apply deletes until nothing is due any more: what has gone lets other rows go.
func (p *onePerson) apply(ctx context.Context) error {
	for {
		var due []string
		var s standing
		// Of most people nothing is due: looking locks nobody's row.
		err := p.DB.Read(ctx, p.subject, func(ctx context.Context, q *queries.Queries) (err error) {
			if s, err = p.stand(ctx, q, p.subject); err != nil {
				return err
			}
			if s.why != "" || p.in.DryRun {
				return p.count(ctx, q, s)
			}
			due, err = q.RetentionDue(ctx, p.in.At)
			return err
		})
		if err != nil || s.why != "" || p.in.DryRun {
			return err
		}
		progress, err := p.delete(ctx, due)
		if err != nil {
			return err
		}
		if !progress {
			return p.countHeld(ctx, s)
		}
	}
}

// count counts what stays, or would go.
func (p *onePerson) count(ctx context.Context, q *queries.Queries, s standing) error {
	if p.in.Again {
		return nil // it was counted
	}
	for _, rule := range p.rules {
		if !rule.Persons {
			continue
		}
		all, err := q.CountDue(ctx, rule.Name, p.in.At, []uuid.UUID{})
		if err != nil {
			return fmt.Errorf("count what rule %s is about: %w", rule.Name, err)
		}
		if s.why != "" || all == 0 {
			p.counts.kept(rule.Name, s.why, all)
			continue
		}
		free, err := q.CountDue(ctx, rule.Name, p.in.At, s.spare)
		if err != nil {
			return fmt.Errorf("count what rule %s is about: %w", rule.Name, err)
		}
		p.counts.kept(rule.Name, HeldItem, all-free)
		p.counts.deleted(rule.Name, free)
	}
	return nil
}

// countHeld counts what is left although it is old enough: it is held, or belongs to what is.
// While memories are still to be forgotten, that is not known.
func (p *onePerson) countHeld(ctx context.Context, s standing) error {
	if len(s.spare) == 0 || p.expiring && !p.in.Again {
		return nil
	}
	return p.DB.Read(ctx, p.subject, func(ctx context.Context, q *queries.Queries) error {
		for _, rule := range p.rules {
			if !rule.Persons {
				continue
			}
			left, err := q.CountDue(ctx, rule.Name, p.in.At, []uuid.UUID{})
			if err == nil && rule.Forgotten { // the others of them are forgotten next
				var free int64
				free, err = q.CountDue(ctx, rule.Name, p.in.At, s.spare)
				left -= free
			}
			if err != nil {
				return fmt.Errorf("count what rule %s is about: %w", rule.Name, err)
			}
			p.counts.kept(rule.Name, HeldItem, left)
		}
		return nil
	})
}

// delete deletes by the rules that are due, and says whether anything went.
func (p *onePerson) delete(ctx context.Context, due []string) (progress bool, err error) {
	for _, rule := range due {
		if rule == memories {
			p.expiring = true
			continue
		}
		for {
			n, err := p.deletePage(ctx, rule)
			if err != nil {
				return progress, fmt.Errorf("rule %s: %w", rule, err)
			}
			p.counts.deleted(rule, max(n, 0))
			progress = progress || n > 0
			if n < p.page() {
				break
			}
			if !p.goOn() {
				return progress, errLater
			}
		}
	}
	return progress, nil
}

// deletePage deletes some rows, unless by now something holds back.
func (p *onePerson) deletePage(ctx context.Context, rule string) (n int64, err error) {
	err = p.DB.Write(ctx, p.subject, func(ctx context.Context, q *queries.Queries) error {
		s, err := p.stand(ctx, q, p.subject)
		if err != nil || s.why != "" {
			return err
		}
		n, err = q.Retain(ctx, queries.RetainParams{Rule: rule, AsOf: p.in.At, Run: p.in.ID, Spare: s.spare, Page: int32(p.page())})
		return err
	})
	return n, err
}

func (a *Activities) page() int64 { return int64(cmp.Or(a.Page, page)) }
