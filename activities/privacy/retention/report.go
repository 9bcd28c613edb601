package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// The name and purpose of the key that reports are signed with.
const (
	signerName    string          = "meai-retention"
	signerPurpose keyring.Purpose = "retention-reports"
)

// State is how a run ended.
type State string

// The states.
const (
	Completed State = "completed"
	Cancelled State = "cancelled"
	Failed    State = "failed"
)

// Result is what became of one rule.
type Result struct {
	Rule     string `json:"rule"`
	Category string `json:"category"`
	Days     int    `json:"days"`
	Tally
}

// Report tells what a run deleted, what it did not, and why. It holds codes and counts.
type Report struct {
	// ID is the run's.
	ID      uuid.UUID `json:"id"`
	DryRun  bool      `json:"dry_run"`
	State   State     `json:"state"`
	BeganAt time.Time `json:"began_at"`
	EndedAt time.Time `json:"ended_at"`
	// People were looked at, Inactive of them are being erased; for Failed the next run
	// tries again.
	People     int        `json:"people"`
	Inactive   int        `json:"inactive"`
	Failed     int        `json:"failed"`
	Partitions Partitions `json:"partitions"`
	Rules      []Result   `json:"rules"`
	// Elsewhere is what has an age that nothing here ends.
	Elsewhere []Elsewhere `json:"elsewhere"`
	// Note is the same, as a signed note (golang.org/x/mod/sumdb/note) of this system.
	Note string `json:"-"`
}

// Conclusion is what a workflow knows at its end.
type Conclusion struct {
	Run
	State      State      `json:"state"`
	People     int        `json:"people"`
	Inactive   int        `json:"inactive"`
	Failed     int        `json:"failed"`
	Partitions Partitions `json:"partitions"`
	// Counts are of what was kept and, of a dry run, of what would go. What was deleted is
	// counted where it was.
	Counts Counts `json:"counts"`
}

// Conclude writes the report of a run, once.
func (a *Activities) Conclude(ctx context.Context, in Conclusion) (struct{}, error) {
	r := Report{
		ID: in.ID, DryRun: in.DryRun, State: in.State, BeganAt: in.At.UTC().Truncate(time.Second), EndedAt: time.Now().UTC().Truncate(time.Second),
		People: in.People, Inactive: in.Inactive, Failed: in.Failed, Partitions: in.Partitions,
	}
	all, err := rules(ctx, a.DB, a.Map)
	if err != nil {
		return struct{}{}, err
	}
	deleted, err := a.deletedBy(ctx, in.ID)
	if err != nil {
		return struct{}{}, err
	}
	for _, rule := range all {
		result := Result{Rule: rule.Name, Category: rule.Category, Days: rule.Days, Tally: in.Counts[rule.Name]}
		if !in.DryRun {
			result.Deleted = deleted[rule.Name]
		}
		r.Rules = append(r.Rules, result)
	}
	r.Elsewhere = elsewhere(a.Map, all)
	text, err := json.Marshal(r)
	if err != nil {
		return struct{}{}, fmt.Errorf("encode the report: %w", err)
	}
	if r.Note, err = sign(ctx, a.Keys, text); err != nil {
		return struct{}{}, err
	}
	entry, err := entryOf(ctx, a.Audit, audit.RetentionRun, in.ID, in.State != Failed, string(in.State))
	if err != nil {
		return struct{}{}, err
	}
	err = a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		n, err := q.InsertRetentionReport(ctx, queries.InsertRetentionReportParams{
			ID: r.ID, DryRun: r.DryRun, State: string(r.State), BeganAt: r.BeganAt, EndedAt: r.EndedAt, Counts: text, Note: r.Note,
		})
		if err != nil || n == 0 {
			return err
		}
		if err := q.DropRetentionCounts(ctx, in.ID); err != nil {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return struct{}{}, fmt.Errorf("write the report of run %s: %w", in.ID, err)
	}
	a.Gauges.show(r)
	return struct{}{}, nil
}

func (a *Activities) deletedBy(ctx context.Context, run uuid.UUID) (map[string]int64, error) {
	deleted := map[string]int64{}
	err := a.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.RetentionCounts(ctx, run)
		for _, row := range rows {
			deleted[row.Rule] = row.Deleted
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what run %s has deleted: %w", run, err)
	}
	return deleted, nil
}

func sign(ctx context.Context, keys *keyring.Keyring, text []byte) (string, error) {
	key, err := signing.Derive(ctx, keys, signerName, signerPurpose)
	if err != nil {
		return "", err
	}
	signed, err := key.Sign(string(text) + "\n")
	if err != nil {
		return "", fmt.Errorf("sign the report: %w", err)
	}
	return string(signed), nil
}

// entryOf is the audit log's entry about a run.
func entryOf(ctx context.Context, log *audit.Log, act audit.Act, run uuid.UUID, succeeded bool, reason string) (audit.Entry, error) {
	object, err := log.Object(ctx, audit.Workflow, run.String())
	if err != nil {
		return audit.Entry{}, fmt.Errorf("name a run in the audit log: %w", err)
	}
	e := audit.Entry{Actor: "retention", Role: "system", Act: act, Kind: audit.Workflow, Object: object, Outcome: audit.Succeeded, Reason: reason, Request: run.String()}
	if !succeeded {
		e.Outcome = audit.Failed
	}
	return e, nil
}

func unlessFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return failure.New(failure.NotFound, "there is no such report", nil)
	}
	return err
}
