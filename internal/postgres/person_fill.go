package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/postgres/queries"
)

// Filling adds rows of one person, all in one transaction.
type Filling struct {
	// Tables are all that hold rows of people, by name.
	Tables []PersonTable

	tx      pgx.Tx
	subject uuid.UUID
}

// Fill runs fn in a transaction that may take minutes and adds rows of a person: all of
// them, or none. Unlike [DB.Write] it does not lock the person as active from its
// beginning, which would hold up the erasure of who is being filled: the lock is taken,
// and the person must be active, at its end. Errors are those of [DB.Write]; fn may run
// once only.
func (db *DB) Fill(ctx context.Context, subject uuid.UUID, fn func(context.Context, *Filling) error) (err error) {
	f := &Filling{subject: subject}
	return db.transactTx(ctx, f.opening, func(ctx context.Context, tx pgx.Tx) error {
		f.tx = tx
		if f.Tables, err = listPersonTables(ctx, tx); err != nil {
			return err
		}
		if err := fn(ctx, f); err != nil {
			return err
		}
		return checkActive(tx.QueryRow(ctx, "select state from subjects where id = $1 for share", subject), subject)
	})
}

func (f *Filling) opening() (*pgx.Batch, func(pgx.BatchResults) error) {
	batch := begin(f.subject.String(), pgx.TxOptions{})
	for _, setting := range snapshotTimeouts {
		batch.Queue(setting)
	}
	batch.Queue("select state from subjects where id = $1", f.subject)
	return batch, func(results pgx.BatchResults) error {
		for range snapshotTimeouts {
			if _, err := results.Exec(); err != nil {
				return err
			}
		}
		return checkActive(results.QueryRow(), f.subject)
	}
}

// Queries run in the filling's transaction.
func (f *Filling) Queries() *queries.Queries { return queries.New(f.tx) }

// Holds reports whether any of the tables holds a row of the person.
func (f *Filling) Holds(ctx context.Context, tables ...string) (found bool, err error) {
	looks := make([]string, len(tables))
	for i, table := range tables {
		looks[i] = "exists (select from " + name(table) + " where subject_id = $1)"
	}
	if err := f.tx.QueryRow(ctx, "select "+strings.Join(looks, " or "), f.subject).Scan(&found); err != nil {
		return false, fmt.Errorf("look for rows of subject %s: %w", f.subject, err)
	}
	return found, nil
}

// Insert adds rows to a table: a JSON array of objects by column, in which bytes are as
// PostgreSQL reads them. The columns that are not named get their defaults.
func (f *Filling) Insert(ctx context.Context, table string, columns []string, rows []byte) error {
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = name(column)
	}
	statement := fmt.Sprintf("insert into %[1]s (%[2]s) select %[2]s from json_populate_recordset(null::%[1]s, $1::json)",
		name(table), strings.Join(quoted, ", "))
	if _, err := f.tx.Exec(ctx, statement, rows); err != nil {
		return fmt.Errorf("add rows to %s: %w", table, err)
	}
	return nil
}
