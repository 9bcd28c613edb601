package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup/people"
	"meai/activities/privacy/datamap"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// Store shows reports, and what is to come. It is safe for concurrent use.
type Store struct {
	DB   *postgres.DB
	Keys *keyring.Keyring
	Map  datamap.Map
	// Archives are those of people, which may outlive an erasure; nil for none.
	Archives *people.Archives
	// BackupsFor is how long backups are kept, CoolingOff how long an erasure waits.
	BackupsFor, CoolingOff time.Duration
}

// Report reads one. A report that this system has not signed as it is read is an error
// ([signing.ErrSignature]); [failure.NotFound] for none.
func (s *Store) Report(ctx context.Context, id uuid.UUID) (r Report, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.RetentionReport(ctx, id)
		if err != nil {
			return unlessFound(err)
		}
		r.Note = row.Note
		return s.open(ctx, row.Note, &r)
	})
	if err != nil {
		return Report{}, fmt.Errorf("read a report of retention: %w", err)
	}
	return r, nil
}

// Reports lists them, newest first, of those before an id; the zero UUID begins. Errors are
// those of [Store.Report].
func (s *Store) Reports(ctx context.Context, before uuid.UUID, limit int) (list []Report, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.RetentionReports(ctx, before == uuid.Nil, before, int32(limit))
		if err != nil {
			return err
		}
		for _, row := range rows {
			r := Report{Note: row.Note}
			if err := s.open(ctx, row.Note, &r); err != nil {
				return fmt.Errorf("report %s: %w", row.ID, err)
			}
			list = append(list, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list reports of retention: %w", err)
	}
	return list, nil
}

// Verification reads the report of one look at what is sealed. Errors are those of [Store.Report].
func (s *Store) Verification(ctx context.Context, id uuid.UUID) (v Verification, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.EncryptionReport(ctx, id)
		if err != nil {
			return unlessFound(err)
		}
		v.Note = row.Note
		return s.open(ctx, row.Note, &v)
	})
	if err != nil {
		return Verification{}, fmt.Errorf("read a report on encryption: %w", err)
	}
	return v, nil
}

// Verifications lists them as [Store.Reports] does.
func (s *Store) Verifications(ctx context.Context, before uuid.UUID, limit int) (list []Verification, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.EncryptionReports(ctx, before == uuid.Nil, before, int32(limit))
		if err != nil {
			return err
		}
		for _, row := range rows {
			v := Verification{Note: row.Note}
			if err := s.open(ctx, row.Note, &v); err != nil {
				return fmt.Errorf("report %s: %w", row.ID, err)
			}
			list = append(list, v)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list reports on encryption: %w", err)
	}
	return list, nil
}

// open reads what this system has signed.
func (s *Store) open(ctx context.Context, note string, into any) error {
	key, err := signing.Derive(ctx, s.Keys, signerName, signerPurpose)
	if err != nil {
		return err
	}
	text, err := key.Open([]byte(note))
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("decode the report: %w", err)
	}
	return nil
}
