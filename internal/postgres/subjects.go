package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/temporal"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// EnsureSubject registers a person. It is idempotent; it fails with
// [failure.SubjectInactive] when erasure of this person has begun.
func (db *DB) EnsureSubject(ctx context.Context, subject uuid.UUID) error {
	if subject == uuid.Nil {
		return failure.New(failure.InvalidInput, "the zero subject cannot be registered", nil)
	}
	q := queries.New(db.pool)
	if err := q.CreateSubject(ctx, subject); err != nil {
		return fmt.Errorf("register subject %s: %w", subject, err)
	}
	return db.Write(ctx, subject, func(context.Context, *queries.Queries) error { return nil })
}

// KnowsSubject reports whether the person was ever registered, in any state.
func (db *DB) KnowsSubject(ctx context.Context, subject uuid.UUID) (bool, error) {
	_, err := queries.New(db.pool).SubjectState(ctx, subject)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up subject %s: %w", subject, err)
	}
	return true, nil
}

// CheckActive fails with [failure.SubjectInactive] when erasure of a person has
// begun. An unknown person is no error. The answer may be outdated at once:
// transactions that must not be, lock the row instead ([DB.Write]).
func (db *DB) CheckActive(ctx context.Context, subject uuid.UUID) error {
	state, err := queries.New(db.pool).SubjectState(ctx, subject)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look up subject %s: %w", subject, err)
	case state != "active":
		return failure.New(failure.SubjectInactive, "subject "+subject.String()+" is "+state, nil)
	default:
		return nil
	}
}

// ActiveSubjects lists registered people who are not being erased, in the order
// of their ids, for batch work. Pass the last id of a page to get the next; the
// zero UUID begins.
func (db *DB) ActiveSubjects(ctx context.Context, after uuid.UUID, limit int32) ([]uuid.UUID, error) {
	subjects, err := queries.New(db.pool).ActiveSubjects(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list subjects: %w", err)
	}
	return subjects, nil
}

// Freeze ends writing for a person: it waits for the transactions that write for
// them, and none begins after it. It is idempotent, also when the person is
// erased already; [failure.NotFound] for an unknown person.
func (db *DB) Freeze(ctx context.Context, subject uuid.UUID) error {
	known, err := db.KnowsSubject(ctx, subject)
	if err != nil {
		return err
	}
	if !known {
		return failure.New(failure.NotFound, "subject "+subject.String()+" does not exist", nil)
	}
	if err := queries.New(db.pool).FreezeSubject(ctx, subject); err != nil {
		return fmt.Errorf("freeze subject %s: %w", subject, err)
	}
	return nil
}

// MarkErased records that a frozen person's data is unreadable for good. There is
// no way back from it. It is idempotent: record, which runs in the same transaction,
// is for the one call that changes something.
func (db *DB) MarkErased(ctx context.Context, subject uuid.UUID, record func(context.Context, *queries.Queries) error) error {
	err := db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		changed, err := q.MarkSubjectErased(ctx, subject)
		if err != nil || changed == 0 {
			return err
		}
		return record(ctx, q)
	})
	if err != nil {
		return fmt.Errorf("mark subject %s erased: %w", subject, err)
	}
	return nil
}

// RecordSetting records a value that must not change under a running system,
// such as the embedding model's id, and returns the value that was recorded
// first. The caller does not go on when the two differ.
func (db *DB) RecordSetting(ctx context.Context, key, value string) (recorded string, err error) {
	q := queries.New(db.pool)
	if err := q.RecordSetting(ctx, key, value); err != nil {
		return "", fmt.Errorf("record setting %s: %w", key, err)
	}
	recorded, err = q.Setting(ctx, key)
	if err != nil {
		return "", fmt.Errorf("read setting %s: %w", key, err)
	}
	return recorded, nil
}

// Setting returns a value that [DB.RecordSetting] has recorded; "" for none.
func (db *DB) Setting(ctx context.Context, key string) (string, error) {
	recorded, err := queries.New(db.pool).Setting(ctx, key)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read setting %s: %w", key, err)
	}
	return recorded, nil
}

// EnsurePartitions makes the time partitions until the given time, at most 5
// years ahead, and returns how many were new. [Migrate] does so for a year; the
// nightly upkeep does it again for a system that runs without a migration.
func (db *DB) EnsurePartitions(ctx context.Context, until time.Time) (int, error) {
	created, err := queries.New(db.pool).EnsurePartitions(ctx, until)
	if err != nil {
		return 0, fmt.Errorf("make time partitions: %w", err)
	}
	return int(created), nil
}

func isFailure(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app)
}
