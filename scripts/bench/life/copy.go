package life

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/keyring"
	"meai/internal/vectors"
)

// noise is the length of what is added to a vector of length 1: the cosine between a
// vector and its copy is about 0.97, as between two sentences that say nearly the same.
const noise = 0.25

// Copy is a life as another person's.
type Copy struct {
	subject uuid.UUID
	tables  []copied
	// Objects are what the vector index holds of it.
	Objects []vectors.Object
}

type copied struct {
	name    string
	columns []string
	rows    [][]any
}

// copying is a copy on its way.
type copying struct {
	life  *Life
	keys  *keyring.Keys
	nth   int
	terms []int64
	ids   map[uuid.UUID]uuid.UUID
	// named are the nodes that a person has once, however often a life is copied.
	named  map[uuid.UUID]bool
	random *rand.Rand
	back   time.Duration
}

// As makes the life the nth of a person, who may have several: each lies before the
// one before. Entities and patterns of the same name are the same node in all of them.
func (l *Life) As(keys *keyring.Keys, nth int) (*Copy, error) {
	subject := keys.Subject()
	const gap = 24 * time.Hour
	c := &copying{
		life: l, keys: keys, nth: nth, terms: make([]int64, len(l.stems)),
		ids: map[uuid.UUID]uuid.UUID{}, named: map[uuid.UUID]bool{}, back: time.Duration(nth) * (l.span + gap),
		random: rand.New(rand.NewPCG(binary.BigEndian.Uint64(subject[:8]), uint64(nth))),
	}
	for i, s := range l.stems {
		if c.terms[i] = s.old; s.word != "" {
			c.terms[i] = termOf(keys, s.word)
		} else {
			c.terms[i] = int64(binary.BigEndian.Uint64(keys.Blind(keyring.SearchTerm, strconv.AppendInt(nil, s.old, 10))))
		}
	}
	for _, n := range l.nodes {
		if b, ok := n.row["name_hmac"].(blinded); ok {
			c.named[n.id] = true
			c.ids[n.id] = uuid.NewSHA1(subject, append([]byte(n.kind), c.blind(b)...))
		}
	}
	out := &Copy{subject: subject}
	vectorsByID := map[uuid.UUID][]float32{}
	for _, t := range l.tables {
		done := copied{name: t.name, columns: t.columns, rows: make([][]any, len(t.rows))}
		for i, row := range t.rows {
			c.nameEdge(t.name, row)
			values, err := c.row(t, row, vectorsByID)
			if err != nil {
				return nil, fmt.Errorf("copy a row of %s: %w", t.name, err)
			}
			done.rows[i] = values
		}
		out.tables = append(out.tables, done)
	}
	for _, n := range l.nodes {
		if !n.indexed || (nth > 0 && c.named[n.id]) {
			continue
		}
		out.Objects = append(out.Objects, vectors.Object{
			ID: c.id(n.id), Kind: n.kind, SaidAt: n.saidAt.Add(-c.back), Model: n.model, Vector: vectorsByID[n.id],
			Turn: termsOf(n.terms, c.terms), Neighbours: termsOf(n.neighbours, c.terms),
		})
	}
	return out, nil
}

// nameEdge gives an edge between two nodes that a person has once an id that it has once.
func (c *copying) nameEdge(table string, row map[string]any) {
	if table != "memory_edges" || !c.named[idOf(row["from_id"])] || !c.named[idOf(row["to_id"])] {
		return
	}
	from, to := c.id(idOf(row["from_id"])), c.id(idOf(row["to_id"]))
	name := append(append(from[:], to[:]...), fmt.Sprint(row["relation"])...)
	if slot, ok := row["slot_hmac"].(blinded); ok {
		name = append(name, c.blind(slot)...)
	}
	c.ids[idOf(row["id"])] = uuid.NewSHA1(c.keys.Subject(), name)
}

// row is a row as the other person's. A node's new vector is left in made.
func (c *copying) row(t table, row map[string]any, made map[uuid.UUID][]float32) ([]any, error) {
	values := make([]any, len(t.columns))
	for i, column := range t.columns {
		v := row[column]
		if sealed, ok := t.sealed[column]; ok && v != nil {
			plain := v.([]byte)
			if column == "vector_sealed" {
				vector := c.shaken(vectorOf(plain))
				made[idOf(row[sealed.Key])] = vector
				plain = bytesOf(vector)
			}
			fresh, err := c.keys.Seal(plain, keyring.Location{Table: t.name, Column: sealed.As, Row: c.id(idOf(row[sealed.Key]))})
			if err != nil {
				return nil, err
			}
			values[i] = fresh
			continue
		}
		values[i] = c.value(column, v)
	}
	return values, nil
}

func (c *copying) value(column string, v any) any {
	switch v := v.(type) {
	case [16]byte:
		if column == "subject_id" {
			return c.keys.Subject()
		}
		return c.id(v)
	case blinded:
		return c.blind(v)
	case int: // of "term"
		return c.terms[v]
	case []int: // of "terms"
		terms := make([]int64, len(v))
		for i, at := range v {
			terms[i] = c.terms[at]
		}
		return terms
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = c.value("", one)
		}
		return list
	case time.Time:
		if strings.HasSuffix(column, "said_at") || strings.HasPrefix(column, "valid_") || strings.HasPrefix(column, "about_") {
			return v.Add(-c.back)
		}
		return v
	default:
		return v
	}
}

// id is the other person's id of a thing.
func (c *copying) id(old uuid.UUID) uuid.UUID {
	id, ok := c.ids[old]
	if !ok {
		id = uuid.NewSHA1(c.keys.Subject(), append(strconv.AppendInt(nil, int64(c.nth), 10), old[:]...))
		c.ids[old] = id
	}
	return id
}

func (c *copying) blind(b blinded) []byte {
	if b.old != nil {
		return c.keys.Blind(keyring.EntityName, b.old)
	}
	return c.keys.Blind(keyring.EntityName, []byte(b.name))
}

// shaken is a vector with noise, of length 1 again.
func (c *copying) shaken(v []float32) []float32 {
	scale, sum := noise/math.Sqrt(float64(len(v))), 0.0
	moved := make([]float32, len(v))
	for i, x := range v {
		y := float64(x) + scale*c.random.NormFloat64()
		moved[i], sum = float32(y), sum+y*y
	}
	for i := range moved {
		moved[i] /= float32(math.Sqrt(sum))
	}
	return moved
}

// Insert writes the rows in one transaction: by COPY into temporary tables, which
// row-level security does not guard, and from there under it. What is there stays.
func (c *Copy) Insert(ctx context.Context, conn *pgx.Conn) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('app.subject', $1, true)", c.subject.String()); err != nil {
			return err
		}
		for _, t := range c.tables {
			table, staging := pgx.Identifier{t.name}.Sanitize(), "staging_"+t.name
			quoted := pgx.Identifier{staging}.Sanitize()
			if _, err := tx.Exec(ctx, "create temporary table if not exists "+quoted+" (like "+table+") on commit delete rows"); err != nil {
				return fmt.Errorf("stage %s: %w", t.name, err)
			}
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{staging}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
				return fmt.Errorf("copy %s: %w", t.name, err)
			}
			if _, err := tx.Exec(ctx, "insert into "+table+" select * from "+quoted+" on conflict do nothing"); err != nil {
				return fmt.Errorf("insert %s: %w", t.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write a life of %s: %w", c.subject, err)
	}
	return nil
}
