package synthesis_test

import (
	"context"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/synthesis"
	"meai/internal/failure"
)

func TestARepeatedRequestFindsItsInteraction(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	first, fresh, err := s.Accept(t.Context(), request(subject, session, "key", `{"words":"hello"}`))
	require.NoError(t, err)
	require.True(t, fresh)
	require.Equal(t, interaction.Received, first.State)

	repeat := func() synthesis.Record {
		again, fresh, err := s.Accept(t.Context(), request(subject, session, "key", `{"words":"hello"}`))
		require.NoError(t, err)
		require.False(t, fresh)
		require.Equal(t, first.Ref, again.Ref)
		require.Equal(t, first.AcceptedAt, again.AcceptedAt)
		return again
	}
	require.Equal(t, interaction.Received, repeat().State)
	require.NoError(t, s.Confirm(t.Context(), first.Ref))
	require.Equal(t, interaction.Accepted, repeat().State)
	_, err = s.Deliver(t.Context(), delivery(first))
	require.NoError(t, err)
	answered := repeat()
	require.Equal(t, interaction.Answered, answered.State)
	require.Equal(t, theirAnswer, answered.Answer.Text)
	require.Equal(t, 1, s.count(t, subject, "interactions"))
}

func TestWhatFollowsNothingIsRefusedAndLeavesNothing(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	bob, bobs := s.newSession(t)
	follows := request(subject, session, "key", "{}")
	for _, unknown := range []uuid.UUID{uuid.New(), s.accept(t, bob, bobs, "key").Ref.Interaction} {
		follows.Previous = &unknown
		_, _, err := s.Accept(t.Context(), follows)
		require.ErrorIs(t, err, synthesis.ErrNoPrevious)
	}
	require.Zero(t, s.count(t, subject, "interactions"))
	require.Zero(t, s.count(t, subject, "idempotency_keys"))

	before := s.accept(t, subject, session, "before").Ref.Interaction
	follows.Previous = &before
	_, fresh, err := s.Accept(t.Context(), follows)
	require.NoError(t, err)
	require.True(t, fresh, "the refused key is free")
}

func TestAKeyMeansOneRequest(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	other, err := s.CreateSession(t.Context(), subject, "", time.Hour)
	require.NoError(t, err)
	s.accept(t, subject, session, "key")

	_, _, err = s.Accept(t.Context(), request(subject, session, "key", `{"other":"body"}`))
	requireFailure(t, err, failure.IdempotencyConflict)
	_, _, err = s.Accept(t.Context(), request(subject, other.ID, "key", "{}"))
	requireFailure(t, err, failure.IdempotencyConflict)
	require.Equal(t, 1, s.count(t, subject, "interactions"))

	_, _, err = s.Accept(t.Context(), request(subject, session, "", "{}"))
	requireFailure(t, err, failure.InvalidInput)

	bob, bobs := s.newSession(t)
	s.accept(t, bob, bobs, "key") // keys of different people do not meet
}

func TestASessionThatIsOverTakesRepeatsOnly(t *testing.T) {
	overs := map[string]func(*testing.T, scene, uuid.UUID, uuid.UUID){
		"ended": func(t *testing.T, s scene, subject, session uuid.UUID) {
			_, err := s.EndSession(t.Context(), subject, session)
			require.NoError(t, err)
		},
		"expired": func(_ *testing.T, s scene, _, _ uuid.UUID) {
			s.SetClock(func() time.Time { return time.Now().Add(time.Hour) })
		},
	}
	for name, end := range overs {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			subject, session := s.newSession(t)
			first := s.accept(t, subject, session, "key")
			end(t, s, subject, session)

			again, fresh, err := s.Accept(t.Context(), request(subject, session, "key", "{}"))
			require.NoError(t, err)
			require.False(t, fresh)
			require.Equal(t, first.Ref, again.Ref)
			_, _, err = s.Accept(t.Context(), request(subject, session, "new key", "{}"))
			requireFailure(t, err, failure.SessionExpired)
			require.Equal(t, 1, s.count(t, subject, "idempotency_keys"))

			_, err = s.Deliver(t.Context(), delivery(first))
			require.NoError(t, err, "what was accepted is answered")
		})
	}
	s := newStore(t)
	subject, _ := s.newSession(t)
	_, _, err := s.Accept(t.Context(), request(subject, uuid.New(), "key", "{}"))
	requireFailure(t, err, failure.NotFound)
}

func TestOfSimultaneousRequestsOneIsFresh(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	const clients = 32
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		fresh int
		refs  = map[interaction.Ref]int{}
	)
	for range clients {
		group.Go(func() {
			rec, isFresh, err := s.Accept(context.Background(), request(subject, session, "key", "{}"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			refs[rec.Ref]++
			if isFresh {
				fresh++
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, fresh)
	require.Len(t, refs, 1)
	require.Equal(t, 1, s.count(t, subject, "interactions"))
	require.Equal(t, 1, s.count(t, subject, "idempotency_keys"))
}

func TestTheWorkflowIDNamesThePersonAndHidesTheKey(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "walk-with-anna")
	require.Regexp(t, regexp.MustCompile("^person/"+subject.String()+"/interaction/[0-9a-f]{64}$"), rec.Ref.Workflow)
	for _, row := range s.rows(t, subject) {
		require.NotContains(t, row, "walk-with-anna")
	}
	other := s.accept(t, subject, session, "another key")
	require.NotEqual(t, rec.Ref.Workflow, other.Ref.Workflow)
}

func TestConfirmingDoesNotUndoAnAnswer(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "key")
	_, err := s.Deliver(t.Context(), delivery(rec))
	require.NoError(t, err)
	require.NoError(t, s.Confirm(t.Context(), rec.Ref), "a late confirmation")
	found, err := s.Interaction(t.Context(), subject, session, rec.Ref.Interaction)
	require.NoError(t, err)
	require.Equal(t, interaction.Answered, found.State)
}
