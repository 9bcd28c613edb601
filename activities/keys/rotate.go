package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"

	"meai/activities/backup/quarantine"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

const (
	// batch is how many rows one transaction seals anew.
	batch      = 100
	straggling = time.Hour
)

// Waiting are the subjects whose new version waits to be promoted.
type Waiting struct {
	Subjects []uuid.UUID `json:"subjects"`
	Counts   Counts      `json:"counts"`
}

// Publish gives each subject a new key version that only opens.
func (a *Activities) Publish(ctx context.Context, in SubjectsInput) (Waiting, error) {
	var w Waiting
	err := forEach(ctx, in, &w.Counts, func(subject uuid.UUID) error {
		waiting, err := a.Keyring.Publish(ctx, subject, in.Before)
		if waiting {
			w.Subjects = append(w.Subjects, subject)
		}
		return err
	})
	return w, err
}

// Promote makes the new versions seal. One [Lease] has passed since Publish. A
// version that a quorum had lost meanwhile is published again and waits for the
// next run.
func (a *Activities) Promote(ctx context.Context, in SubjectsInput) (Counts, error) {
	var counts Counts
	err := forEach(ctx, in, &counts, func(subject uuid.UUID) error {
		err := a.Keyring.Promote(ctx, subject)
		if errors.Is(err, keyring.ErrNotPublished) {
			counts.Incomplete++
			_, err = a.Keyring.Publish(ctx, subject, in.Before)
			return err
		}
		if err == nil {
			counts.Changed++
		}
		return err
	})
	counts.Seen = 0 // Publish has counted them
	return counts, err
}

// Reseal seals the subjects' rows anew that are under an old version.
func (a *Activities) Reseal(ctx context.Context, in SubjectsInput) (Counts, error) {
	var counts Counts
	err := forEach(ctx, in, &counts, func(subject uuid.UUID) error {
		rows, err := a.reseal(ctx, subject)
		counts.Rows += rows
		return err
	})
	counts.Seen = 0
	return counts, err
}

func (a *Activities) reseal(ctx context.Context, subject uuid.UUID) (rows int, err error) {
	if subject == uuid.Nil {
		return 0, nil // no row is the system's
	}
	known, err := a.DB.KnowsSubject(ctx, subject)
	if err != nil || !known {
		return 0, err
	}
	for _, column := range postgres.SealedColumns {
		for after := uuid.Nil; ; {
			last, seen, err := a.resealPage(ctx, subject, column, after)
			if err != nil {
				return rows, err
			}
			rows += seen
			if seen < batch {
				break
			}
			after = last
			activity.RecordHeartbeat(ctx, rows)
		}
	}
	return rows, nil
}

// resealPage takes the keys anew for each page: a lease is short.
func (a *Activities) resealPage(ctx context.Context, subject uuid.UUID, c postgres.SealedColumn, after uuid.UUID) (uuid.UUID, int, error) {
	keys, err := a.Keyring.Keys(ctx, subject)
	if err != nil {
		return after, 0, err
	}
	return a.DB.Reseal(ctx, subject, c, keyring.Prefix(keys.Version()), after, batch,
		func(row uuid.UUID, sealed []byte) ([]byte, error) {
			at := keyring.Location{Table: c.Table, Column: c.As, Row: row}
			plain, err := keys.Open(sealed, at)
			if err != nil {
				return nil, err
			}
			return keys.Seal(plain, at)
		})
}

// Retire removes old versions that nothing refers to: no row, no history in
// Temporal, no archive.
func (a *Activities) Retire(ctx context.Context, in SubjectsInput) (Counts, error) {
	var counts Counts
	if err := quarantine.Permit(ctx, a.DB); err != nil {
		return counts, err
	}
	err := forEach(ctx, in, &counts, func(subject uuid.UUID) error {
		if subject == uuid.Nil {
			return nil // schedules and histories of all kinds refer to the system's
		}
		rows, err := a.reseal(ctx, subject)
		counts.Rows += rows
		if err != nil {
			return err
		}
		return a.retire(ctx, subject, &counts)
	})
	return counts, err
}

