package memory_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/postgres/queries"
)

// dissolves does what forgetting does to the patterns that rest on some turns.
func (p *person) dissolves(t *testing.T, turns ...uuid.UUID) []uuid.UUID {
	t.Helper()
	keys, err := p.w.keys.Keys(t.Context(), p.id)
	require.NoError(t, err)
	var removed []uuid.UUID
	require.NoError(t, p.w.db.Write(t.Context(), p.id, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, p.id); err != nil {
			return err
		}
		removed, err = memory.DissolvePatterns(ctx, q, keys, turns)
		return err
	}))
	return removed
}

// turnOf is the turn among the nodes of an interaction.
func (p *person) turnOf(t *testing.T, kept memory.Remembered) (turn uuid.UUID) {
	t.Helper()
	keys, err := p.w.keys.Keys(t.Context(), p.id)
	require.NoError(t, err)
	require.NoError(t, p.w.db.Read(t.Context(), p.id, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.MemoriesByID(ctx, keys.Subject(), kept.Nodes)
		for _, row := range rows {
			if row.Kind == string(memory.Turn) {
				turn = row.ID
			}
		}
		return err
	}))
	require.NotZero(t, turn)
	return turn
}

func TestPatternsDissolveWithTheTurnsThatTheyRestOn(t *testing.T) {
	w := newWorld(t)
	p, other := w.newPerson(t), w.newPerson(t)
	for _, who := range []*person{p, other} {
		who.says(t, "I argued with Tom about the dishes.")
		who.clock = who.clock.AddDate(0, 0, 1)
		who.says(t, "I wrote to Tom that I am leaving.")
		who.says(t, "Then Tom rang.")
	}
	harmless := p.turnOf(t, p.says(t, "It rained all day."))
	resting := p.turnOf(t, p.says(t, "I shouted at Tom about money."))
	require.Equal(t, 1, p.consolidates(t).Echoes)
	require.Equal(t, 1, other.consolidates(t).Echoes)

	require.Empty(t, p.dissolves(t, harmless), "nothing rests on it")
	require.Empty(t, other.dissolves(t, resting), "another person's turn")
	require.Len(t, p.dissolves(t, resting), 1)
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'echo'"))
	require.Empty(t, p.dissolves(t, resting), "a retry finds nothing left to do")
	require.Equal(t, 1, other.count(t, "select count(*) from memory_nodes where kind = 'echo'"))

	require.Equal(t, 1, p.consolidates(t).Echoes, "three other turns still show it")
}
