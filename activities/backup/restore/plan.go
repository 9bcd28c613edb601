// Package restore brings PostgreSQL and Weaviate back from a repository of backups, into
// a folder that nobody uses yet, to a recorded point, and checks what came back. The same
// steps prove a backup in a scratch folder, and serve a workflow and a stand-alone runner
// alike.
package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
)

// Target says what to restore and to which point. With neither time, LSN nor mark it is
// the newest point that the archive has.
type Target struct {
	// Backup is the base to begin with; empty for the newest before the point, a proven
	// one rather than a younger one that is not.
	Backup string `json:"backup,omitempty"`
	// Time: what was committed until then.
	Time time.Time `json:"time,omitzero"`
	// LSN: what was committed before it, in PostgreSQL's notation.
	LSN string `json:"lsn,omitempty"`
	// Mark is the time of a mark: the only point whose contents can be compared.
	Mark time.Time `json:"mark,omitzero"`
	// Index restores Weaviate as well, from its newest backup before the point.
	Index bool `json:"index,omitempty"`
}

// Plan is what a restore will do.
type Plan struct {
	ID     uuid.UUID `json:"id"`
	Target Target    `json:"target"`
	// Approval is that of the restore, zero for a signed document and for proofs.
	Approval uuid.UUID `json:"approval,omitzero"`
	// Backup and its state, and when it was taken.
	Backup  string           `json:"backup"`
	State   repository.State `json:"state"`
	TakenAt time.Time        `json:"taken_at"`
	// IndexBackup is that of Weaviate; empty for none.
	IndexBackup string `json:"index_backup,omitempty"`
	// From and To are positions in the write-ahead log, as timeline/LSN.
	From wal.Position `json:"from"`
	To   wal.Position `json:"to"`
	// Mark is compared with what comes back; nil when the point is not a mark.
	Mark *repository.Mark `json:"mark,omitempty"`
	// Segments of write-ahead log, and bytes to fetch and to lay out.
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
	Space    int64 `json:"space"`
	// Newest is the newest commit that the bucket knows of, Loss how much time of
	// commits is given up against it, in seconds.
	Newest time.Time `json:"newest,omitzero"`
	Loss   float64   `json:"loss_seconds"`
	// Notes are what whoever decides ought to know.
	Notes []string `json:"notes,omitempty"`
}

var (
	// ErrNoBackup: nothing in the bucket reaches the point.
	ErrNoBackup = errors.New("no backup reaches this point")
	// ErrUnsound: what is in the bucket does not lead to the point.
	ErrUnsound = errors.New("the backup cannot be restored to this point")
	// ErrStale: the bucket is an old copy of itself.
	ErrStale = errors.New("the bucket is an old copy")
)

// Plan looks what is needed to get to a target and whether all of it is there. It reads
// descriptions and names only and needs no keys.
func (r *Restorer) Plan(ctx context.Context, t Target) (Plan, error) {
	entries, damagedEntries := r.Repository.Catalogue(ctx)
	if damagedEntries != nil && !r.Despite {
		return Plan{}, fmt.Errorf("read the catalogue: %w", damagedEntries)
	}
	marks, damagedMarks := r.Repository.Marks(ctx)
	if damagedMarks != nil && !r.Despite {
		return Plan{}, fmt.Errorf("read the marks: %w", damagedMarks)
	}
	p := Plan{ID: uuid.New(), Target: t}
	if damage := errors.Join(damagedEntries, damagedMarks); damage != nil {
		p.note("descriptions in the bucket are damaged, and were left out: %v", damage)
	}
	if err := p.aim(marks); err != nil {
		return Plan{}, err
	}
	base, err := p.choose(entries)
	if err != nil {
		return Plan{}, err
	}
	if err := r.fresh(ctx, marks); err != nil {
		return Plan{}, err
	}
	if err := r.reach(ctx, &p, base, marks); err != nil {
		return Plan{}, err
	}
	if t.Index {
		p.chooseIndex(entries)
	}
	p.weigh(base, marks)
	return p, nil
}

// aim finds the mark that a target names.
func (p *Plan) aim(marks []repository.Mark) error {
	if p.Target.Mark.IsZero() {
		return nil
	}
	for i, m := range marks {
		if m.At.Equal(p.Target.Mark) {
			p.Mark = &marks[i]
			return nil
		}
	}
	return fmt.Errorf("there is no mark of %s: %w", p.Target.Mark.Format(time.RFC3339Nano), repository.ErrMissing)
}

// fresh compares the marks with those at the second location: a bucket that was put back
// from a copy looks whole, and lacks what came since.
func (r *Restorer) fresh(ctx context.Context, marks []repository.Mark) error {
	if r.Second == nil {
		return nil
	}
	others, err := r.Second.Marks(ctx)
	if err != nil {
		return fmt.Errorf("read the marks at the second location: %w", err)
	}
	if len(others) == 0 {
		return nil
	}
	newest := others[len(others)-1]
	if len(marks) == 0 || marks[len(marks)-1].At.Before(newest.At) {
		return fmt.Errorf("%w: the second location knows of a mark of %s", ErrStale, newest.At.UTC().Format(time.RFC3339))
	}
	return nil
}
