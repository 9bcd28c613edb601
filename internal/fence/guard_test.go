package fence_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

// mute is a register that can be cut off: it neither answers nor signals.
type mute struct {
	fence.Register
	cut   atomic.Bool
	asked atomic.Int64
}

func (m *mute) Read(ctx context.Context) (fence.Snapshot, error) {
	defer m.asked.Add(1)
	if m.cut.Load() {
		return fence.Snapshot{}, errors.New("cut off")
	}
	return m.Register.Read(ctx)
}

// guarded is a guard of region a on a register in memory, with a clock that the test sets.
func guarded(t *testing.T) (*fence.Guard, *mute, *manual, fence.Timings) {
	t.Helper()
	clock, timings := &manual{}, fence.NewTimings(time.Second)
	register := &mute{Register: fence.NewMemory(clock.read, clock.read)}
	ctx, cancel := context.WithCancel(t.Context())
	guard := fence.NewGuard(ctx, register, "a", timings, clock.read)
	t.Cleanup(func() {
		cancel()
		<-guard.Ended()
	})
	return guard, register, clock, timings
}

func permitted(t *testing.T, guard *fence.Guard, epoch int64) {
	t.Helper()
	require.Eventually(t, func() bool { return guard.Check(epoch) == nil }, patience, time.Millisecond)
}

func refused(t *testing.T, guard *fence.Guard, epoch int64) {
	t.Helper()
	require.Eventually(t, func() bool { return errors.Is(guard.Check(epoch), fence.ErrNotHere) }, patience, time.Millisecond)
}

func TestAGuardPermitsItsRegionInItsEpoch(t *testing.T) {
	guard, register, _, _ := guarded(t)
	require.ErrorIs(t, guard.Check(1), fence.ErrNotHere, "nothing is desired yet")
	require.NoError(t, register.Begin(t.Context(), "a", fence.Async))
	permitted(t, guard, 1)
	require.NoError(t, guard.Check(2), "a server may be ahead: its epoch counts restores as well")
	fail(t, register, "b")
	refused(t, guard, 1)
	require.ErrorIs(t, guard.Check(2), fence.ErrNotHere, "another region's, whatever the epoch")
	fail(t, register, "a")
	permitted(t, guard, 3)
	require.ErrorIs(t, guard.Check(2), fence.ErrNotHere, "a server that was left behind")
}

func TestAGuardThatHearsNothingRefuses(t *testing.T) {
	guard, register, clock, timings := guarded(t)
	require.NoError(t, register.Begin(t.Context(), "a", fence.Async))
	permitted(t, guard, 1)
	register.cut.Store(true)
	asked := register.asked.Load()
	require.Eventually(t, func() bool { return register.asked.Load() > asked+1 }, patience, time.Millisecond, "it keeps asking")
	require.NoError(t, guard.Check(1), "what it heard last still counts")
	clock.now.Add(int64(timings.TTL-timings.Margin) - 1)
	require.NoError(t, guard.Check(1))
	clock.now.Add(1)
	require.ErrorIs(t, guard.Check(1), fence.ErrNotHere, "no other region may be promoted before that")
	register.cut.Store(false)
	permitted(t, guard, 1)
}

// late is a register whose answers take long: the clock runs on meanwhile.
type late struct {
	fence.Register
	clock *manual
	takes time.Duration
}

func (l *late) Read(ctx context.Context) (fence.Snapshot, error) {
	snapshot, err := l.Register.Read(ctx)
	l.clock.now.Add(int64(l.takes))
	return snapshot, err
}

func TestAnAnswerCountsFromWhenItWasAskedFor(t *testing.T) {
	clock, timings := &manual{}, fence.NewTimings(8*time.Second)
	register := &late{Register: fence.NewMemory(clock.read, clock.read), clock: clock, takes: timings.TTL}
	require.NoError(t, register.Begin(t.Context(), "a", fence.Async))
	ctx, cancel := context.WithCancel(t.Context())
	guard := fence.NewGuard(ctx, register, "a", timings, clock.read)
	require.Eventually(t, func() bool { return clock.read() >= fence.Instant(timings.TTL) }, patience, time.Millisecond)
	cancel()
	<-guard.Ended()
	require.ErrorIs(t, guard.Check(1), fence.ErrNotHere)
}
