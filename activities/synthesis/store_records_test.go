package synthesis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/internal/failure"
)

func TestInteractionsAreListedInPagesNewestFirst(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	other, err := s.CreateSession(t.Context(), subject, "", time.Hour)
	require.NoError(t, err)
	var want []uuid.UUID
	for n := range 7 {
		rec := s.accept(t, subject, session, fmt.Sprint(n))
		want = append([]uuid.UUID{rec.Ref.Interaction}, want...)
		if n%2 == 0 {
			_, err := s.Deliver(t.Context(), delivery(rec))
			require.NoError(t, err)
		}
		s.accept(t, subject, other.ID, fmt.Sprint("other ", n))
	}

	var got []uuid.UUID
	var before uuid.UUID
	for _, size := range []int{3, 3, 1, 0} {
		page, err := s.Interactions(t.Context(), subject, session, before, 3)
		require.NoError(t, err)
		require.Len(t, page, size)
		for _, rec := range page {
			got = append(got, rec.Ref.Interaction)
			if rec.State == interaction.Answered {
				require.Equal(t, theirWords, rec.Words)
				require.Len(t, rec.Steps, 3)
			} else {
				require.Nil(t, rec.Answer)
				require.Empty(t, rec.Steps)
			}
			before = rec.Ref.Interaction
		}
	}
	require.Equal(t, want, got)
}

func TestTheLimitOfAPageIsBounded(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	for n := range 3 {
		s.accept(t, subject, session, fmt.Sprint(n))
	}
	for limit, size := range map[int]int{-1: 1, 0: 1, 2: 2, 1 << 40: 3} {
		page, err := s.Interactions(t.Context(), subject, session, uuid.Nil, limit)
		require.NoError(t, err)
		require.Len(t, page, size, "limit %d", limit)
	}
}

func TestAnEmptySessionHasNoInteractions(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	page, err := s.Interactions(t.Context(), subject, session, uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, page)
	_, err = s.Interactions(t.Context(), subject, uuid.New(), uuid.Nil, 10)
	requireFailure(t, err, failure.NotFound)
	_, err = s.Interaction(t.Context(), subject, session, uuid.New())
	requireFailure(t, err, failure.NotFound)
}

// Ids come from the clocks of several processes, which never quite agree.
func TestInteractionsAreListedAlthoughClocksDiffer(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "key")
	early := rec
	ms := time.Now().Add(-time.Minute).UnixMilli() // before the session's own beginning
	for i := range 6 {
		early.Ref.Interaction[i] = byte(ms >> (40 - 8*i))
	}
	_, err := s.Deliver(t.Context(), delivery(early))
	require.NoError(t, err)
	page, err := s.Interactions(t.Context(), subject, session, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, page, 2)
}
