package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/activities/backup/quarantine"
	"meai/activities/memory"
	"meai/activities/privacy/datamap"
	"meai/activities/privacy/requests"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// page is how many rows one transaction deletes.
const page = 1000

// Activities are the steps of a run. Every exported method is an activity that can run twice,
// and be killed anywhere, without harm: each transaction deletes its rows and counts them.
// Inputs and results hold opaque ids, codes and counts only.
type Activities struct {
	DB       *postgres.DB
	Keys     *keyring.Keyring
	Holds    *requests.Holds
	Memories *memory.Store
	Audit    *audit.Log
	Map      datamap.Map
	Gauges   *Gauges // nil for none
	Logger   *slog.Logger
	// Page is how many rows one transaction deletes; 0 for 1,000.
	Page int
}

// Run is what all steps of a run are told.
type Run struct {
	ID uuid.UUID `json:"id"`
	// At is when it began: what was old enough then goes.
	At time.Time `json:"at"`
	// DryRun: nothing goes, it is only counted.
	DryRun bool `json:"dry_run,omitempty"`
}

// Tally tells what became of what a rule finds old enough.
type Tally struct {
	// Deleted rows; in a dry run, those that would be.
	Deleted int64 `json:"deleted,omitempty"`
	// Kept are the others, by the reason.
	Kept map[Reason]int64 `json:"kept,omitempty"`
}

// Counts are tallies by the rule's name.
type Counts map[string]Tally

// Add adds up. In what order it does so makes no difference, so workflows may use it.
//
//workflowcheck:ignore
func (c Counts) Add(o Counts) {
	for rule, t := range o {
		c.deleted(rule, t.Deleted)
		for why, n := range t.Kept {
			c.kept(rule, why, n)
		}
	}
}

func (c Counts) deleted(rule string, n int64) {
	t := c[rule]
	t.Deleted += n
	c[rule] = t
}

func (c Counts) kept(rule string, why Reason, n int64) {
	if n <= 0 {
		return
	}
	t := c[rule]
	if t.Kept == nil {
		t.Kept = map[Reason]int64{}
	}
	t.Kept[why] += n
	c[rule] = t
}

// Sum is how many were deleted, and how many were kept.
//
//workflowcheck:ignore
func (c Counts) Sum() (deleted, kept int64) {
	for _, t := range c {
		deleted += t.Deleted
		for _, n := range t.Kept {
			kept += n
		}
	}
	return deleted, kept
}

// Prepare makes sure that whoever is held is known by the alias that the hold names: in a
// database from before, or one that was restored, they may not be.
func (a *Activities) Prepare(ctx context.Context, _ Run) (struct{}, error) {
	return struct{}{}, a.nameHeld(ctx)
}

func (a *Activities) nameHeld(ctx context.Context) error {
	err := a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		names, err := q.HoldsOfNobody(ctx)
		if err != nil {
			return fmt.Errorf("look for holds: %w", err)
		}
		for _, name := range names {
			// Nobody has it where the person is gone, or was never here.
			if _, _, err := alias.Find(ctx, q, a.Keys, alias.Alias(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("find out who is held: %w", err)
	}
	return nil
}

// Partitions counts those by time of which every row was old enough.
type Partitions struct {
	// Dropped went as a whole; in a dry run, would.
	Dropped int `json:"dropped"`
	// Kept hold rows of somebody of whom something is held; what is nobody's of these in
	// them goes row by row.
	Kept int `json:"kept,omitempty"`
	// Busy could not be had, as while a mark for a backup is counted; the next run has them.
	Busy int `json:"busy,omitempty"`
}

// DropPartitions drops partitions as a whole. Their rows are counted for the run.
func (a *Activities) DropPartitions(ctx context.Context, in Run) (Partitions, error) {
	var done Partitions
	if err := quarantine.Permit(ctx, a.DB); err != nil {
		return done, err
	}
	var due []queries.DuePartitionsRow
	err := a.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		due, err = q.DuePartitions(ctx, in.At)
		return err
	})
	if err != nil {
		return done, fmt.Errorf("list the partitions that are old enough: %w", err)
	}
	if in.DryRun {
		done.Dropped = len(due)
		return done, nil
	}
	for n, p := range due {
		if err := a.dropPartition(ctx, in, p, &done); err != nil {
			return done, err
		}
		activity.RecordHeartbeat(ctx, n+1)
	}
	return done, nil
}

