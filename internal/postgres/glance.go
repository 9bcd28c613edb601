package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/postgres/queries"
)

// Glance runs fn, whose statements see the subject's rows only, in one round trip each,
// where [DB.Read] takes three. Each is a transaction of its own, and can only read. A
// result is read to its end before the next statement.
func (db *DB) Glance(ctx context.Context, subject uuid.UUID, fn func(ctx context.Context, q *queries.Queries) error) error {
	return fn(ctx, queries.New(glance{db, subject}))
}

// glance sends a statement behind the one that binds it to the subject. Statements that
// are sent together without a "begin" are one transaction.
type glance struct {
	db      *DB
	subject uuid.UUID
}

// bindToRead is [bind] for a transaction that only reads.
const bindToRead = "select set_config('app.subject', $1, true) || set_config('transaction_read_only', 'on', true), epoch, continues, state = 'serving' from cluster_state"

var errOnlyReads = errors.New("a glance only reads")

func (g glance) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errOnlyReads
}

func (g glance) Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error) {
	rows, err := g.query(ctx, statement, args)
	if lostConnection(err) {
		g.db.pool.Reset() // as a transaction begins again on a fresh connection
		rows, err = g.query(ctx, statement, args)
	}
	return rows, err
}

func (g glance) query(ctx context.Context, statement string, args []any) (pgx.Rows, error) {
	batch := &pgx.Batch{}
	batch.Queue(bindToRead, g.subject.String())
	batch.Queue(statement, args...)
	results := g.db.pool.SendBatch(ctx, batch)
	rows, err := g.read(results)
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	return glanced{rows, results}, nil
}

func (g glance) read(results pgx.BatchResults) (pgx.Rows, error) {
	if err := g.db.checkBound(results.QueryRow()); err != nil {
		return nil, err
	}
	return results.Query()
}

func (g glance) QueryRow(ctx context.Context, statement string, args ...any) pgx.Row {
	rows, err := g.Query(ctx, statement, args...)
	return glancedRow{rows, err}
}

// glanced are rows that give their connection back.
type glanced struct {
	pgx.Rows
	results pgx.BatchResults
}

func (g glanced) Close() {
	g.Rows.Close()
	_ = g.results.Close() // what went wrong is the rows' to tell, and nothing was written
}

type glancedRow struct {
	rows pgx.Rows
	err  error
}

// Scan implements [pgx.Row].
func (r glancedRow) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	return r.rows.Scan(into...)
}
