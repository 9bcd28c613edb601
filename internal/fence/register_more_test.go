package fence_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

func releasesWithProof(t *testing.T, s subject) {
	begin(t, s, fence.Async)
	lease, holder, _ := primary(t, s.one)
	proof := fence.Proof{Clean: true, Epoch: 1, LSN: 0x16_B374D848, At: time.Now().UTC().Truncate(time.Second)}
	stranger := fence.Holder{Region: "a", Epoch: 1, Nonce: fence.NewNonce()}
	require.ErrorIs(t, s.other.Release(t.Context(), stranger, fence.Lease{}, proof), fence.ErrConflict)
	require.True(t, read(t, s.other).Primary.Exists())

	require.NoError(t, s.one.Release(t.Context(), holder, lease, proof))
	require.NoError(t, s.one.Release(t.Context(), holder, lease, fence.Proof{}), "again")
	after := read(t, s.other)
	require.False(t, after.Primary.Exists())
	require.Equal(t, holder, after.Last.Value.Holder)
	require.True(t, after.Last.Value.Stopped)
	require.Equal(t, proof, after.Last.Value.Proof)
	_, _, err := s.one.Renew(t.Context(), lease)
	require.ErrorIs(t, err, fence.ErrLost)
}

func aProofGoesOn(t *testing.T, s subject) {
	begin(t, s, fence.Async)
	lease, holder, _ := primary(t, s.one)
	proof := fence.Proof{Clean: true, Epoch: 1, LSN: 7}
	fail(t, s.other, "b")
	require.NoError(t, s.one.Release(t.Context(), holder, lease, proof))
	lease, holder, after := primary(t, s.other)
	require.Equal(t, proof, after.Last.Value.Before)
	require.False(t, after.Last.Value.Stopped)
	require.NoError(t, s.other.Release(t.Context(), holder, lease, fence.Proof{Epoch: 2, LSN: 9}))
	_, _, after = primary(t, s.other)
	require.Equal(t, proof, after.Last.Value.Before, "the same epoch, taken again")
}

func theModeIsThePrimarys(t *testing.T, s subject) {
	first := begin(t, s, fence.Sync)
	degraded := fence.Mode{Replication: fence.Degraded, Region: "a", Epoch: 1, Since: time.Now().UTC()}
	nobody := fence.Holder{Region: "a", Epoch: 1, Nonce: fence.NewNonce()}
	require.ErrorIs(t, s.one.SetMode(t.Context(), first, nobody, degraded), fence.ErrConflict)

	lease, holder, acquired := primary(t, s.one)
	require.ErrorIs(t, s.one.SetMode(t.Context(), acquired, nobody, degraded), fence.ErrConflict)
	require.NoError(t, s.one.SetMode(t.Context(), acquired, holder, degraded))
	require.NoError(t, s.one.SetMode(t.Context(), acquired, holder, degraded), "again")
	now := read(t, s.other)
	require.Equal(t, fence.Degraded, now.Mode.Value.Replication)
	require.ErrorIs(t, s.one.SetMode(t.Context(), acquired, holder, fence.Mode{Replication: fence.Sync}), fence.ErrConflict, "it changed since")

	fail(t, s.other, "b")
	require.ErrorIs(t, s.one.SetMode(t.Context(), now, holder, fence.Mode{Replication: fence.Sync}), fence.ErrConflict, "no longer desired")
	require.NoError(t, s.one.Release(t.Context(), holder, lease, fence.Proof{}))
	require.ErrorIs(t, s.one.SetMode(t.Context(), read(t, s.one), holder, fence.Mode{Replication: fence.Sync}), fence.ErrConflict, "no longer primary")
}

func watches(t *testing.T, s subject) {
	signals := s.other.Watch(t.Context())
	hears := func(what string) {
		t.Helper()
		select {
		case _, open := <-signals:
			require.True(t, open)
		case <-time.After(patience):
			require.Fail(t, "no signal", what)
		}
	}
	// A signal may stand for several changes, and there may be one more than changes: read until it says so.
	until := func(what string, is func(fence.Snapshot) bool) {
		t.Helper()
		for !is(read(t, s.other)) {
			hears(what)
		}
	}
	hears("at once")
	begin(t, s, fence.Async)
	until("desired", func(s fence.Snapshot) bool { return s.Desired.Exists() })
	primary(t, s.one)
	until("primary", func(s fence.Snapshot) bool { return s.Primary.Exists() })
	fail(t, s.one, "b")
	until("a failover", func(s fence.Snapshot) bool { return s.Desired.Value.Region == "b" })
	s.pass(ttl)
	until("the end of a lease", func(s fence.Snapshot) bool { return !s.Primary.Exists() })
}

func announces(t *testing.T, s subject) {
	status := fence.AgentStatus{Region: "a", Role: fence.RoleStandby, Epoch: 3, Timeline: 4, Received: 99, Lag: 0.5, Since: time.Now().UTC()}
	require.NoError(t, s.one.Announce(t.Context(), status))
	require.NoError(t, s.other.Announce(t.Context(), fence.AgentStatus{Region: "b"}))
	agents := func() map[string]fence.AgentStatus {
		all, err := s.other.Agents(t.Context())
		require.NoError(t, err)
		return all
	}
	require.Equal(t, status, agents()["a"])
	status.Role = fence.RolePrimary
	for range 3 {
		s.pass(fence.AnnounceTTL / 2)
		require.NoError(t, s.one.Announce(t.Context(), status))
	}
	require.Equal(t, status, agents()["a"])
	require.Eventually(t, func() bool { _, there := agents()["b"]; return !there }, patience, 50*time.Millisecond, "b says nothing any more")
	s.pass(fence.AnnounceTTL)
	require.Eventually(t, func() bool { return len(agents()) == 0 }, patience, 50*time.Millisecond)
	require.NoError(t, s.one.Announce(t.Context(), status), "after a long silence")
	require.Equal(t, status, agents()["a"])
}

