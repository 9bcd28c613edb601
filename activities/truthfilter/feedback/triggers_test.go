package feedback

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

func TestTriggersAreThePersonsAlone(t *testing.T) {
	s := newScene(t)
	anna, ben := s.person(t), s.person(t)
	for _, person := range []uuid.UUID{anna, ben} {
		require.NoError(t, s.Keys.Create(t.Context(), person))
	}
	of := func(person uuid.UUID) []string {
		t.Helper()
		triggers, err := s.Triggers(t.Context(), person)
		require.NoError(t, err)
		policy, err := NewPolicies(s.Store).Of(t.Context(), person)
		require.NoError(t, err)
		require.Equal(t, triggers, policy.Triggers)
		return triggers
	}
	require.Empty(t, of(anna))
	require.NoError(t, s.SetTriggers(t.Context(), anna, []string{"zebras", "the lift"}))
	require.Equal(t, []string{"zebras", "the lift"}, of(anna))
	require.Empty(t, of(ben))

	require.NoError(t, s.db.Read(t.Context(), anna, func(ctx context.Context, q *queries.Queries) error {
		sealed, err := q.TriggersOf(ctx, anna)
		require.NotContains(t, string(sealed), "zebra")
		return err
	}))
	require.NoError(t, s.SetTriggers(t.Context(), anna, nil))
	require.Empty(t, of(anna))

	err := s.SetTriggers(t.Context(), uuid.New(), []string{"zebras"})
	require.True(t, failure.Is(err, failure.KeyMissing), "%v", err)
}
