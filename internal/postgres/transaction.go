package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/postgres/queries"
)

// opening makes the batch that begins a transaction, and the function that
// checks the results that follow "begin" and the subject's setting with the state.
type opening func() (*pgx.Batch, func(pgx.BatchResults) error)

func (db *DB) transact(ctx context.Context, open opening, fn func(context.Context, *queries.Queries) error) error {
	return db.transactTx(ctx, open, func(ctx context.Context, tx pgx.Tx) error { return fn(ctx, queries.New(tx)) })
}

func (db *DB) transactTx(ctx context.Context, open opening, fn func(context.Context, pgx.Tx) error) (err error) {
	tx, err := db.open(ctx, open)
	if lostConnection(err) {
		// The server was restarted under the pool. Nothing has been done yet, so
		// it is safe to begin again on a fresh connection.
		db.pool.Reset()
		tx, err = db.open(ctx, open)
	}
	if err != nil {
		return err
	}
	// Without effect after a commit; it also ends the transaction when fn panics.
	defer func() { err = errors.Join(err, rollback(ctx, tx)) }()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := db.guarded(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	// This process may have been halted between the guard and the commit, for as long as it
	// takes another copy to take over. Then nobody knows what became of it.
	if err := db.guarded(); err != nil {
		return fmt.Errorf("after the commit: %w", err)
	}
	return nil
}

// open begins a transaction with everything that open queues in one round trip.
func (db *DB) open(ctx context.Context, open opening) (pgx.Tx, error) {
	batch, check := open()
	results := db.pool.SendBatch(ctx, batch)
	tx := results.Tx()
	err := db.checkOpening(results, check)
	if closed := results.Close(); err == nil {
		err = closed // otherwise it says the same once more
	}
	if err != nil {
		return nil, fmt.Errorf("begin transaction: %w", errors.Join(err, rollback(ctx, tx)))
	}
	return tx, nil
}

func (db *DB) checkOpening(results pgx.BatchResults, check func(pgx.BatchResults) error) error {
	if _, err := results.Exec(); err != nil { // "begin"
		return err
	}
	if err := db.checkBound(results.QueryRow()); err != nil {
		return err
	}
	return check(results)
}

// checkBound reads what the statement that binds a transaction tells of the database.
func (db *DB) checkBound(row pgx.Row) error {
	var s State
	var serves bool
	if err := row.Scan(nil, &s.Epoch, &s.Continues, &serves); err != nil {
		return fmt.Errorf("read the state of the database: %w", err)
	}
	s.Quarantined = !serves
	return db.permitted(s, inQuarantine)
}

// guarded asks the guard about the epoch that this pool works in.
func (db *DB) guarded() error {
	if db.guard == nil || db.quarantine {
		return nil
	}
	return db.guard.Check(db.epoch.Load())
}

// rollback releases the connection. It must happen although the caller has
// given up, and is without effect on a transaction that has ended.
func rollback(ctx context.Context, tx pgx.Tx) error {
	err := tx.Rollback(context.WithoutCancel(ctx))
	if err == nil || errors.Is(err, pgx.ErrTxClosed) || pgconn.SafeToRetry(err) {
		return nil
	}
	return fmt.Errorf("roll back: %w", err)
}

// lostConnection reports whether err came from the connection rather than from
// the server's judgement on a statement. Class 57 is the server shutting down.
func lostConnection(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) {
		return false
	}
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code == "57P01" || answer.Code == "57P02"
	}
	return !isFailure(err)
}

// Busy reports whether err says that a lock could not be had in time, or that the
// transaction gave way to another: nothing has happened, and it may be tried again.
func Busy(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.Code == "55P03" || answer.Code == "40P01")
}
