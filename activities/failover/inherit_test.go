package failover_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/failover"
	"meai/internal/fence"
)

// inherits has a controller watch for orphans until no failover is under way.
func inherits(s *scene, driven func(context.Context) bool) {
	t := s.t
	c, _ := s.controller(0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Inherit(ctx, driven, func(string, failover.Done, error) {}) }()
	require.Eventually(t, func() bool {
		claimed, err := s.register.Claimed(t.Context())
		return err == nil && claimed == ""
	}, 30*time.Second, time.Millisecond, "nobody goes on with it")
	cancel()
	require.NoError(t, <-ended)
}

func nobody(context.Context) bool { return false }

// TestAFailoverWhoseRunnerDiedIsInherited ends the runner at each thing that it does, and has
// a controller find what it left, which is told nothing.
func TestAFailoverWhoseRunnerDiedIsInherited(t *testing.T) {
	for dies := 1; ; dies += 5 {
		s := newScene(t, fence.Async)
		c, l := s.controller(dies)
		id := uuid.New()
		err := carry(s, l, c, failover.Input{ID: id})
		if !l.dead {
			require.NoError(t, err)
			break
		}
		s.pass(fence.RunnerTTL)
		inherits(s, nobody)
		if h := s.history(id); h.Result == nil {
			require.Empty(t, h.Steps, "it had not begun")
			require.Equal(t, "a", s.desired().Region)
			continue
		}
		s.whole(id)
	}
}

// TestWhatAWorkflowDrivesIsLeftToIt also between two of its steps, when nobody is elected.
func TestWhatAWorkflowDrivesIsLeftToIt(t *testing.T) {
	s := newScene(t, fence.Async)
	c, _ := s.controller(0)
	id := uuid.New()
	run, err := c.Begin(t.Context(), failover.Input{ID: id})
	require.NoError(t, err)
	require.NoError(t, run.Close(t.Context()))
	var asked atomic.Int64
	inherits(s, func(context.Context) bool {
		if n := asked.Add(1); n < 100 {
			return true
		}
		if asked.Load() == 100 {
			require.Empty(t, s.history(id).Steps, "the workflow has not ended")
		}
		return false
	})
	require.GreaterOrEqual(t, asked.Load(), int64(100))
	s.whole(id)
}
