package escalation_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/escalation"
)

func TestACaseForgetsWhoIsErasedAndGoesOn(t *testing.T) {
	s := newScene(t)
	gone, stays := somebody(), somebody()
	open := s.raise(t, gone)
	again := s.raise(t, escalation.Person{Subject: gone.Subject, Interaction: uuid.New()})
	other := s.raise(t, stays)
	closed := s.raise(t, escalation.Person{Subject: gone.Subject, Interaction: uuid.New()})
	who := duty()
	_, err := s.Store.Acknowledge(t.Context(), who, again)
	require.NoError(t, err)
	_, err = s.Store.Close(t.Context(), who, closed, escalation.Handled)
	require.NoError(t, err)

	n, err := s.Store.CountAbout(t.Context(), gone.Subject)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	n, err = s.Store.Forget(t.Context(), gone.Subject)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	for _, id := range []uuid.UUID{open, again} {
		c, err := s.Store.Case(t.Context(), who, id)
		require.NoError(t, err)
		require.Nil(t, c.Person)
		require.Equal(t, about, c.About, "what it is about stays")
		_, err = s.Store.Close(t.Context(), who, id, escalation.Unreachable)
		require.NoError(t, err)
	}
	c, err := s.Store.Case(t.Context(), who, other)
	require.NoError(t, err)
	require.Equal(t, &stays, c.Person)
	n, err = s.Store.Forget(t.Context(), gone.Subject)
	require.NoError(t, err)
	require.Zero(t, n)
}
