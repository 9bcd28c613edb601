// Package life copies what one person told to others, at the speed of the engines.
//
// A [Life] is everything that memory keeps of somebody, in the clear: the rows of all
// memory tables as the product wrote them. [Life.As] turns it into another person's,
// sealed and blinded under that person's keys, with ids of its own, and with vectors
// that a little seeded noise has moved. Tables and columns are found in the database,
// so a copy has whatever the product writes.
package life

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/keyring"
	"meai/internal/postgres"
)

// Life is what one person told. It is safe for concurrent use.
type Life struct {
	tables []table
	nodes  []node
	stems  []stem
	// span is the time between the first memory and the last.
	span time.Duration
	// Underived counts look-up values that no text explains: they are blinded once
	// more instead, so they lead nowhere but are as many and as large.
	Underived int
}

// table is one table's rows of the person. Sealed columns are in the clear.
type table struct {
	name    string
	columns []string
	sealed  map[string]postgres.SealedColumn
	rows    []map[string]any
}

// stem is a term in the clear; without a word it is one that no text explains.
type stem struct {
	word string
	old  int64
}

// blinded is a look-up value: of a name that is known, or of unknown origin.
type blinded struct {
	name string
	old  []byte
}

// node is a memory as the vector index needs it.
type node struct {
	row        map[string]any
	id         uuid.UUID
	kind       string
	session    uuid.UUID
	saidAt     time.Time
	model      string
	indexed    bool
	terms      []int // places in stems
	neighbours []int
}

// searchable are the kinds that the vector index holds.
var searchable = []string{"turn", "marker", "echo", "storyline"}

// Load reads a person's life. conn owns the tables.
func Load(ctx context.Context, conn *pgx.Conn, keys *keyring.Keys) (*Life, error) {
	l := &Life{}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('app.subject', $1, true)", keys.Subject().String()); err != nil {
			return err
		}
		names, err := tableNames(ctx, tx)
		if err != nil {
			return err
		}
		for _, name := range names {
			t, err := loadTable(ctx, tx, name, keys)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			if len(t.rows) > 0 {
				l.tables = append(l.tables, t)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the life of %s: %w", keys.Subject(), err)
	}
	l.derive(keys)
	return l, nil
}

// tableNames are memory's tables, those that others refer to first.
func tableNames(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'public' and c.relkind = 'p' and not c.relispartition and c.relname like 'memory\_%'`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	first := []string{"memory_nodes", "memory_edges", "memory_imports"}
	rank := func(name string) int {
		if at := slices.Index(first, name); at >= 0 {
			return at
		}
		return len(first)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names, nil
}

func loadTable(ctx context.Context, tx pgx.Tx, name string, keys *keyring.Keys) (table, error) {
	t := table{name: name, sealed: map[string]postgres.SealedColumn{}}
	for _, c := range postgres.SealedColumns {
		if c.Table == name {
			t.sealed[c.Column] = c
		}
	}
	rows, err := tx.Query(ctx, "select * from "+pgx.Identifier{name}.Sanitize()+" where subject_id = $1", keys.Subject())
	if err != nil {
		return t, err
	}
	defer rows.Close()
	for _, f := range rows.FieldDescriptions() {
		t.columns = append(t.columns, f.Name)
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return t, err
		}
		row := make(map[string]any, len(values))
		for i, v := range values {
			row[t.columns[i]] = v
		}
		if err := t.open(row, keys); err != nil {
			return t, err
		}
		t.rows = append(t.rows, row)
	}
	return t, rows.Err()
}

// open replaces what is sealed by what is in it.
func (t table) open(row map[string]any, keys *keyring.Keys) error {
	for column, c := range t.sealed {
		sealed, _ := row[column].([]byte)
		if sealed == nil {
			continue
		}
		plain, err := keys.Open(sealed, keyring.Location{Table: t.name, Column: c.As, Row: idOf(row[c.Key])})
		if err != nil {
			return err
		}
		row[column] = plain
	}
	return nil
}

func idOf(v any) uuid.UUID {
	id, _ := v.([16]byte)
	return id
}

// Turns is how many messages the life has.
func (l *Life) Turns() int {
	count := 0
	for _, n := range l.nodes {
		if n.kind == "turn" {
			count++
		}
	}
	return count
}
