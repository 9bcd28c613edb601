package postgres

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// SealedColumn is a column that holds what was sealed under a person's keys.
type SealedColumn struct {
	Table, Column string
	// Key is the column that identifies the row among those of its person.
	Key string
	// As is the name of the column in the place that the ciphertext is bound to.
	As string
}

// SealedColumns are all of them; a test compares the list with the schema. What
// is missing here would stay behind when a person's key is replaced.
var SealedColumns = []SealedColumn{
	{"sessions", "emotion_sealed", "id", "emotion"},
	{"sessions", "device_sealed", "id", "device"},
	{"interactions", "words_sealed", "id", "words"},
	{"interactions", "context_sealed", "id", "context"},
	{"interactions", "answer_sealed", "id", "answer"},
	{"escalations", "assessment_sealed", "interaction_id", "assessment"},
	{"filter_triggers", "triggers_sealed", "subject_id", "triggers"},
	{"memory_nodes", "text_sealed", "id", "text_sealed"},
	{"memory_nodes", "emotion_sealed", "id", "emotion_sealed"},
	{"memory_nodes", "vector_sealed", "id", "vector_sealed"},
	{"memory_nodes", "details_sealed", "id", "details_sealed"},
	{"memory_edges", "label_sealed", "id", "label_sealed"},
	{"memory_writes", "content_sealed", "id", "content_sealed"},
}

// Reseal goes through one page of a person's rows whose value in column does not
// begin with prefix, and replaces each by what fresh makes of it, unless it has
// changed meanwhile. It returns the last row it saw and how many it saw: fewer
// than limit means that the column is done. Errors are those of [DB.Write].
func (db *DB) Reseal(ctx context.Context, subject uuid.UUID, column SealedColumn, prefix []byte, after uuid.UUID, limit int,
	fresh func(row uuid.UUID, sealed []byte) ([]byte, error),
) (last uuid.UUID, seen int, err error) {
	last = after
	err = db.transactTx(ctx, writing(subject), func(ctx context.Context, tx pgx.Tx) error {
		rows, err := readSealed(ctx, tx, subject, column, prefix, after, limit)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, r := range rows {
			sealed, err := fresh(r.ID, r.Sealed)
			if err != nil {
				return fmt.Errorf("row %s: %w", r.ID, err)
			}
			batch.Queue(fmt.Sprintf("update %s set %s = $1 where subject_id = $2 and %s = $3 and %[2]s = $4", column.Table, column.Column, column.Key),
				sealed, subject, r.ID, r.Sealed)
			last, seen = r.ID, seen+1
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return after, 0, fmt.Errorf("reseal %s.%s: %w", column.Table, column.Column, err)
	}
	return last, seen, nil
}

type sealedRow struct {
	ID     uuid.UUID
	Sealed []byte
}

func readSealed(ctx context.Context, tx pgx.Tx, subject uuid.UUID, c SealedColumn, prefix []byte, after uuid.UUID, limit int) ([]sealedRow, error) {
	rows, err := tx.Query(ctx, fmt.Sprintf(`
		select %[1]s, %[2]s from %[3]s
		where subject_id = $1 and %[1]s > $2 and substr(%[2]s, 1, $3) <> $4
		order by %[1]s limit $5`, c.Key, c.Column, c.Table), subject, after, len(prefix), prefix, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[sealedRow])
}

// HoldsSealed reports whether any of a person's rows holds a value that begins
// with prefix.
func (db *DB) HoldsSealed(ctx context.Context, subject uuid.UUID, prefix []byte) (found bool, err error) {
	var union bytes.Buffer
	for i, c := range SealedColumns {
		if i > 0 {
			union.WriteString(" union all ")
		}
		fmt.Fprintf(&union, "select from %s where subject_id = $1 and substr(%s, 1, $2) = $3", c.Table, c.Column)
	}
	err = db.transactTx(ctx, reading(subject), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select exists ("+union.String()+")", subject, len(prefix), prefix).Scan(&found)
	})
	if err != nil {
		return false, fmt.Errorf("look for sealed values of subject %s: %w", subject, err)
	}
	return found, nil
}

// Sealed is a sealed value and the row that it is in.
type Sealed = sealedRow

// SampleSealed reads a few of a person's values of a column, from a place in the order of
// their rows on. Errors are those of [DB.Read].
func (db *DB) SampleSealed(ctx context.Context, subject uuid.UUID, c SealedColumn, from uuid.UUID, limit int) (sample []Sealed, err error) {
	err = db.transactTx(ctx, reading(subject), func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, fmt.Sprintf(`
			(select %[1]s, %[2]s from %[3]s where subject_id = $1 and %[1]s >= $2 and %[2]s is not null order by %[1]s limit $3)
			union all
			(select %[1]s, %[2]s from %[3]s where subject_id = $1 and %[1]s < $2 and %[2]s is not null order by %[1]s limit $3)
			limit $3`, c.Key, c.Column, c.Table), subject, from, limit)
		if err != nil {
			return err
		}
		sample, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Sealed])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sample %s.%s: %w", c.Table, c.Column, err)
	}
	return sample, nil
}

// SealedPrefixes reads the first bytes of some values of a column that all share, each once.
// The names are those of the schema.
func (db *DB) SealedPrefixes(ctx context.Context, table, column string, bytes, most int) (prefixes [][]byte, err error) {
	err = db.transactTx(ctx, sharedReading, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, fmt.Sprintf("select distinct substr(v, 1, $1) from (select %s as v from %s where %[1]s is not null limit $2) s", name(column), name(table)), bytes, most)
		if err != nil {
			return err
		}
		prefixes, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the beginnings of %s.%s: %w", table, column, err)
	}
	return prefixes, nil
}

func sharedReading() (*pgx.Batch, func(pgx.BatchResults) error) {
	return begin("", pgx.TxOptions{AccessMode: pgx.ReadOnly}), func(pgx.BatchResults) error { return nil }
}

// TableColumn is a column of a table, with its type as PostgreSQL writes it.
type TableColumn struct{ Table, Column, Type string }

// Columns are those of all tables, by table and in their order; partitions have their
// parents'.
func (db *DB) Columns(ctx context.Context) (columns []TableColumn, err error) {
	err = db.transactTx(ctx, sharedReading, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
			from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
			where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
			order by c.relname, a.attnum`)
		if err != nil {
			return err
		}
		columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TableColumn])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the columns of all tables: %w", err)
	}
	return columns, nil
}
