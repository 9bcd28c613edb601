package fence_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"meai/internal/fence"
	"meai/internal/fence/fencetest"
)

// holds renews a lease until it is told to stop, and checks that its deadline never comes.
func holds(t *testing.T, r fence.Register, lease fence.Lease, timings fence.Timings) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			renewed, _, err := r.Renew(ctx, lease)
			if err == nil {
				lease = renewed
			}
			if ctx.Err() == nil && fence.BootClock() >= lease.Deadline(timings) {
				t.Errorf("the deadline came; the last answer was: %v", err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(timings.Renew() / 4):
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func TestALeaseOutlivesAnyMemberOfTheRegister(t *testing.T) {
	cluster, timings := fencetest.Start(t, 3), fence.NewTimings(fence.LongestTTL)
	register := cluster.Register(t, "test")
	require.NoError(t, register.Begin(t.Context(), "a", fence.Async))
	now := read(t, register)
	lease, err := register.Grant(t.Context(), timings.TTL)
	require.NoError(t, err)
	holder := fence.Holder{Region: "a", Epoch: 1, Nonce: fence.NewNonce()}
	_, err = register.Acquire(t.Context(), now, lease, holder)
	require.NoError(t, err)
	stop := holds(t, register, lease, timings)
	// writes says that the register works: a majority agreed on something new.
	writes := func() {
		t.Helper()
		require.Eventually(t, func() bool {
			return register.Announce(t.Context(), fence.AgentStatus{Region: "a", Since: time.Now()}) == nil
		}, patience, 10*time.Millisecond)
	}
	for member := range cluster.Endpoints { // one of them is the leader
		cluster.Kill(t, member)
		writes()
		cluster.Restart(t, member)
		writes()
	}
	for member := range cluster.Endpoints { // hung: connections stay open and nobody answers
		cluster.Signal(t, member, syscall.SIGSTOP)
		writes()
		cluster.Signal(t, member, syscall.SIGCONT)
		writes()
	}
	stop()
	require.Equal(t, holder, read(t, register).Primary.Value)
}

func TestASilentMemberIsNotAskedAgainAndAgain(t *testing.T) {
	cluster := fencetest.Start(t, 3)
	register := cluster.Register(t, "test")
	require.NoError(t, register.Begin(t.Context(), "a", fence.Sync))
	for member := range cluster.Endpoints {
		cluster.Signal(t, member, syscall.SIGSTOP)
		require.Eventually(t, func() bool { _, err := register.Read(t.Context()); return err == nil }, patience, 10*time.Millisecond)
		began := time.Now()
		for range 100 {
			read(t, register)
		}
		require.Less(t, time.Since(began), 20*time.Second, "a third of the readings would have waited for 2 s")
		cluster.Signal(t, member, syscall.SIGCONT)
	}
}

func TestWithoutAMajorityNothingIsKnown(t *testing.T) {
	cluster := fencetest.Start(t, 3)
	register := cluster.Register(t, "test")
	require.NoError(t, register.Begin(t.Context(), "a", fence.Sync))
	before := read(t, register)
	cluster.Kill(t, 0)
	cluster.Kill(t, 2)
	_, err := register.Read(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, fence.ErrConflict)
	err = register.Change(t.Context(), before, before.Desired.Value.Next("b", "one", time.Now()))
	require.Error(t, err)
	require.NotErrorIs(t, err, fence.ErrConflict, "the outcome is unknown")
	cluster.Restart(t, 0)
	require.Eventually(t, func() bool {
		return register.Change(t.Context(), before, before.Desired.Value.Next("b", "one", time.Now())) == nil
	}, patience, 50*time.Millisecond, "tried again, whatever became of it before")
	require.EqualValues(t, 2, read(t, register).Desired.Value.Epoch)
}

// TestALeaseCountsFromBeforeItIsAskedFor has a clock that moves only when something is sent.
func TestALeaseCountsFromBeforeItIsAskedFor(t *testing.T) {
	cluster := fencetest.Start(t, 1)
	var sent atomic.Int64
	register, err := fence.OpenEtcd(fence.EtcdOptions{
		Endpoints: cluster.Endpoints, Cluster: "test", Timeout: patience,
		Clock: func() fence.Instant { return fence.Instant(sent.Load()) },
		Dial: []grpc.DialOption{
			grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, request, reply any, c *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
				sent.Add(1)
				return invoke(ctx, method, request, reply, c, o...)
			}),
			grpc.WithChainStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, stream grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
				sent.Add(1)
				return stream(ctx, d, c, method, o...)
			}),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, register.Close()) })

	before := sent.Load()
	lease, err := register.Grant(t.Context(), 5*time.Second)
	require.NoError(t, err)
	require.EqualValues(t, before, lease.Sent)
	require.Greater(t, sent.Load(), before)

	before = sent.Load()
	renewed, _, err := register.Renew(t.Context(), lease)
	require.NoError(t, err)
	require.EqualValues(t, before, renewed.Sent)
	require.Greater(t, sent.Load(), before+1, "the renewal, and then the reading")
	require.Equal(t, 5*time.Second, renewed.TTL)
}

func TestAnAddressIsAskedFor(t *testing.T) {
	for _, name := range []string{"", "a/b"} {
		_, err := fence.OpenEtcd(fence.EtcdOptions{Endpoints: []string{"http://127.0.0.1:1"}, Cluster: name})
		require.Error(t, err, "%q would lie among another cluster's records", name)
	}
}

func TestAGuardOnEtcdHearsOfAFailoverAtOnce(t *testing.T) {
	cluster := fencetest.Start(t, 1)
	register := cluster.Register(t, "test")
	require.NoError(t, register.Begin(t.Context(), "a", fence.Async))
	// With the longest lease the next reading would be long in coming.
	guard := fence.NewGuard(t.Context(), cluster.Register(t, "test"), "a", fence.NewTimings(fence.LongestTTL), fence.BootClock)
	require.Eventually(t, func() bool { return guard.Check(1) == nil }, patience, 5*time.Millisecond)
	began := time.Now()
	fail(t, register, "b")
	require.Eventually(t, func() bool { return guard.Check(1) != nil }, patience, 5*time.Millisecond)
	t.Logf("refused %v after the failover", time.Since(began))
	require.ErrorIs(t, guard.Check(1), fence.ErrNotHere)
}
