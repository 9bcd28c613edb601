package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

const (
	// deepest and widest bound a walk through the graph to 8,000 paths.
	deepest = 3
	widest  = 20
)

// Graph reads one person's memories as a graph. It is safe for concurrent use.
type Graph struct {
	db   *postgres.DB
	keys *keyring.Keyring
}

// NewGraph returns a reader of the memory graph.
func NewGraph(db *postgres.DB, keys *keyring.Keyring) *Graph { return &Graph{db: db, keys: keys} }

// Relation is a memory that was reached from another.
type Relation struct {
	Memory Memory `json:"memory"`
	// Name of the edge by which it was reached, such as "about" or "follows".
	Name string `json:"relation"`
	// Strength of that edge, in [0, 1].
	Strength float64 `json:"strength"`
	// Depth is the number of edges from the start.
	Depth int `json:"depth"`
}

// Related walks from a memory along its current edges, in both directions, and
// returns what it reaches: nearest first, then strongest. From each memory only
// the fanout strongest edges are followed. depth is at most 3, fanout at most 20;
// more is cut down. Memories in the vault are left out. Another person's memory
// has no relations.
func (g *Graph) Related(ctx context.Context, subject, node uuid.UUID, depth, fanout int) ([]Relation, error) {
	keys, err := g.keys.Keys(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("walk the memories of %s: %w", subject, err)
	}
	var related []Relation
	err = g.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		reached, err := q.RelatedMemories(ctx, queries.RelatedMemoriesParams{
			SubjectID: subject, NodeID: node,
			Depth: int32(min(max(depth, 1), deepest)), Fanout: int32(min(max(fanout, 1), widest)),
		})
		if err != nil {
			return fmt.Errorf("walk from memory %s: %w", node, err)
		}
		related, err = readRelated(ctx, q, keys, reached)
		return err
	})
	return related, err
}

func readRelated(ctx context.Context, q *queries.Queries, keys *keyring.Keys, reached []queries.RelatedMemoriesRow) ([]Relation, error) {
	steps := make(map[uuid.UUID]queries.RelatedMemoriesRow, len(reached))
	ids := make([]uuid.UUID, len(reached))
	for i, r := range reached {
		steps[r.ID], ids[i] = r, r.ID
	}
	rows, err := q.MemoriesByID(ctx, keys.Subject(), ids)
	if err != nil {
		return nil, fmt.Errorf("read %d related memories: %w", len(ids), err)
	}
	var related []Relation
	for _, row := range rows {
		n, err := opened(keys, row)
		if err != nil {
			return nil, err
		}
		if n.kind == Vault {
			continue
		}
		step := steps[n.id]
		related = append(related, Relation{
			Memory: n.memory(0), Name: step.Relation, Strength: float64(step.Strength), Depth: int(step.Depth),
		})
	}
	slices.SortFunc(related, func(a, b Relation) int {
		return cmp.Or(a.Depth-b.Depth, cmp.Compare(b.Strength, a.Strength), b.Memory.SaidAt.Compare(a.Memory.SaidAt),
			slices.Compare(a.Memory.ID[:], b.Memory.ID[:]))
	})
	return related, nil
}
