package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
)

// oldest is how old the newest proven backup may be, by kind: a day and what taking and
// proving may take.
var oldest = map[repository.Kind]time.Duration{repository.Postgres: 26 * time.Hour, repository.Weaviate: 50 * time.Hour}

// Newest is the newest backup of a kind that can be restored.
type Newest struct {
	ID      string    `json:"id,omitempty"`
	TakenAt time.Time `json:"taken_at,omitzero"`
	// ProvenAt is when the newest proven one, which may be another, was taken.
	ProvenAt time.Time `json:"proven_at,omitzero"`
}

// Status is whether a restore would succeed, and how much it would lose.
type Status struct {
	Newest map[repository.Kind]Newest `json:"newest"`
	// Behind is the age of the newest commit that may not be in the bucket, in seconds; 0
	// when the database could not be asked.
	Behind float64 `json:"behind_seconds"`
	// Points are the stores' recovery points: all that was stored before can be restored.
	Points   map[string]time.Time `json:"points"`
	Problems []string             `json:"problems,omitempty"`
}

// Look says how the backups are. URL connects as meai_backup; without a database the
// rest is said all the same.
func Look(ctx context.Context, p *Points, url string) (Status, error) {
	r := p.Repository
	entries, err := r.Catalogue(ctx)
	s := Status{Newest: map[repository.Kind]Newest{}, Points: map[string]time.Time{}}
	if err != nil {
		s.problem("%v", err)
	}
	for _, e := range entries {
		n := s.Newest[e.Kind]
		switch e.State() {
		case repository.Failed:
			s.problem("backup %s has failed", e.ID)
			continue
		case repository.Expired:
			continue
		case repository.Proven:
			n.ProvenAt = e.EndedAt
		}
		n.ID, n.TakenAt = e.ID, e.EndedAt
		s.Newest[e.Kind] = n
	}
	for kind, most := range oldest {
		proven := s.Newest[kind].ProvenAt
		switch {
		case proven.IsZero() && kind == repository.Postgres:
			s.problem("no backup of %s was ever proven", kind)
		case !proven.IsZero() && time.Since(proven) > most:
			s.problem("the newest proven backup of %s is %s old", kind, time.Since(proven).Round(time.Minute))
		}
	}
	s.add(ctx, p)
	return s, s.archive(ctx, r, entries, url)
}

func (s *Status) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

func (s *Status) archive(ctx context.Context, r *repository.Repository, entries []repository.Entry, url string) error {
	first, _, ok := ends(entries)
	if !ok {
		return nil
	}
	report, err := surveyed(ctx, r, first, false, nil)
	if err != nil {
		return err
	}
	for _, p := range report.Problems {
		s.problem("%v", p)
	}
	s.postgres(ctx, url, report.Reach.LSN.String())
	return nil
}

// surveyed looks at the log from a backup's start to the newest that is archived.
func surveyed(ctx context.Context, r *repository.Repository, from repository.Entry, deep bool, progress func(done, of int)) (wal.Report, error) {
	start, err := position(from)
	if err != nil {
		return wal.Report{}, err
	}
	report, err := wal.Check(ctx, r, source(from), start, wal.Position{}, wal.CheckOptions{Deep: deep, Progress: progress})
	if err != nil && !errors.Is(err, wal.ErrIncomplete) {
		return wal.Report{}, fmt.Errorf("look for gaps in the archive: %w", err)
	}
	return report, nil
}

// Examined is what lies in a bucket.
type Examined struct {
	Rechecked
	Backups   int
	From, Tip string
	Segments  int
}

// Examine looks at everything in a bucket that restores need, with the contents of every
// object or with the names and sizes alone. It needs no keys and changes nothing.
func Examine(ctx context.Context, r *repository.Repository, deep bool) (Examined, error) {
	entries, err := r.Catalogue(ctx)
	var x Examined
	if err != nil {
		x.Problems = append(x.Problems, err.Error())
	}
	for _, e := range entries {
		if e.State() == repository.Expired {
			continue
		}
		x.Backups++
		if err := x.parts(ctx, r, e, deep); err != nil {
			return x, err
		}
	}
	first, _, ok := ends(entries)
	if !ok {
		return x, nil
	}
	report, err := surveyed(ctx, r, first, deep, nil)
	if err != nil {
		return x, err
	}
	x.From, x.Tip, x.Segments = report.From.String(), report.Reach.String(), report.Segments
	for _, p := range report.Problems {
		x.Problems = append(x.Problems, p.Error())
	}
	return x, nil
}

func (x *Examined) parts(ctx context.Context, r *repository.Repository, e repository.Entry, deep bool) error {
	for _, o := range e.Objects {
		look := r.Present
		if deep {
			look = r.Check
		}
		if err := look(ctx, o); damage(err) {
			x.Problems = append(x.Problems, err.Error())
		} else if err != nil {
			return err
		}
		x.Objects++
		x.Bytes += o.Size
	}
	return nil
}
