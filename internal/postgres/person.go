package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// PersonTable is a table that holds rows of people, as the catalogue knows it.
type PersonTable struct {
	Name string
	// Columns and Key, the primary key, are in their order. Binary are columns of bytes,
	// and Sealed those among them that hold what was sealed.
	Columns, Key, Binary, Sealed []string
	// Types are those of the columns, as SQL writes them; Required are never null.
	Types, Required []string
}

// personTables finds every table with a column subject_id: one that a migration adds is
// in the archives without anybody thinking of it.
const personTables = `
	select c.relname::text as name,
	  array_agg(a.attname::text order by a.attnum) as columns,
	  coalesce((select array_agg(k.attname::text order by array_position(i.indkey::int2[], k.attnum)) from pg_index i
	    join pg_attribute k on k.attrelid = i.indrelid and k.attnum = any(i.indkey)
	    where i.indrelid = c.oid and i.indisprimary), '{}') as key,
	  coalesce(array_agg(a.attname::text order by a.attnum) filter (where a.atttypid = 'bytea'::regtype), '{}') as binary,
	  coalesce(array_agg(a.attname::text order by a.attnum) filter (where a.attname like '%\_sealed'), '{}') as sealed,
	  array_agg(format_type(a.atttypid, null) order by a.attnum) as types,
	  coalesce(array_agg(a.attname::text order by a.attnum) filter (where a.attnotnull), '{}') as required
	from pg_class c
	join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
	  and exists (select from pg_attribute s where s.attrelid = c.oid and s.attname = 'subject_id' and not s.attisdropped)
	group by c.oid, c.relname
	order by c.relname`

// Snapshot is all that is stored of one person at one moment.
type Snapshot struct {
	// At is when it was begun, by the server's clock; what was committed before is in it.
	At time.Time
	// Registered is when the person was.
	Registered time.Time
	// Tables are all that hold rows of people, by name.
	Tables []PersonTable

	tx      pgx.Tx
	subject uuid.UUID
}

// Subject is whose it is.
func (s *Snapshot) Subject() uuid.UUID { return s.subject }

// Queries read in the snapshot's transaction, what all share too.
func (s *Snapshot) Queries() *queries.Queries { return queries.New(s.tx) }

// Count is how many rows of the person a table holds.
func (s *Snapshot) Count(ctx context.Context, t PersonTable) (n int64, err error) {
	if err := s.tx.QueryRow(ctx, "select count(*) from "+name(t.Name)+" where subject_id = $1", s.subject).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", t.Name, err)
	}
	return n, nil
}

// snapshotTimeouts leave a snapshot time to be written to a slow bucket.
var snapshotTimeouts = []string{
	"select set_config('statement_timeout', '1800000', true)",
	"select set_config('idle_in_transaction_session_timeout', '600000', true)",
}

// Snapshot runs fn in a read-only transaction in which everything of a person stays as
// it was when it began, while others go on writing. Like [DB.Write] it fails with
// [failure.SubjectInactive] or [failure.NotFound]; erasure that begins later does not
// wait for it. fn may run once only.
func (db *DB) Snapshot(ctx context.Context, subject uuid.UUID, fn func(context.Context, *Snapshot) error) (err error) {
	s := &Snapshot{subject: subject}
	return db.transactTx(ctx, s.opening, func(ctx context.Context, tx pgx.Tx) error {
		s.tx = tx
		if s.Tables, err = listPersonTables(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, s)
	})
}

func listPersonTables(ctx context.Context, tx pgx.Tx) ([]PersonTable, error) {
	rows, err := tx.Query(ctx, personTables)
	if err != nil {
		return nil, fmt.Errorf("list the tables of people: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByName[PersonTable])
	if err != nil {
		return nil, fmt.Errorf("list the tables of people: %w", err)
	}
	return tables, nil
}

// PersonTables finds all tables that hold rows of people, by name.
func (db *DB) PersonTables(ctx context.Context) (tables []PersonTable, err error) {
	err = db.transactTx(ctx, reading(uuid.Nil), func(ctx context.Context, tx pgx.Tx) error {
		tables, err = listPersonTables(ctx, tx)
		return err
	})
	return tables, err
}

func (s *Snapshot) opening() (*pgx.Batch, func(pgx.BatchResults) error) {
	batch := begin(s.subject.String(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	for _, setting := range snapshotTimeouts {
		batch.Queue(setting)
	}
	batch.Queue("select state, created_at, now() from subjects where id = $1", s.subject)
	return batch, func(results pgx.BatchResults) error {
		for range snapshotTimeouts {
			if _, err := results.Exec(); err != nil {
				return err
			}
		}
		var state string
		err := results.QueryRow().Scan(&state, &s.Registered, &s.At)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return failure.New(failure.NotFound, "subject "+s.subject.String()+" does not exist", nil)
		case err == nil && state != "active":
			return failure.New(failure.SubjectInactive, "subject "+s.subject.String()+" is "+state, nil)
		default:
			return err
		}
	}
}

// PersonContents tell what a table holds of a person.
type PersonContents struct {
	Rows int64 `json:"rows"`
	// Sum is that of a hash of each row: rows that differ in anything have another.
	Sum string `json:"sum"`
	// Prefixes are the different beginnings of sealed values.
	Prefixes [][]byte `json:"-"`
}

// Contents reads what a table holds of the person, and the first so many bytes of its
// sealed values.
func (s *Snapshot) Contents(ctx context.Context, t PersonTable, prefix int) (c PersonContents, err error) {
	prefixes := []string{"'{}'::bytea[]"}
	for _, column := range t.Sealed {
		prefixes = append(prefixes, fmt.Sprintf("coalesce(array_agg(distinct substr(%[1]s, 1, %[2]d)) filter (where %[1]s is not null), '{}')", name(column), prefix))
	}
	statement := fmt.Sprintf("select count(*), coalesce(sum(hashtextextended(p::text, 0)), 0)::text, %s from %s p where subject_id = $1",
		strings.Join(prefixes, " || "), name(t.Name))
	if err := s.tx.QueryRow(ctx, statement, s.subject).Scan(&c.Rows, &c.Sum, &c.Prefixes); err != nil {
		return PersonContents{}, fmt.Errorf("count the rows of %s: %w", t.Name, err)
	}
	return c, nil
}

// Rows hands out the person's rows of a table in the order of its key, each as a JSON
// object in which bytes are base64. The text is valid until row returns.
func (s *Snapshot) Rows(ctx context.Context, t PersonTable, row func(object []byte) error) error {
	columns := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		columns[i] = name(column)
		if slices.Contains(t.Binary, column) {
			// PostgreSQL breaks base64 into lines.
			columns[i] = fmt.Sprintf(`translate(encode(%[1]s, 'base64'), E'\n', '') as %[1]s`, name(column))
		}
	}
	statement := fmt.Sprintf("select row_to_json(p)::text from (select %s from %s where subject_id = $1%s) p",
		strings.Join(columns, ", "), name(t.Name), orderBy(t.Key))
	rows, err := s.tx.Query(ctx, statement, s.subject)
	if err != nil {
		return fmt.Errorf("read the rows of %s: %w", t.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.RawValues()[0]); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the rows of %s: %w", t.Name, err)
	}
	return nil
}

func orderBy(key []string) string {
	if len(key) == 0 {
		return ""
	}
	quoted := make([]string, len(key))
	for i, column := range key {
		quoted[i] = name(column)
	}
	return " order by " + strings.Join(quoted, ", ")
}

func name(identifier string) string { return pgx.Identifier{identifier}.Sanitize() }