func (a *Activities) dropPartition(ctx context.Context, in Run, p queries.DuePartitionsRow, done *Partitions) error {
	var rows int64
	err := a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.DropPartition(ctx, queries.DropPartitionParams{Rule: p.Rule, Part: p.Part, AsOf: in.At, Run: in.ID})
		return err
	})
	switch {
	case postgres.Busy(err):
		done.Busy++
		a.Logger.WarnContext(ctx, "a partition that is old enough could not be dropped and waits for the next run", "part", p.Part, "error", err)
	case err != nil:
		return fmt.Errorf("drop partition %s: %w", p.Part, err)
	case rows < 0:
		done.Kept++
	default:
		done.Dropped++
	}
	return nil
}

// ExpiryInput asks for the next forgetting of a person's old memories.
type ExpiryInput struct {
	Run
	Subject uuid.UUID `json:"subject"`
	// Turn counts them, from 0.
	Turn int `json:"turn"`
}

// PlanExpiry plans it. The zero forgetting means that there is nothing (more) to forget.
func (a *Activities) PlanExpiry(ctx context.Context, in ExpiryInput) (memory.ForgettingRef, error) {
	if err := quarantine.Permit(ctx, a.DB); err != nil {
		return memory.ForgettingRef{}, err
	}
	var s standing
	err := a.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) (err error) {
		s, err = a.stand(ctx, q, in.Subject)
		return err
	})
	if err != nil || s.why != "" {
		return memory.ForgettingRef{}, unlessInactive(err)
	}
	// What was confirmed and not carried out comes first: a restore has brought it back.
	unfinished, err := a.Memories.Unfinished(ctx, in.Subject)
	if err != nil {
		return memory.ForgettingRef{}, unlessInactive(err)
	}
	if unfinished != uuid.Nil {
		return memory.ForgettingRef{Subject: in.Subject, Forgetting: unfinished}, nil
	}
	days, err := a.keptFor(ctx, memories)
	if err != nil {
		return memory.ForgettingRef{}, err
	}
	f, err := a.Memories.Expire(ctx, memory.Expiry{
		Subject: in.Subject, ID: uuid.NewSHA1(in.ID, fmt.Appendf(nil, "expiry %s %d", in.Subject, in.Turn)),
		Before: in.At.AddDate(0, 0, -days), Spare: s.spare,
	}, func(ctx context.Context, q *queries.Queries, n int) error {
		return q.CountRetained(ctx, in.ID, memories, int64(n))
	})
	if err != nil || f.ID == uuid.Nil {
		return memory.ForgettingRef{}, unlessInactive(err)
	}
	return memory.ForgettingRef{Subject: in.Subject, Forgetting: f.ID}, nil
}

// unlessInactive: whoever is being erased has nothing left to expire, and what is held from
// this moment on stays.
func unlessInactive(err error) error {
	if failure.Is(err, failure.SubjectInactive) || failure.Is(err, failure.NotFound) || failure.Is(err, failure.Held) {
		return nil
	}
	return err
}

func (a *Activities) keptFor(ctx context.Context, rule string) (days int, err error) {
	all, err := rules(ctx, a.DB, a.Map)
	for _, r := range all {
		if r.Name == rule {
			return r.Days, nil
		}
	}
	return 0, errors.Join(err, fmt.Errorf("there is no rule %s", rule))
}

// ApplyToRest deletes what is old enough and nobody's own.
func (a *Activities) ApplyToRest(ctx context.Context, in Run) (Counts, error) {
	counts := Counts{}
	if err := quarantine.Permit(ctx, a.DB); err != nil {
		return counts, err
	}
	all, err := rules(ctx, a.DB, a.Map)
	if err != nil {
		return counts, err
	}
	for _, r := range all {
		if r.Persons {
			continue
		}
		if err := a.applyToShared(ctx, r.Name, in, counts); err != nil {
			return counts, fmt.Errorf("rule %s: %w", r.Name, err)
		}
		activity.RecordHeartbeat(ctx, r.Name)
	}
	return counts, nil
}

func (a *Activities) applyToShared(ctx context.Context, rule string, in Run, counts Counts) error {
	if in.DryRun {
		return a.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
			n, err := q.CountDue(ctx, rule, in.At, []uuid.UUID{})
			counts.deleted(rule, n)
			return err
		})
	}
	for {
		var n int64
		err := a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
			n, err = q.Retain(ctx, queries.RetainParams{Rule: rule, AsOf: in.At, Run: in.ID, Spare: []uuid.UUID{}, Page: int32(a.page())})
			return err
		})
		if err != nil {
			return err
		}
		counts.deleted(rule, n)
		if n < a.page() {
			return nil
		}
		activity.RecordHeartbeat(ctx, rule)
	}
}
