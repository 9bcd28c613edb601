package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// mostKnown bounds how many facts are read at once.
const mostKnown = 1000

// AsOf is a point on both axes of time; zero means now.
type AsOf struct {
	// At is when something has to hold, Known when it has to be known.
	At, Known time.Time
}

func (t AsOf) orNow(now time.Time) AsOf {
	if t.At.IsZero() {
		t.At = now
	}
	if t.Known.IsZero() {
		t.Known = now
	}
	return t
}

// Named is an entity in short.
type Named struct {
	ID   uuid.UUID `json:"id"`
	Text string    `json:"text"`
}

// Edge is how two memories relate.
type Edge struct {
	ID       uuid.UUID `json:"id"`
	From     uuid.UUID `json:"from"`
	To       uuid.UUID `json:"to"`
	Relation string    `json:"relation"`
	// Label says what a fact states between the two, such as "lives in"; "" for other edges.
	Label string `json:"label,omitempty"`
	// Strength is in [0, 1].
	Strength  float64   `json:"strength"`
	ValidFrom time.Time `json:"valid_from"`
	Span      Span      `json:"span"`
	// ClosedBy is the fact that took its place, or the turn that denied it.
	ClosedBy uuid.UUID `json:"closed_by,omitzero"`
	// Evidence are the turns that a fact rests on.
	Evidence []uuid.UUID `json:"evidence,omitempty"`
	// Inferred: a model's reading, not the person's plain words.
	Inferred bool `json:"inferred,omitempty"`
}

// Fact is an edge with its two ends.
type Fact struct {
	Edge
	Subject, Object Named
}

// Facts are what a person stated, as it held and was known at a time: the latest first, at
// most 1000. With an entity only what is about it.
func (g *Graph) Facts(ctx context.Context, subject uuid.UUID, t AsOf, entity uuid.UUID) ([]Fact, error) {
	keys, err := g.keys.Keys(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read the facts of %s: %w", subject, err)
	}
	t = t.orNow(time.Now())
	var facts []Fact
	err = g.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.FactsAsOf(ctx, queries.FactsAsOfParams{
			SubjectID: subject, At: t.At, Known: t.Known, Entity: unlessZero(entity), AtMost: mostKnown,
		})
		for _, row := range rows {
			f := Fact{Subject: Named{ID: row.MemoryEdge.FromID}, Object: Named{ID: row.MemoryEdge.ToID}}
			var errs [3]error
			f.Edge, errs[0] = openEdge(keys, row.MemoryEdge, row.Evidence)
			f.Subject.Text, errs[1] = openText(keys, f.Subject.ID, row.SubjectSealed)
			f.Object.Text, errs[2] = openText(keys, f.Object.ID, row.ObjectSealed)
			for _, err := range errs {
				if err != nil {
					return err
				}
			}
			facts = append(facts, f)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the facts of %s: %w", subject, err)
	}
	return facts, nil
}

// Page is a part of a person's graph: memories in the order of their ids, and the edges
// that begin at them.
type Page struct {
	Memories []Memory
	Edges    []Edge
}

// mostEdges bounds the edges of one page.
const mostEdges = 20_000

// Whole reads the graph page by page: what follows a memory, without the vault. A page
// that is not full is the last.
func (g *Graph) Whole(ctx context.Context, subject uuid.UUID, t AsOf, after uuid.UUID, limit int) (Page, error) {
	keys, err := g.keys.Keys(ctx, subject)
	if err != nil {
		return Page{}, fmt.Errorf("read the graph of %s: %w", subject, err)
	}
	t = t.orNow(time.Now())
	var page Page
	err = g.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.NodesAsOf(ctx, queries.NodesAsOfParams{SubjectID: subject, After: after, At: t.At, Known: t.Known, Page: int32(limit)})
		if err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(rows))
		for i, row := range rows {
			n, err := opened(keys, row)
			if err != nil {
				return err
			}
			ids[i], page.Memories = n.id, append(page.Memories, n.memory(0))
		}
		edges, err := q.EdgesAsOf(ctx, queries.EdgesAsOfParams{SubjectID: subject, Nodes: ids, At: t.At, Known: t.Known, AtMost: mostEdges})
		if err != nil {
			return err
		}
		for _, row := range edges {
			e, err := openEdge(keys, row.MemoryEdge, row.Evidence)
			if err != nil {
				return err
			}
			page.Edges = append(page.Edges, e)
		}
		return nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("read the graph of %s: %w", subject, err)
	}
	return page, nil
}

// Memory is one memory, also one that was taken back. Errors: [failure.NotFound], as for
// what is in the vault.
func (g *Graph) Memory(ctx context.Context, subject, id uuid.UUID) (m Memory, err error) {
	keys, err := g.keys.Keys(ctx, subject)
	if err != nil {
		return Memory{}, fmt.Errorf("read a memory of %s: %w", subject, err)
	}
	err = g.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.MemoryNode(ctx, subject, id)
		if err := unlessFound(err, "memory"); err != nil {
			return err
		}
		if Kind(row.Kind) == Vault {
			return noMemory()
		}
		n, err := opened(keys, row)
		m = n.memory(0)
		return err
	})
	if err != nil {
		return Memory{}, fmt.Errorf("read a memory of %s: %w", subject, err)
	}
	return m, nil
}

func openEdge(keys *keyring.Keys, row queries.MemoryEdge, evidence []uuid.UUID) (Edge, error) {
	e := Edge{
		ID: row.ID, From: row.FromID, To: row.ToID, Relation: row.Relation, Strength: float64(row.Strength), ValidFrom: row.ValidFrom.UTC(),
		Span: spanOf(row.RecordedAt, row.ValidTo, row.ClosedAt, row.RetractedAt, row.Reason), Evidence: evidence, Inferred: row.Inferred,
		ClosedBy: valueOf(row.ClosedBy),
	}
	if row.LabelSealed == nil {
		return e, nil
	}
	label, err := keys.Open(row.LabelSealed, factPlace(row.ID))
	if err != nil {
		return Edge{}, fmt.Errorf("read fact %s: %w", row.ID, err)
	}
	e.Label = string(label)
	return e, nil
}

func openText(keys *keyring.Keys, id uuid.UUID, sealed []byte) (string, error) {
	text, err := keys.Open(sealed, place("text_sealed", id))
	if err != nil {
		return "", fmt.Errorf("read memory %s: %w", id, err)
	}
	return string(text), nil
}
