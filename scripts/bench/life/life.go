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
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/postgres"
	"meai/internal/vectors"
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
	row               map[string]any
	id                uuid.UUID
	kind              string
	session           uuid.UUID
	saidAt            time.Time
	model             string
	indexed           bool
	terms             []int // places in stems
	neighbours, round []int
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

// derive finds the words behind terms and names, and what was said around each turn.
func (l *Life) derive(keys *keyring.Keys) {
	known := map[int64]int{}
	place := func(old int64) int {
		at, ok := known[old]
		if !ok {
			at = len(l.stems)
			known[old], l.stems = at, append(l.stems, stem{old: old})
		}
		return at
	}
	for _, t := range l.tables {
		for _, row := range t.rows {
			if text, ok := row["text_sealed"].([]byte); ok {
				for _, word := range lexicon.Terms(string(text)) {
					l.stems[place(termOf(keys, word))].word = word
				}
			}
		}
	}
	for _, t := range l.tables {
		for _, row := range t.rows {
			for column, v := range row {
				switch {
				case column == "term":
					row[column] = place(v.(int64))
				case column == "terms":
					row[column] = placesOf(v, place)
				case strings.HasSuffix(column, "_hmac") && v != nil:
					row[column] = l.nameOf(row, v.([]byte), keys)
				}
			}
		}
		if t.name == "memory_nodes" {
			l.readNodes(t)
		}
	}
	for _, s := range l.stems {
		if s.word == "" {
			l.Underived++
		}
	}
	l.join()
}

func placesOf(v any, place func(int64) int) []int {
	list, _ := v.([]any)
	places := make([]int, len(list))
	for i, old := range list {
		places[i] = place(old.(int64))
	}
	return places
}

// nameOf finds the name behind a look-up value, which a node's own text often is.
func (l *Life) nameOf(row map[string]any, old []byte, keys *keyring.Keys) blinded {
	if text, ok := row["text_sealed"].([]byte); ok {
		name := strings.Join(lexicon.Words(string(text)), " ")
		if slices.Equal(keys.Blind(keyring.EntityName, []byte(name)), old) {
			return blinded{name: name}
		}
	}
	l.Underived++
	return blinded{old: old}
}

// termOf is a stem as memory blinds it.
func termOf(keys *keyring.Keys, word string) int64 {
	return int64(binary.BigEndian.Uint64(keys.Blind(keyring.SearchTerm, []byte(word))))
}

func (l *Life) readNodes(t table) {
	var first, last time.Time
	for _, row := range t.rows {
		n := node{row: row, id: idOf(row["id"]), session: idOf(row["session_id"])}
		n.kind, _ = row["kind"].(string)
		n.model, _ = row["model"].(string)
		n.saidAt, _ = row["said_at"].(time.Time)
		n.terms, _ = row["terms"].([]int)
		n.indexed = row["retracted_at"] == nil && row["indexed_at"] != nil && slices.Contains(searchable, n.kind)
		l.nodes = append(l.nodes, n)
		if first.IsZero() || n.saidAt.Before(first) {
			first = n.saidAt
		}
		if n.saidAt.After(last) {
			last = n.saidAt
		}
	}
	l.span = last.Sub(first)
}

// reach is how many turns before and after count as the conversation around one.
const reach = 10

// join gives turns what was said around them in their session.
func (l *Life) join() {
	sessions := map[uuid.UUID][]*node{}
	for i := range l.nodes {
		if n := &l.nodes[i]; n.kind == "turn" && n.row["retracted_at"] == nil {
			sessions[n.session] = append(sessions[n.session], n)
		}
	}
	for _, turns := range sessions {
		slices.SortFunc(turns, func(a, b *node) int {
			if d := a.saidAt.Compare(b.saidAt); d != 0 {
				return d
			}
			return slices.Compare(a.id[:], b.id[:])
		})
		for i, n := range turns {
			for j := max(0, i-reach); j <= min(len(turns)-1, i+reach); j++ {
				if j == i {
					continue
				}
				n.round = append(n.round, turns[j].terms...)
				if j == i-1 || j == i+1 {
					n.neighbours = append(n.neighbours, turns[j].terms...)
				}
			}
		}
	}
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

// vectorOf reads a vector as the rows hold it.
func vectorOf(plain []byte) []float32 {
	v := make([]float32, len(plain)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(plain[4*i:]))
	}
	return v
}

func bytesOf(v []float32) []byte {
	plain := make([]byte, 0, 4*len(v))
	for _, x := range v {
		plain = binary.LittleEndian.AppendUint32(plain, math.Float32bits(x))
	}
	return plain
}

// termsOf are stems under somebody's keys, for the vector index.
func termsOf(places []int, terms []int64) []vectors.Term {
	list := make([]vectors.Term, len(places))
	for i, at := range places {
		list[i] = vectors.Term(terms[at])
	}
	return list
}
