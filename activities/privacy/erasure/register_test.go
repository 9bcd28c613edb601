package erasure_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/erasure"
	"meai/activities/privacy/requests"
)

// A crash between ledger and register, or a restore, leaves an erasure that is not registered.
func TestAnErasureWithoutItsEntryIsRegisteredAndGoesThrough(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	register := s.Store.Register
	s.Store.Register = erasure.Register{}
	ref := s.request(t, subject)
	s.Store.Register = register
	_, err := s.rights.Request(t.Context(), ref.ID)
	require.Error(t, err)

	do(t, s, s.Look, ref)
	require.Equal(t, subject, s.registered(t, ref).Subject)
	_, err = connect(t, s.urls.Owner).Exec(t.Context(), "delete from privacy_requests")
	require.NoError(t, err)
	require.Equal(t, erasure.Freezing, do(t, s, s.Freeze, ref).State)
	e, err := s.Store.Erasure(t.Context(), ref.ID)
	require.NoError(t, err)
	require.Equal(t, e.CoolingUntil.UTC().Add(72*time.Hour), s.registered(t, ref).PromisedAt)
	s.prepare(t, ref)
	s.destroy(t, ref)
	s.empty(t, ref)
	s.finish(t, ref)
	require.Equal(t, requests.Completed, s.registered(t, ref).State)
	require.Zero(t, s.registered(t, ref).Subject)
}

func TestAnErasureEndsWhateverBecameOfItsEntry(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	ref := s.request(t, subject)
	s.prepare(t, ref)
	require.NoError(t, s.rights.Finish(t.Context(), ref.ID, requests.Refused, "unfounded"), "somebody has closed it by hand")
	s.destroy(t, ref)
	s.empty(t, ref)
	s.finish(t, ref)
	require.Equal(t, requests.Refused, s.registered(t, ref).State)

	s.lateWrite(t, subject)
	do(t, s, s.Sweep, struct{}{})
	again := erasure.Ref{ID: s.begun[0]} // nobody has asked for it, so it is not registered
	s.destroy(t, again)
	s.empty(t, again)
	s.finish(t, again)
}

func TestNothingIsPromisedWhileALegalHoldForbidsToErase(t *testing.T) {
	s := newScene(t)
	ref := s.request(t, s.newPerson(t))
	first := s.registered(t, ref).PromisedAt
	require.False(t, first.IsZero())
	s.held = true
	do(t, s, s.Look, ref)
	require.Zero(t, s.registered(t, ref).PromisedAt)
	s.held = false
	released := time.Now()
	do(t, s, s.Look, ref)
	s.prepare(t, ref)
	promised := s.registered(t, ref).PromisedAt
	require.WithinRange(t, promised, released.Add(72*time.Hour), time.Now().Add(72*time.Hour))
	require.Equal(t, erasure.Ending, do(t, s, s.Freeze, ref).State)
	require.Equal(t, promised, s.registered(t, ref).PromisedAt, "it counts from one moment")

	s.held = true
	require.Equal(t, erasure.Held, do(t, s, s.PassPoint, ref).State)
	require.Zero(t, s.registered(t, ref).PromisedAt, "one that comes at the last moment")
}
