package people_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/people"
	"meai/internal/failure"
)

// TestAfterAForgettingTheArchivesFromBeforeGiveWayToAFreshOne, where there are any and the bucket lets them.
func TestAfterAForgettingTheArchivesFromBeforeGiveWayToAFreshOne(t *testing.T) {
	s := newScene(t)
	alice, bob := s.newPerson(t, before()), s.newPerson(t, before())
	var answer error
	permit := func(context.Context, uuid.UUID) error { return answer }
	renewal := people.Renewal{Archives: s.Archives, Permit: permit}
	beat := func() {}
	archives := func(subject uuid.UUID) []people.Kept {
		all, err := s.List(t.Context(), subject)
		require.NoError(t, err)
		return all
	}
	require.NoError(t, renewal.Renew(t.Context(), alice.subject, beat))
	require.Empty(t, archives(alice.subject), "who has none gets none")

	others := s.write(t, bob.subject).Name
	s.plant(t, nameAt(alice.subject, time.Now().AddDate(-2, 0, 0)))
	old := s.write(t, alice.subject).Name
	bucket := s.Store
	s.Store = locked{bucket}
	forgotten := time.Now()
	require.NoError(t, renewal.Renew(t.Context(), alice.subject, beat), "a bucket that keeps its objects is no failure")
	n, until, err := renewal.Before(t.Context(), alice.subject, forgotten)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, people.ExpiresAt(old), until)
	s.Store = bucket
	require.NoError(t, renewal.Renew(t.Context(), alice.subject, beat))
	n, _, err = renewal.Before(t.Context(), alice.subject, forgotten.Add(-time.Minute))
	require.NoError(t, err)
	require.Zero(t, n)
	fresh := archives(alice.subject)
	require.Len(t, fresh, 1)
	_, err = s.Read(t.Context(), alice.subject, fresh[0].Name)
	require.NoError(t, err)

	answer = failure.New(failure.ConsentMissing, "no", nil)
	require.NoError(t, renewal.Renew(t.Context(), alice.subject, beat))
	require.Empty(t, archives(alice.subject), "no new one of who does not agree to it")
	require.Equal(t, others, archives(bob.subject)[0].Name)
}
