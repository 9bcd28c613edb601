package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/activities/backup/marks"
	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/audit"
)

const (
	// arriving is how long a check waits for the archive to come as far as it was asked
	// for: a few partial segments' time.
	arriving = 10 * time.Minute
	lookAt   = 2 * time.Second
)

// CheckArchive looks whether the write-ahead log is archived without a gap from the
// oldest backup that is kept to a point, for which it waits a while, or to the newest.
// Problems are in the state for a deep check, and an error for one that waits: a backup
// is not proven on a log that has a gap.
func (a *Activities) CheckArchive(ctx context.Context, in ArchiveInput) (ArchiveState, error) {
	if err := a.configured(); err != nil {
		return ArchiveState{}, err
	}
	entries, err := a.Repository.Catalogue(ctx)
	if err != nil {
		return ArchiveState{}, fmt.Errorf("read the catalogue: %w", err)
	}
	oldest, newest, ok := ends(entries)
	if !ok {
		return ArchiveState{}, errors.New("there is no backup of PostgreSQL yet")
	}
	from := oldest
	if in.Until != "" {
		if err := a.await(ctx, newest, in.Until); err != nil {
			return ArchiveState{}, err
		}
		from = newest
	}
	return a.examine(ctx, from, in.Deep)
}

// ends are the oldest and the newest backup of the newest cluster that can be restored.
func ends(entries []repository.Entry) (oldest, newest repository.Entry, ok bool) {
	for _, e := range entries {
		if e.Cluster == nil || e.State() == repository.Expired || e.State() == repository.Failed {
			continue
		}
		if !ok || e.Cluster.System != newest.Cluster.System {
			oldest = e
		}
		newest, ok = e, true
	}
	return oldest, newest, ok
}

func source(e repository.Entry) wal.Source {
	return wal.Source{System: e.Cluster.System, SegmentSize: e.Cluster.SegmentSize}
}

func position(e repository.Entry) (wal.Position, error) {
	lsn, err := wal.ParseLSN(e.Cluster.Start)
	return wal.Position{Timeline: e.Cluster.Timeline, LSN: lsn}, err
}

// await waits until the archive has come to an LSN.
func (a *Activities) await(ctx context.Context, base repository.Entry, until string) error {
	wanted, err := wal.ParseLSN(until)
	if err != nil {
		return err
	}
	from, err := position(base)
	if err != nil {
		return err
	}
	shown := newBeats(ctx, base.ID, "archive")
	for deadline := time.Now().Add(arriving); ; {
		tip, err := wal.Tip(ctx, a.Repository, source(base), from)
		if err != nil {
			return fmt.Errorf("look how far the archive has come: %w", err)
		}
		shown.progress(int64(min(tip.LSN, wanted)-from.LSN), int64(wanted-from.LSN))
		if tip.LSN > wanted {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the archive has come to %s and not to %s: does 'meai backup archive' run?", tip.LSN, wanted)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAt):
		}
	}
}

func (a *Activities) examine(ctx context.Context, from repository.Entry, deep bool) (ArchiveState, error) {
	shown := newBeats(ctx, from.ID, "check")
	report, err := surveyed(ctx, a.Repository, from, deep, func(done, of int) { shown.progress(int64(done), int64(of)) })
	if err != nil {
		return ArchiveState{}, err
	}
	state := ArchiveState{From: report.From.String(), Tip: report.Reach.String(), Segments: report.Segments}
	for _, problem := range report.Problems {
		state.Problems = append(state.Problems, problem.Error())
	}
	if _, behind, err := marks.Lag(ctx, a.URL, report.Reach.LSN.String()); err == nil {
		state.Behind = behind.Seconds()
	} else if !errors.Is(err, marks.ErrNoHeartbeat) {
		return state, err
	}
	if !deep {
		return state, final(report.Err())
	}
	return state, nil
}

// Rechecked is what a look at every backup found.
type Rechecked struct {
	Objects  int      `json:"objects"`
	Bytes    int64    `json:"bytes"`
	Problems []string `json:"problems,omitempty"`
}

