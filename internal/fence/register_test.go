package fence_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/fence"
	"meai/internal/fence/fencetest"
)

const patience = 30 * time.Second

// subject is a register under test. Two hands reach it, as two processes would.
type subject struct {
	one, other fence.Register
	// pass lets the register's time pass.
	pass func(time.Duration)
}

// manual is a clock that somebody sets.
type manual struct{ now atomic.Int64 }

func (m *manual) read() fence.Instant { return fence.Instant(m.now.Load()) }

// suite is what every register must do. Each part gets a register of its own.
var suite = map[string]func(*testing.T, subject){
	"begins once":                          beginsOnce,
	"changes what was read":                changesWhatWasRead,
	"changes by the rules":                 changesByTheRules,
	"changes with the mode and holder":     changesWithModeAndHolder,
	"what was taken back is not changed":   takenBackIsNotChanged,
	"one primary":                          onePrimary,
	"acquires what was read":               acquiresWhatWasRead,
	"a lease ends":                         aLeaseEnds,
	"renewing keeps it":                    renewingKeepsIt,
	"releases with proof":                  releasesWithProof,
	"a proof goes on to the next epoch":    aProofGoesOn,
	"the mode is the primary's":            theModeIsThePrimarys,
	"watches":                              watches,
	"announces for a while":                announces,
	"judges for a while":                   judges,
	"claims once":                          claimsOnce,
	"a journal's entry is written once":    entriesOnce,
	"one runner":                           oneRunner,
	"who lost the election writes nothing": aLostRunnerWritesNothing,
	"the last note counts":                 theLastNoteCounts,
}

func TestMemoryIsARegister(t *testing.T) {
	for name, part := range suite {
		t.Run(name, func(t *testing.T) {
			clock := &manual{}
			register := fence.NewMemory(clock.read, clock.read)
			part(t, subject{one: register, other: register, pass: func(d time.Duration) {
				clock.now.Add(int64(d))
				register.Tick()
			}})
		})
	}
}

func TestEtcdIsARegister(t *testing.T) {
	cluster := fencetest.Start(t, 3)
	for name, part := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for leases to end
			id := fence.NewNonce()
			part(t, subject{one: cluster.Register(t, id), other: cluster.Register(t, id), pass: time.Sleep})
		})
	}
}

func read(t *testing.T, r fence.Register) fence.Snapshot {
	t.Helper()
	snapshot, err := r.Read(t.Context())
	require.NoError(t, err)
	return snapshot
}

func begin(t *testing.T, s subject, mode fence.Replication) fence.Snapshot {
	t.Helper()
	require.NoError(t, s.one.Begin(t.Context(), "a", mode))
	return read(t, s.other)
}

const ttl = 2 * time.Second

func grant(t *testing.T, r fence.Register) fence.Lease {
	t.Helper()
	lease, err := r.Grant(t.Context(), ttl)
	require.NoError(t, err)
	require.GreaterOrEqual(t, lease.TTL, ttl)
	return lease
}

// primary makes a region primary, in the epoch that is desired.
func primary(t *testing.T, r fence.Register) (fence.Lease, fence.Holder, fence.Snapshot) {
	t.Helper()
	now, lease := read(t, r), grant(t, r)
	holder := fence.Holder{Region: now.Desired.Value.Region, Epoch: now.Desired.Value.Epoch, Nonce: fence.NewNonce()}
	after, err := r.Acquire(t.Context(), now, lease, holder)
	require.NoError(t, err)
	return lease, holder, after
}

func fail(t *testing.T, r fence.Register, to string) {
	t.Helper()
	now := read(t, r)
	require.NoError(t, r.Change(t.Context(), now, now.Desired.Value.Next(to, fence.NewNonce(), time.Now())))
}

func beginsOnce(t *testing.T, s subject) {
	require.False(t, read(t, s.one).Desired.Exists())
	snapshot := begin(t, s, fence.Sync)
	require.Equal(t, "a", snapshot.Desired.Value.Region)
	require.EqualValues(t, 1, snapshot.Desired.Value.Epoch)
	require.Equal(t, fence.Sync, snapshot.Mode.Value.Replication)
	require.False(t, snapshot.Primary.Exists())
	require.False(t, snapshot.Last.Exists())
	require.ErrorIs(t, s.other.Begin(t.Context(), "b", fence.Async), fence.ErrConflict)
	require.Equal(t, "a", read(t, s.other).Desired.Value.Region)
}

func changesWhatWasRead(t *testing.T, s subject) {
	first := begin(t, s, fence.Async)
	to := first.Desired.Value.Next("b", "one", time.Now())
	require.NoError(t, s.one.Change(t.Context(), first, to))
	require.NoError(t, s.one.Change(t.Context(), first, to), "again, by the same failover")
	require.ErrorIs(t, s.other.Change(t.Context(), first, first.Desired.Value.Next("b", "two", time.Now())), fence.ErrConflict)
	second := read(t, s.other)
	require.EqualValues(t, 2, second.Desired.Value.Epoch)
	require.Equal(t, "one", second.Desired.Value.Failover)
	require.Greater(t, second.Revision, first.Revision)

	require.NoError(t, s.other.Change(t.Context(), second, second.Desired.Value.Next("a", "two", time.Now())))
	require.ErrorIs(t, s.one.Change(t.Context(), first, to), fence.ErrConflict, "its time is over")
	require.EqualValues(t, 3, read(t, s.one).Desired.Value.Epoch)
}