func judges(t *testing.T, s subject) {
	verdict := fence.Verdict{Site: "c", Regions: map[string]fence.Health{"a": {Reason: "refused", Since: time.Now().UTC()}, "b": {Healthy: true}}}
	require.NoError(t, s.one.Judge(t.Context(), verdict))
	verdicts := func() map[string]fence.Verdict {
		all, err := s.other.Verdicts(t.Context())
		require.NoError(t, err)
		return all
	}
	require.Equal(t, map[string]fence.Verdict{"c": verdict}, verdicts())
	s.pass(fence.AnnounceTTL)
	require.Eventually(t, func() bool { return len(verdicts()) == 0 }, patience, 50*time.Millisecond)
}

func claimsOnce(t *testing.T, s subject) {
	holder, err := s.one.Claim(t.Context(), "f1")
	require.NoError(t, err)
	require.Equal(t, "f1", holder)
	_, err = s.other.Claim(t.Context(), "f1")
	require.NoError(t, err, "the same failover")
	holder, err = s.other.Claim(t.Context(), "f2")
	require.ErrorIs(t, err, fence.ErrHeld)
	require.Equal(t, "f1", holder)
	require.NoError(t, s.other.Disclaim(t.Context(), "f2"))
	claimed, err := s.other.Claimed(t.Context())
	require.NoError(t, err)
	require.Equal(t, "f1", claimed)
	require.NoError(t, s.one.Disclaim(t.Context(), "f1"))
	_, err = s.other.Claim(t.Context(), "f2")
	require.NoError(t, err)
}

func entriesOnce(t *testing.T, s subject) {
	runner, err := s.one.Elect(t.Context(), "f1", "workflow")
	require.NoError(t, err)
	stored, written, err := runner.Record(t.Context(), "plan", json.RawMessage(`{"to":"b"}`))
	require.NoError(t, err)
	require.True(t, written)
	require.JSONEq(t, `{"to":"b"}`, string(stored))
	stored, written, err = runner.Record(t.Context(), "plan", json.RawMessage(`{"to":"c"}`))
	require.NoError(t, err)
	require.False(t, written)
	require.JSONEq(t, `{"to":"b"}`, string(stored))
	_, _, err = runner.Record(t.Context(), "steps/1-gate", json.RawMessage(`1`))
	require.NoError(t, err)

	entries, err := s.other.Entries(t.Context(), "f1")
	require.NoError(t, err)
	require.Equal(t, map[string]json.RawMessage{"plan": json.RawMessage(`{"to":"b"}`), "steps/1-gate": json.RawMessage(`1`)}, entries)
	_, err = s.one.Elect(t.Context(), "f0", "somebody without entries")
	require.NoError(t, err)
	ids, err := s.other.Failovers(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"f1"}, ids)
}

func oneRunner(t *testing.T, s subject) {
	const many = 8
	var mu sync.Mutex
	var elected []fence.Runner
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			runner, err := []fence.Register{s.one, s.other}[i%2].Elect(t.Context(), "f1", "somebody")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				elected = append(elected, runner)
			}
		})
	}
	all.Wait()
	require.Len(t, elected, 1)
	_, err := s.other.Elect(t.Context(), "f1", "another")
	require.ErrorIs(t, err, fence.ErrHeld)
	require.NoError(t, elected[0].Close(t.Context()))
	<-elected[0].Lost()
	next, err := s.other.Elect(t.Context(), "f1", "another")
	require.NoError(t, err)
	require.NoError(t, next.Close(t.Context()))
}

func aLostRunnerWritesNothing(t *testing.T, s subject) {
	old, err := s.one.Elect(t.Context(), "f1", "old")
	require.NoError(t, err)
	_, _, err = old.Record(t.Context(), "plan", json.RawMessage(`"old"`))
	require.NoError(t, err)
	require.NoError(t, old.Close(t.Context()))
	_, _, err = old.Record(t.Context(), "result", json.RawMessage(`"old"`))
	require.ErrorIs(t, err, fence.ErrLost)
	next, err := s.other.Elect(t.Context(), "f1", "next")
	require.NoError(t, err)
	_, _, err = old.Record(t.Context(), "result", json.RawMessage(`"old"`))
	require.ErrorIs(t, err, fence.ErrLost)
	stored, written, err := next.Record(t.Context(), "plan", json.RawMessage(`"next"`))
	require.NoError(t, err)
	require.False(t, written)
	require.JSONEq(t, `"old"`, string(stored))
	_, written, err = next.Record(t.Context(), "result", json.RawMessage(`"next"`))
	require.NoError(t, err)
	require.True(t, written)
}

func takenBackIsNotChanged(t *testing.T, s subject) {
	first := begin(t, s, fence.Async)
	runner, err := s.other.Elect(t.Context(), "f1", "somebody")
	require.NoError(t, err)
	_, written, err := runner.Record(t.Context(), fence.Withdrawn, []byte(`"now"`))
	require.NoError(t, err)
	require.True(t, written)
	require.ErrorIs(t, s.one.Change(t.Context(), first, first.Desired.Value.Next("b", "f1", time.Now())), fence.ErrConflict)
	require.NoError(t, s.one.Change(t.Context(), first, first.Desired.Value.Next("b", "f2", time.Now())), "another was not")
	require.NoError(t, runner.Close(t.Context()))
}
