package upkeep_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/upkeep"
	"meai/internal/enginetest"
)

func TestPartitionsAreExtendedOnce(t *testing.T) {
	db, urls := enginetest.Database(t)
	owner, err := pgx.Connect(t.Context(), urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, owner.Close(t.Context())) }()
	var newest string
	require.NoError(t, owner.QueryRow(t.Context(),
		"select max(relname) from pg_class where relname ~ '^interactions_h0_[0-9]{4}q[1-4]$'").Scan(&newest))
	_, err = owner.Exec(t.Context(), "drop table "+newest) // as if the quarter had passed since the migration
	require.NoError(t, err)

	acts := &upkeep.Activities{DB: db}
	for _, want := range []int{1, 0} {
		done, err := acts.ExtendPartitions(t.Context(), struct{}{})
		require.NoError(t, err)
		require.Equal(t, want, done.Created)
	}
	var exists bool
	require.NoError(t, owner.QueryRow(t.Context(), "select to_regclass($1) is not null", newest).Scan(&exists))
	require.True(t, exists)
}
