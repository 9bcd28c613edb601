package alias_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/alias"
	"meai/internal/enginetest"
	"meai/internal/postgres/queries"
)

func TestAnAliasIsOfOnePersonUnderOneKeyring(t *testing.T) {
	keys, other := enginetest.Keyring(t), enginetest.Keyring(t)
	subject := uuid.New()
	a, err := alias.Of(t.Context(), keys, subject)
	require.NoError(t, err)
	again, err := alias.Of(t.Context(), keys, subject)
	require.NoError(t, err)
	require.Equal(t, a, again)
	for _, b := range []func() (alias.Alias, error){
		func() (alias.Alias, error) { return alias.Of(t.Context(), keys, uuid.New()) },
		func() (alias.Alias, error) { return alias.Of(t.Context(), other, subject) },
	} {
		other, err := b()
		require.NoError(t, err)
		require.NotEqual(t, a, other)
	}
	parsed, err := alias.Parse(a.String())
	require.NoError(t, err)
	require.Equal(t, a, parsed)
	for _, bad := range []string{"", a.String()[1:], a.String() + "0", "x" + a.String()[1:]} {
		_, err := alias.Parse(bad)
		require.Error(t, err, bad)
	}
}

func TestPeopleAreFoundByTheirAliasAlsoWhenItWasNeverRecorded(t *testing.T) {
	db, _ := enginetest.Database(t)
	keys := enginetest.Keyring(t)
	var people []uuid.UUID
	for range 3 {
		subject := uuid.New()
		require.NoError(t, db.EnsureSubject(t.Context(), subject))
		people = append(people, subject)
	}
	find := func(a alias.Alias) (subject uuid.UUID, ok bool) {
		require.NoError(t, db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) (err error) {
			subject, ok, err = alias.Find(ctx, q, keys, a)
			return err
		}))
		return subject, ok
	}
	for _, subject := range people {
		a, err := alias.Of(t.Context(), keys, subject)
		require.NoError(t, err)
		found, ok := find(a)
		require.True(t, ok)
		require.Equal(t, subject, found)
	}
	stranger, err := alias.Of(t.Context(), keys, uuid.New())
	require.NoError(t, err)
	_, ok := find(stranger)
	require.False(t, ok)
}