// Recheck reads every part of every backup again and compares it with what is recorded.
// A backup that is found damaged has failed from then on. It needs no keys.
func (a *Activities) Recheck(ctx context.Context, _ struct{}) (Rechecked, error) {
	if err := a.configured(); err != nil {
		return Rechecked{}, err
	}
	entries, err := a.Repository.Catalogue(ctx)
	var found Rechecked
	if err != nil {
		found.Problems = append(found.Problems, err.Error())
	}
	shown := newBeats(ctx, "", "read")
	for _, e := range entries {
		if e.State() == repository.Expired {
			continue
		}
		problems, err := a.recheck(ctx, e, &found, shown)
		if err != nil {
			return found, err
		}
		found.Problems = append(found.Problems, problems...)
		if len(problems) == 0 || e.State() == repository.Failed {
			continue
		}
		report := repository.Report{Backup: e.ID, State: repository.Failed, At: time.Now().UTC(), Problems: problems}
		if err := a.Repository.Report(ctx, report); err != nil {
			return found, err
		}
	}
	return found, nil
}

func (a *Activities) recheck(ctx context.Context, e repository.Entry, found *Rechecked, shown *beats) (problems []string, err error) {
	for _, o := range e.Objects {
		err := a.Repository.Check(ctx, o)
		switch {
		case err == nil:
		case damage(err):
			problems = append(problems, err.Error())
		default:
			return nil, err
		}
		found.Objects++
		found.Bytes += o.Size
		shown.progress(found.Bytes, 0)
	}
	return problems, nil
}

// Keep deletes what nothing needs any more: see [decide].
func (a *Activities) Keep(ctx context.Context, _ struct{}) (Kept, error) {
	if err := a.configured(); err != nil {
		return Kept{}, err
	}
	now := time.Now().UTC()
	entries, err := a.Repository.Catalogue(ctx)
	if err != nil {
		return Kept{}, fmt.Errorf("read the catalogue: %w", err) // with a part of it, nothing is deleted
	}
	if a.Permit != nil {
		if err := a.Permit(ctx); err != nil {
			return Kept{}, err
		}
	}
	d := decide(entries, a.Age, now)
	kept := Kept{Backups: len(entries), Held: d.held}
	for _, id := range d.expire {
		if err := a.Repository.Expire(ctx, repository.Report{Backup: id, At: now}); err != nil {
			return kept, err
		}
		if err := a.Trail.Record(ctx, audit.BackupDeleted, id); err != nil {
			return kept, err
		}
		kept.Expired = append(kept.Expired, id)
	}
	if err := a.discardAbandoned(ctx, now, &kept); err != nil {
		return kept, err
	}
	return kept, a.trim(ctx, d, &kept)
}

// abandoned is how long taking a backup may take, at most; what has no manifest by then
// was broken off.
const abandoned = 3 * 24 * time.Hour

func (a *Activities) discardAbandoned(ctx context.Context, now time.Time, kept *Kept) error {
	ids, err := a.Repository.Abandoned(ctx, now.Add(-abandoned))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := a.Repository.Discard(ctx, id); err != nil {
			return err
		}
		kept.Discarded = append(kept.Discarded, id)
	}
	return nil
}

// trim deletes the log before the oldest backup that stays, and marks from before it.
func (a *Activities) trim(ctx context.Context, d decision, kept *Kept) error {
	for _, floor := range d.floor {
		start, err := position(floor)
		if err != nil {
			return err
		}
		obsolete, err := wal.Obsolete(ctx, a.Repository, source(floor), start.LSN)
		if err != nil {
			return err
		}
		if err := a.Repository.Remove(ctx, obsolete...); err != nil {
			return err
		}
		kept.Segments += len(obsolete)
		removed, err := a.Repository.RemoveMarks(ctx, floor.Cluster.System, floor.StartedAt)
		if err != nil {
			return err
		}
		kept.Marks += removed
	}
	return nil
}