func changesByTheRules(t *testing.T, s subject) {
	require.ErrorIs(t, s.one.Change(t.Context(), fence.Snapshot{}, fence.Desired{Region: "b", Epoch: 1}), fence.ErrConflict, "nothing has begun")
	first := begin(t, s, fence.Async)
	good := first.Desired.Value.Next("b", "one", time.Now())
	for name, spoil := range map[string]func(*fence.Desired){
		"an epoch left out":      func(d *fence.Desired) { d.Epoch++ },
		"the same epoch":         func(d *fence.Desired) { d.Epoch-- },
		"the same region":        func(d *fence.Desired) { d.Region = "a" },
		"lossless while it lags": func(d *fence.Desired) { d.Lossless = true },
	} {
		bad := good
		spoil(&bad)
		require.ErrorIs(t, s.one.Change(t.Context(), first, bad), fence.ErrConflict, name)
	}
	require.NoError(t, s.one.Change(t.Context(), first, good))
}

func changesWithModeAndHolder(t *testing.T, s subject) {
	first := begin(t, s, fence.Sync)
	lossless := first.Desired.Value.Next("b", "one", time.Now())
	lossless.Lossless = true
	_, holder, acquired := primary(t, s.one)
	require.ErrorIs(t, s.other.Change(t.Context(), first, lossless), fence.ErrConflict, "there is a holder since")

	require.NoError(t, s.one.SetMode(t.Context(), acquired, holder, fence.Mode{Replication: fence.Degraded, Region: "a", Epoch: 1}))
	require.ErrorIs(t, s.other.Change(t.Context(), acquired, lossless), fence.ErrConflict, "the mode is another since")
	require.ErrorIs(t, s.other.Change(t.Context(), read(t, s.other), lossless), fence.ErrConflict, "it lags")
}

func onePrimary(t *testing.T, s subject) {
	begin(t, s, fence.Async)
	lease, holder, after := primary(t, s.one)
	require.Equal(t, holder, after.Primary.Value)
	require.Equal(t, holder, after.Last.Value.Holder)
	seen := read(t, s.other)
	require.GreaterOrEqual(t, seen.Revision, after.Revision) // etcd counts what all do in a cluster
	seen.Revision = after.Revision
	require.Equal(t, after, seen)

	again, err := s.one.Acquire(t.Context(), after, lease, holder)
	require.NoError(t, err, "the answer to the first try was lost")
	require.Equal(t, holder, again.Primary.Value)

	rival := fence.Holder{Region: "a", Epoch: 1, Nonce: fence.NewNonce()}
	_, err = s.other.Acquire(t.Context(), after, grant(t, s.other), rival)
	require.ErrorIs(t, err, fence.ErrConflict)
}

func acquiresWhatWasRead(t *testing.T, s subject) {
	first := begin(t, s, fence.Async)
	mine := func(region string, epoch int64) fence.Holder {
		return fence.Holder{Region: region, Epoch: epoch, Nonce: fence.NewNonce()}
	}
	lease := grant(t, s.one)
	_, err := s.one.Acquire(t.Context(), first, lease, mine("b", 1))
	require.ErrorIs(t, err, fence.ErrConflict, "not desired")
	_, err = s.one.Acquire(t.Context(), first, lease, mine("a", 2))
	require.ErrorIs(t, err, fence.ErrConflict, "not this epoch")

	fail(t, s.other, "b")
	_, err = s.one.Acquire(t.Context(), first, lease, mine("a", 1))
	require.ErrorIs(t, err, fence.ErrConflict, "no longer desired")

	second := read(t, s.one)
	held, holder, _ := primary(t, s.other)
	require.NoError(t, s.other.Release(t.Context(), holder, held, fence.Proof{}))
	_, err = s.one.Acquire(t.Context(), second, lease, mine("b", 2))
	require.ErrorIs(t, err, fence.ErrConflict, "there was a holder since")
}

func aLeaseEnds(t *testing.T, s subject) {
	begin(t, s, fence.Async)
	lease, holder, _ := primary(t, s.one)
	s.pass(ttl / 2)
	require.True(t, read(t, s.other).Primary.Exists(), "it lives as long as it was granted")
	s.pass(ttl / 2)
	require.Eventually(t, func() bool { return !read(t, s.other).Primary.Exists() }, patience, 50*time.Millisecond)
	last := read(t, s.other).Last.Value
	require.Equal(t, holder, last.Holder)
	require.False(t, last.Stopped, "an end is no proof")
	_, _, err := s.one.Renew(t.Context(), lease)
	require.ErrorIs(t, err, fence.ErrLost)
	_, err = s.one.Acquire(t.Context(), read(t, s.one), lease, fence.Holder{Region: "a", Epoch: 1, Nonce: fence.NewNonce()})
	require.ErrorIs(t, err, fence.ErrLost)

	require.NoError(t, s.one.Release(t.Context(), holder, lease, fence.Proof{}), "a proof may come late")
	require.True(t, read(t, s.other).Last.Value.Stopped)
}

func renewingKeepsIt(t *testing.T, s subject) {
	begin(t, s, fence.Async)
	lease, holder, _ := primary(t, s.one)
	for range 4 {
		s.pass(ttl / 2)
		renewed, snapshot, err := s.one.Renew(t.Context(), lease)
		require.NoError(t, err)
		require.Equal(t, holder, snapshot.Primary.Value)
		require.Equal(t, lease.ID, renewed.ID)
		require.GreaterOrEqual(t, renewed.Sent.Sub(lease.Sent), ttl/2)
		lease = renewed
	}
	fail(t, s.other, "b")
	_, snapshot, err := s.one.Renew(t.Context(), lease)
	require.NoError(t, err)
	require.Equal(t, "b", snapshot.Desired.Value.Region, "what is read comes after the renewal")
}
