// Package catalogue keeps a copy of a repository's catalogue in PostgreSQL, for lists
// and pages that must not read a whole bucket. What the bucket says counts: the copy is
// made from it, never the other way, and may be lost.
package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/activities/backup/repository"
	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Backup is one backup as the catalogue tells of it. Nothing in it is of a person's.
type Backup struct {
	ID        string           `json:"id"`
	Kind      repository.Kind  `json:"kind"`
	State     repository.State `json:"state"`
	StartedAt time.Time        `json:"started_at"`
	EndedAt   time.Time        `json:"ended_at"`
	Bytes     int64            `json:"bytes"` // of all objects, sealed
	Objects   int              `json:"objects"`
	// Timeline and LSNs are of a cluster of PostgreSQL.
	Timeline uint32 `json:"timeline,omitempty"`
	StartLSN string `json:"start_lsn,omitempty"`
	EndLSN   string `json:"end_lsn,omitempty"`
	Held     bool   `json:"held"`
	// When these states were last reported; zero for never.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	ProvenAt   time.Time `json:"proven_at,omitzero"`
	ExpiredAt  time.Time `json:"expired_at,omitzero"`
	// Problems counts those that the newest report names.
	Problems int `json:"problems"`
	// Seconds by step, of the newest report that tells any.
	Seconds map[string]float64 `json:"seconds"`
}

// Store is the copy in the database. It is safe for concurrent use.
type Store struct{ DB *postgres.DB }

// Sync makes the copy equal to what the bucket holds: entries are all of it. Whatever
// else the copy knew is gone from it.
func (s *Store) Sync(ctx context.Context, entries []repository.Entry) error {
	rows := make([]Backup, len(entries))
	for i, entry := range entries {
		rows[i] = backupOf(entry)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("write the catalogue of backups: %w", err)
	}
	err = s.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error { return q.SyncBackups(ctx, text) })
	if err != nil {
		return fmt.Errorf("copy the catalogue of backups: %w", err)
	}
	return nil
}

// Lacking are the ids that the copy knows and the entries, all that the bucket holds, do
// not: newest first.
func (s *Store) Lacking(ctx context.Context, entries []repository.Entry) (ids []string, err error) {
	held := map[string]bool{}
	for _, entry := range entries {
		held[entry.ID] = true
	}
	const page = 1000
	for before := ""; ; {
		list, err := s.List(ctx, before, page)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			if !held[b.ID] {
				ids = append(ids, b.ID)
			}
		}
		if len(list) < page {
			return ids, nil
		}
		before = list[len(list)-1].ID
	}
}

func backupOf(entry repository.Entry) Backup {
	b := Backup{
		ID: entry.ID, Kind: entry.Kind, State: entry.State(), StartedAt: entry.StartedAt, EndedAt: entry.EndedAt,
		Bytes: entry.Size(), Objects: len(entry.Objects), Held: entry.Held(),
		VerifiedAt: entry.Reported(repository.Verified), ProvenAt: entry.Reported(repository.Proven),
		ExpiredAt: entry.Reported(repository.Expired), Seconds: map[string]float64{},
	}
	if c := entry.Cluster; c != nil {
		b.Timeline, b.StartLSN, b.EndLSN = c.Timeline, c.Start, c.End
	}
	for _, report := range entry.Reports { // in order of time
		if report.State != repository.Held && report.State != repository.Released {
			b.Problems = len(report.Problems)
		}
		if len(report.Seconds) > 0 {
			b.Seconds = report.Seconds
		}
	}
	return b
}

// List tells of backups, newest first, of those before an id; "" begins.
func (s *Store) List(ctx context.Context, before string, limit int32) (list []Backup, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.Backups(ctx, before == "", before, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			b, err := read(row)
			if err != nil {
				return err
			}
			list = append(list, b)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	return list, nil
}

// Get tells of one backup; [failure.NotFound] when the copy does not know it.
func (s *Store) Get(ctx context.Context, id string) (b Backup, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Backup(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return failure.New(failure.NotFound, "no such backup", nil)
		}
		if err != nil {
			return err
		}
		b, err = read(row)
		return err
	})
	if err != nil {
		return Backup{}, fmt.Errorf("look up a backup: %w", err)
	}
	return b, nil
}

func read(row queries.Backup) (Backup, error) {
	b := Backup{
		ID: row.ID, Kind: repository.Kind(row.Kind), State: repository.State(row.State), StartedAt: row.StartedAt.UTC(),
		EndedAt: row.EndedAt.UTC(), Bytes: row.Bytes, Objects: int(row.Objects), Timeline: uint32(value(row.Timeline)),
		StartLSN: value(row.StartLsn), EndLSN: value(row.EndLsn), Held: row.Held, VerifiedAt: value(row.VerifiedAt).UTC(),
		ProvenAt: value(row.ProvenAt).UTC(), ExpiredAt: value(row.ExpiredAt).UTC(), Problems: int(row.Problems),
	}
	if err := json.Unmarshal(row.Seconds, &b.Seconds); err != nil {
		return Backup{}, fmt.Errorf("read the seconds of backup %s: %w", row.ID, err)
	}
	return b, nil
}

// value is what a column holds, the zero value for null.
func value[T any](column *T) (v T) {
	if column != nil {
		v = *column
	}
	return v
}
