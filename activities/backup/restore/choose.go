package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
)

// choose finds the base to begin with: the one that is named, or the newest proven one
// before the point, or else the newest.
func (p *Plan) choose(entries []repository.Entry) (repository.Entry, error) {
	var chosen *repository.Entry
	for i, e := range entries {
		if !p.suits(e) || chosen != nil && chosen.State() == repository.Proven && e.State() != repository.Proven {
			continue
		}
		chosen = &entries[i]
	}
	if chosen == nil {
		if p.Target.Backup != "" {
			return repository.Entry{}, fmt.Errorf("%w: %s is not there, has expired, or was taken after it", ErrNoBackup, p.Target.Backup)
		}
		return repository.Entry{}, ErrNoBackup
	}
	p.Backup, p.State, p.TakenAt = chosen.ID, chosen.State(), chosen.EndedAt
	if chosen.State() != repository.Proven {
		p.note("the backup was never proven: its state is %s", chosen.State())
	}
	return *chosen, nil
}

// suits reports whether a backup can lead to the point. One that failed is taken when it
// is named.
func (p *Plan) suits(e repository.Entry) bool {
	if e.Kind != repository.Postgres || e.Cluster == nil || e.State() == repository.Expired {
		return false
	}
	if p.Target.Backup != "" && e.ID != p.Target.Backup || p.Target.Backup == "" && e.State() == repository.Failed {
		return false
	}
	if p.Mark != nil && p.Mark.System != e.Cluster.System {
		return false
	}
	if point := p.point(); point != "" {
		end, err := wal.ParseLSN(e.Cluster.End)
		wanted, err2 := wal.ParseLSN(point)
		return errors.Join(err, err2) == nil && end <= wanted
	}
	return p.Target.Time.IsZero() || !e.EndedAt.After(p.Target.Time)
}

// point is the LSN to restore to, when that is known beforehand.
func (p *Plan) point() string {
	if p.Mark != nil {
		return p.Mark.LSN
	}
	return p.Target.LSN
}

// reach finds the end of the log that is needed and looks whether it is all there.
func (r *Restorer) reach(ctx context.Context, p *Plan, base repository.Entry, marks []repository.Mark) error {
	start, err := wal.ParseLSN(base.Cluster.Start)
	if err != nil {
		return fmt.Errorf("backup %s: %w", base.ID, err)
	}
	p.From = wal.Position{Timeline: base.Cluster.Timeline, LSN: start}
	source := wal.Source{System: base.Cluster.System, SegmentSize: base.Cluster.SegmentSize}
	tip, err := wal.Tip(ctx, r.Repository, source, wal.Position{})
	if err != nil {
		return fmt.Errorf("look how far the archive goes: %w", err)
	}
	if p.To, err = p.end(base, tip, marks); err != nil {
		return err
	}
	report, err := wal.Check(ctx, r.Repository, source, p.From, p.To, wal.CheckOptions{})
	if errors.Is(err, wal.ErrIncomplete) {
		return fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	if err != nil {
		return fmt.Errorf("look for gaps in the archive: %w", err)
	}
	p.Segments = report.Segments
	return nil
}

// end is where the log that is needed ends, on the timeline that leads there.
func (p *Plan) end(base repository.Entry, tip wal.Position, marks []repository.Mark) (wal.Position, error) {
	switch {
	case p.Mark != nil:
		lsn, err := wal.ParseLSN(p.Mark.LSN)
		return wal.Position{Timeline: p.Mark.Timeline, LSN: lsn}, err
	case p.Target.LSN != "":
		lsn, err := wal.ParseLSN(p.Target.LSN)
		return wal.Position{Timeline: tip.Timeline, LSN: lsn}, err
	case !p.Target.Time.IsZero():
		// To the first mark after it; a log that goes on to the tip may have a gap later.
		after := slices.IndexFunc(marks, func(m repository.Mark) bool { return m.System == base.Cluster.System && m.At.After(p.Target.Time) })
		if after < 0 {
			return tip, nil
		}
		lsn, err := wal.ParseLSN(marks[after].LSN)
		return wal.Position{Timeline: marks[after].Timeline, LSN: lsn}, err
	default:
		return tip, nil
	}
}

// chooseIndex finds the newest backup of the index before the point, a proven one
// rather than a younger one that is not.
func (p *Plan) chooseIndex(entries []repository.Entry) {
	var chosen *repository.Entry
	for i, e := range entries {
		usable := e.Kind == repository.Weaviate && e.Index != nil && e.State() != repository.Expired && e.State() != repository.Failed
		if !usable || !p.Target.Time.IsZero() && e.EndedAt.After(p.Target.Time) {
			continue
		}
		if chosen != nil && chosen.State() == repository.Proven && e.State() != repository.Proven {
			continue
		}
		chosen = &entries[i]
	}
	if chosen == nil {
		p.note("there is no backup of the index: rebuild it from PostgreSQL (docs/runbooks/memory-index.md)")
		return
	}
	p.IndexBackup = chosen.ID
	p.note("the index is of %s; RepairIndex brings it up to PostgreSQL's state", chosen.EndedAt.Format(time.RFC3339))
}

// weigh says how much there is to do, and what is given up.
func (p *Plan) weigh(base repository.Entry, marks []repository.Mark) {
	p.Bytes = base.Size()
	log := int64(p.Segments) * base.Cluster.SegmentSize
	p.Space = base.Cluster.Bytes + log + roomToWork
	for _, m := range marks {
		if m.System == base.Cluster.System {
			p.Newest = m.At
		}
	}
	at := p.Target.Time
	if p.Mark != nil {
		at = p.Mark.At
	}
	if !at.IsZero() && p.Newest.After(at) {
		p.Loss = p.Newest.Sub(at).Seconds()
		p.note("at least %s of what was written after %s is given up", p.Newest.Sub(at).Round(time.Second), at.UTC().Format(time.RFC3339))
	}
}

// roomToWork is for what recovery writes itself, in bytes.
const roomToWork = 512 << 20

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}
