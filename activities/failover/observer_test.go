package failover_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/failover"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/fence"
)

func TestAnObserverSaysWhatItSeesOfBothRegions(t *testing.T) {
	s := newScene(t, fence.Async)
	now := 0.0
	o := &failover.Observer{
		Register: s.register, Site: "c", Damping: failover.Usual, Logger: enginetest.Logger(t), Now: func() time.Time { return at(now) },
		Databases: map[string]failover.Observed{"a": s.servers["a"], "b": s.servers["b"]},
	}
	after := func(seconds float64) fence.Verdict {
		now += seconds
		return o.Look(t.Context())
	}
	require.True(t, after(0).Regions["a"].Healthy)
	for name, c := range map[string]struct {
		change func()
		back   func()
		reason string
	}{
		"nobody answers": {func() { s.servers["a"].err = context.DeadlineExceeded }, func() { s.servers["a"].err = nil }, failover.SeenSilent},
		"refused":        {func() { s.servers["a"].err = errors.New("refused") }, func() { s.servers["a"].err = nil }, failover.SeenRefused},
		"it is no primary": {func() { s.servers["a"].standing.InRecovery = true },
			func() { s.servers["a"].standing.InRecovery = false }, failover.SeenRole},
		"its agent is gone": {func() { s.alive["a"] = false; s.pass(fence.AnnounceTTL); s.agents(t.Context()) },
			func() { s.alive["a"] = true; s.agents(t.Context()) }, failover.SeenAgent},
	} {
		c.change()
		require.True(t, after(1).Regions["a"].Healthy, name)
		began := at(now)
		v := after(3)
		require.Equal(t, fence.Health{Since: began, Reason: c.reason}, v.Regions["a"], name)
		require.True(t, v.Regions["b"].Healthy, name)
		require.Equal(t, "c", v.Site)
		c.back()
		require.False(t, after(1).Regions["a"].Healthy, name)
		require.True(t, after(10).Regions["a"].Healthy, name)
	}
}

func TestAnObserverAloneBeginsNothing(t *testing.T) {
	s := newScene(t, fence.Sync)
	c, _ := s.controller(0)
	c.Rules.Automatic = true
	begun := 0
	act := c.Automatic(func(context.Context, failover.Input) error { begun++; return nil })
	require.NoError(t, act(t.Context(), failover.Counted{Lost: true, Held: failover.HeldByHand}))
	require.Zero(t, begun, "it is held")
	require.NoError(t, act(t.Context(), failover.Counted{Lost: true}))
	require.NoError(t, act(t.Context(), failover.Counted{Lost: true}))
	require.Equal(t, 1, begun, "what is refused is not asked for twice a second")

	run, err := c.Begin(t.Context(), failover.Input{})
	require.NoError(t, err)
	again := c.Automatic(func(context.Context, failover.Input) error { begun++; return nil })
	require.NoError(t, again(t.Context(), failover.Counted{Lost: true}))
	require.Equal(t, 1, begun, "one is under way")
	require.NoError(t, run.Close(t.Context()))
}

func TestALostPrimaryIsDetected(t *testing.T) {
	s := newScene(t, fence.Sync)
	c, _ := s.controller(0)
	c.Rules.Automatic = true
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var found failover.Counted
	require.NoError(t, c.Detect(ctx, func(_ context.Context, counted failover.Counted) error {
		found = counted
		cancel()
		return nil
	}))
	require.Equal(t, 3, found.Ill)
	require.Equal(t, at(0), found.DownSince)
}

// TestActivitiesGoOnAfterEachOther: each lets the journal go, so that a stand-alone runner
// gets its turn, and the workflow goes on with what that has done.
func TestActivitiesGoOnAfterEachOther(t *testing.T) {
	s := newScene(t, fence.Async)
	c, _ := s.controller(0)
	a := &failover.Activities{Controller: c}
	in := failover.Input{ID: [16]byte{7}}
	plan, err := a.Begin(t.Context(), in)
	require.NoError(t, err)
	again, err := a.Begin(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, plan, again)
	_, err = a.Begin(t.Context(), failover.Input{ID: [16]byte{8}})
	require.True(t, failure.Is(err, failure.Decided), "no retry mends that another one is under way")

	held, err := c.Resume(t.Context(), in)
	require.NoError(t, err)
	_, err = a.Step(t.Context(), failover.StepInput{ID: in.ID, Step: "detect"})
	require.ErrorIs(t, err, fence.ErrHeld, "somebody runs it: it is waited for")
	require.False(t, failure.Is(err, failure.Decided))
	require.NoError(t, held.Close(t.Context()))

	_, err = a.Step(t.Context(), failover.StepInput{ID: in.ID, Step: "detect"})
	require.NoError(t, err)
	require.NoError(t, c.Adopt(t.Context(), in, func(string, failover.Done, error) {}))
	for _, step := range failover.Steps() {
		done, err := a.Step(t.Context(), failover.StepInput{ID: in.ID, Step: step})
		require.NoError(t, err, step)
		require.Equal(t, step, done.Step)
	}
	out, err := a.RollBack(t.Context(), failover.Ref{ID: in.ID})
	require.NoError(t, err)
	require.False(t, out.RolledBack, "it has ended otherwise")
}