func (a *Activities) retire(ctx context.Context, subject uuid.UUID, counts *Counts) error {
	versions, err := a.Keyring.Versions(ctx, subject)
	if err != nil {
		return err
	}
	var old []uint32
	for _, v := range versions {
		free, err := a.unused(ctx, subject, v, counts)
		if err != nil {
			return err
		}
		if free {
			old = append(old, v.ID)
		}
	}
	if len(old) == 0 {
		return nil
	}
	complete, err := a.Keyring.Retire(ctx, subject, old...)
	if err != nil {
		return err
	}
	counts.Changed++
	counts.Retired += len(old)
	if !complete {
		counts.Incomplete++
	}
	return nil
}

// unused reports whether nothing refers to an old version.
func (a *Activities) unused(ctx context.Context, subject uuid.UUID, v keyring.VersionInfo, counts *Counts) (bool, error) {
	if v.Primary || v.Superseded.IsZero() {
		return false, nil
	}
	// Nothing is sealed under it that is younger.
	last := v.Superseded.Add(cmp.Or(a.Straggling, straggling))
	if time.Since(last) < a.ArchiveAge {
		counts.KeptForArchives++
		return false, nil
	}
	found, err := a.DB.HoldsSealed(ctx, subject, keyring.Prefix(v.ID))
	if err != nil {
		return false, err
	}
	if found {
		counts.KeptForRows++
		return false, nil
	}
	// After the rows: an archive that is begun now holds none of them any more.
	if a.Archived != nil {
		if found, err = a.Archived(ctx, subject, v); found {
			counts.KeptForArchives++
		}
		if found || err != nil {
			return false, err
		}
	}
	if found, err = a.ranBefore(ctx, subject, last); found {
		counts.KeptForHistories++
	}
	return !found && err == nil, err
}

// ranBefore reports whether Temporal still keeps a workflow of the person that
// was started before the given time, running or closed.
func (a *Activities) ranBefore(ctx context.Context, subject uuid.UUID, t time.Time) (bool, error) {
	count, err := a.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: a.Namespace,
		Query:     fmt.Sprintf("WorkflowId STARTS_WITH %q AND StartTime < %q", workflowsOf(subject), t.UTC().Format(time.RFC3339Nano)),
	})
	if err != nil {
		return false, fmt.Errorf("count workflows of subject %s: %w", subject, err)
	}
	return count.GetCount() > 0, nil
}

// workflowsOf is what the ids of a person's workflows begin with.
func workflowsOf(subject uuid.UUID) string { return "person/" + subject.String() + "/" }

// Rewrap wraps the subjects' keys under the KEK in use and mends what replicas lack.
func (a *Activities) Rewrap(ctx context.Context, in SubjectsInput) (Counts, error) {
	var counts Counts
	err := forEach(ctx, in, &counts, func(subject uuid.UUID) error {
		changed, complete, err := a.Keyring.Rewrap(ctx, subject)
		if err != nil {
			return err
		}
		if changed {
			counts.Changed++
		}
		if !complete {
			counts.Incomplete++
		}
		return nil
	})
	return counts, err
}

// EndEpochs ends a run of [Activities.Rewrap] over everybody: it brings tombstones, which
// name nobody and so are in no list of subjects, to the replicas that lack them, and
// records when the KEKs that nothing needs any more may be destroyed.
func (a *Activities) EndEpochs(ctx context.Context, _ struct{}) (keyring.Census, error) {
	if _, err := a.Keyring.SpreadTombstones(ctx); err != nil {
		// A replica that is away, as for the keys: the census counts what it lacks, and the
		// next run goes on.
		activity.GetLogger(ctx).Warn("not every replica has every tombstone", "error", err)
	}
	census, err := a.Keyring.EndEpochs(ctx, a.KEKGrace, func(objects int) {
		if objects%100 == 0 {
			activity.RecordHeartbeat(ctx, objects)
		}
	})
	if err != nil {
		return keyring.Census{}, err
	}
	for i, r := range census.Replicas {
		if r.Error != "" {
			// An error of a store may quote its URL.
			census.Replicas[i].Error = "it does not answer"
		}
	}
	return census, nil
}
