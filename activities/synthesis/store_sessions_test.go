package synthesis_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/synthesis"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
)

func TestASessionFromItsBeginningToItsEnd(t *testing.T) {
	s := newStore(t)
	subject := uuid.New()
	created, err := s.CreateSession(t.Context(), subject, "a phone", time.Hour)
	require.NoError(t, err)
	require.Equal(t, synthesis.SessionActive, created.State)
	require.Equal(t, created.CreatedAt.Add(time.Hour), created.ExpiresAt)

	found, err := s.Session(t.Context(), subject, created.ID)
	require.NoError(t, err)
	require.Equal(t, created, found)

	ended, err := s.EndSession(t.Context(), subject, created.ID)
	require.NoError(t, err)
	require.Equal(t, synthesis.SessionEnded, ended.State)
	require.NotNil(t, ended.EndedAt)
	again, err := s.EndSession(t.Context(), subject, created.ID)
	require.NoError(t, err)
	require.Equal(t, ended, again, "the first end counts")
}

func TestASessionExpiresByTheClock(t *testing.T) {
	s := newStore(t)
	subject, id := s.newSession(t)
	session, err := s.Session(t.Context(), subject, id)
	require.NoError(t, err)
	stateAt := func(at time.Time) synthesis.SessionState {
		s.SetClock(func() time.Time { return at })
		session, err := s.Session(t.Context(), subject, id)
		require.NoError(t, err)
		return session.State
	}
	require.Equal(t, synthesis.SessionActive, stateAt(session.ExpiresAt.Add(-time.Microsecond)))
	require.Equal(t, synthesis.SessionExpired, stateAt(session.ExpiresAt))
}

func TestASessionWithoutADeviceHasNothingToOpen(t *testing.T) {
	s := newStore(t)
	created, err := s.CreateSession(t.Context(), uuid.New(), "", time.Hour)
	require.NoError(t, err)
	found, err := s.Session(t.Context(), created.Subject, created.ID)
	require.NoError(t, err)
	require.Equal(t, created, found)
}

func TestWhatIsAnotherPersonsIsNotFound(t *testing.T) {
	s := newStore(t)
	alice, session := s.newSession(t)
	rec := s.accept(t, alice, session, "key")
	bob, bobs := s.newSession(t)
	strangers := map[string]uuid.UUID{"another person": bob, "nobody": uuid.New()}
	for name, stranger := range strangers {
		t.Run(name, func(t *testing.T) {
			_, err := s.Session(t.Context(), stranger, session)
			requireFailure(t, err, failure.NotFound)
			_, err = s.EndSession(t.Context(), stranger, session)
			requireFailure(t, err, failure.NotFound)
			_, _, err = s.Accept(t.Context(), request(stranger, session, "key", "{}"))
			requireFailure(t, err, failure.NotFound)
			_, err = s.Interaction(t.Context(), stranger, session, rec.Ref.Interaction)
			requireFailure(t, err, failure.NotFound)
			_, err = s.Interactions(t.Context(), stranger, session, uuid.Nil, 10)
			requireFailure(t, err, failure.NotFound)
		})
	}
	_, err := s.Interaction(t.Context(), bob, bobs, rec.Ref.Interaction)
	requireFailure(t, err, failure.NotFound)
	found, err := s.Session(t.Context(), alice, session)
	require.NoError(t, err)
	require.Nil(t, found.EndedAt)
}

func TestASubjectIsRegisteredOnceByManyAtOnce(t *testing.T) {
	s := newStore(t)
	subject := uuid.New()
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := s.CreateSession(context.Background(), subject, "a phone", time.Hour); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 16, s.count(t, subject, "sessions"))
}

func TestLostKeysAreNotQuietlyReplaced(t *testing.T) {
	db, _ := shared.Database(t)
	dir := t.TempDir()
	open := func() *synthesis.Store {
		keys, err := keyring.Open(t.Context(), keyring.Options{
			Bucket: "file://" + filepath.Join(dir, "keyring") + "?create_dir=true",
			KEK:    "file://" + filepath.Join(dir, "kek.key"), Logger: enginetest.Logger(t),
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, keys.Close()) })
		return synthesis.NewStore(db, keys)
	}
	created, err := open().CreateSession(t.Context(), uuid.New(), "a phone", time.Hour)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "keyring", "subjects", created.Subject.String())))

	_, err = open().CreateSession(t.Context(), created.Subject, "a phone", time.Hour)
	requireFailure(t, err, failure.KeyMissing)
	_, err = open().Session(t.Context(), created.Subject, created.ID)
	requireFailure(t, err, failure.KeyMissing)
}

func TestDestroyedKeysCloseEverythingThatIsSealed(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "key")
	_, err := s.Deliver(t.Context(), delivery(rec))
	require.NoError(t, err)
	require.NoError(t, s.keys.Destroy(t.Context(), subject))

	_, err = s.Interaction(t.Context(), subject, session, rec.Ref.Interaction)
	requireFailure(t, err, failure.KeyDestroyed)
	_, err = s.Interactions(t.Context(), subject, session, uuid.Nil, 10)
	requireFailure(t, err, failure.KeyDestroyed)
	_, err = s.Session(t.Context(), subject, session)
	requireFailure(t, err, failure.KeyDestroyed)
	_, err = s.CreateSession(t.Context(), subject, "a phone", time.Hour)
	requireFailure(t, err, failure.KeyDestroyed)
	_, _, err = s.Accept(t.Context(), request(subject, session, "another key", "{}"))
	requireFailure(t, err, failure.KeyDestroyed)
}

func TestOnceErasureHasBegunNothingIsWritten(t *testing.T) {
	for _, states := range [][]string{{"freezing"}, {"freezing", "erased"}} {
		t.Run(states[len(states)-1], func(t *testing.T) {
			s := newStore(t)
			subject, session := s.newSession(t)
			rec := s.accept(t, subject, session, "key")
			before := s.rows(t, subject)
			s.setState(t, subject, states...)

			_, err := s.CreateSession(t.Context(), subject, "a phone", time.Hour)
			requireFailure(t, err, failure.SubjectInactive)
			_, err = s.EndSession(t.Context(), subject, session)
			requireFailure(t, err, failure.SubjectInactive)
			_, _, err = s.Accept(t.Context(), request(subject, session, "another key", "{}"))
			requireFailure(t, err, failure.SubjectInactive)
			requireFailure(t, s.Confirm(t.Context(), rec.Ref), failure.SubjectInactive)
			_, err = s.Deliver(t.Context(), delivery(rec))
			requireFailure(t, err, failure.SubjectInactive)
			require.Equal(t, before, s.rows(t, subject))
		})
	}
}
