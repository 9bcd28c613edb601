package failover_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"

	"meai/activities/failover"
	"meai/internal/failure"
	"meai/internal/fence"
)

// measuring has health measure until the given number of rounds is told of.
func measuring(t *testing.T, h *failover.Health, until func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	require.Eventually(t, until, 20*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

func TestWhatIsMeasuredIsKnownToThoseWhoHaveTheRegisterAlone(t *testing.T) {
	s := newScene(t, fence.Async)
	s.servers["a"].replica.Newest, s.servers["b"].replica.Newest = at(10), at(8)
	c, _ := s.controller(0)
	now := at(5)
	reader := &failover.Controller{Register: s.register, Now: func() time.Time { return now }}
	o, err := reader.Overview(t.Context())
	require.NoError(t, err)
	require.Nil(t, o.Measured)
	require.True(t, o.Stale)
	require.InDelta(t, failover.Unknown, o.RPO, 0)
	require.Equal(t, "a", o.Serving)
	require.True(t, o.Primary)
	require.Equal(t, []string{"a", "b", "c"}, o.Observers)
	require.Len(t, o.Agents, 2)

	h := &failover.Health{Controller: c}
	measuring(t, h, func() bool {
		o, err = reader.Overview(t.Context())
		return err == nil && o.Measured != nil
	})
	require.False(t, o.Stale)
	require.InDelta(t, 2, o.RPO, 0)
	require.Equal(t, failover.StorePostgres, o.Worst)

	now = now.Add(16 * time.Second)
	o, err = reader.Overview(t.Context())
	require.NoError(t, err)
	require.True(t, o.Stale, "what is old says nothing of now")
	require.InDelta(t, failover.Unknown, o.RPO, 0)

	now = at(5)
	fails(t, s, "b")
	o, err = reader.Overview(t.Context())
	require.NoError(t, err)
	require.True(t, o.Stale, "that was of the other region")
	require.Equal(t, "b", o.Serving)
	require.False(t, o.Primary, "the lease is the other region's")
}

// fails changes where writes belong.
func fails(t *testing.T, s *scene, to string) {
	t.Helper()
	read, err := s.register.Read(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.register.Change(t.Context(), read, read.Desired.Value.Next(to, uuid.NewString(), at(5))))
}

func TestTheRegionsAreShownAsTheyAre(t *testing.T) {
	s := newScene(t, fence.Degraded)
	s.servers["a"].replica.Newest, s.servers["b"].replica.Newest = at(10), at(10)
	c, _ := s.controller(0)
	c.DrillsAllowed = true
	h := &failover.Health{Controller: c}
	reader := metric.NewManualReader()
	require.NoError(t, h.Observe(metric.NewMeterProvider(metric.WithReader(reader))))
	require.Empty(t, gauges(t, reader), "nothing is known yet")

	s.alive["b"] = false
	s.pass(fence.AnnounceTTL)
	id := uuid.New()
	acts := &failover.Activities{Controller: c}
	_, err := acts.KeepDrill(t.Context(), failover.DrillRef{ID: id, At: at(-55)})
	require.NoError(t, err)
	var shown map[string]float64
	measuring(t, h, func() bool { shown = gauges(t, reader); return len(shown) > 0 })
	for name, want := range map[string]float64{
		"meai.replication.degraded/": 1, "meai.region.primary/": 1, "meai.region.observers/": 3, "meai.region.failover/": 0,
		"meai.region.agent/a": 1, "meai.region.agent/b": 0, "meai.drill.age/": 60, "meai.drill.missed/": 1, "meai.replication.rpo/": 0,
	} {
		require.Contains(t, shown, name)
		require.InDelta(t, want, shown[name], 0, name)
	}

	h.Controller.Register = unreachable{s.register}
	measuring(t, h, func() bool { shown = gauges(t, reader); return len(shown) <= 2 })
	require.NotContains(t, shown, "meai.region.primary/", "what cannot be read is not shown as if it could")
	require.NotContains(t, shown, "meai.replication.rpo/")
}

// unreachable is a register that has lost its majority.
type unreachable struct{ fence.Register }

func (unreachable) Read(context.Context) (fence.Snapshot, error) {
	return fence.Snapshot{}, errors.New("no majority")
}

func TestADrillIsDoneOnlyWhereItMayBe(t *testing.T) {
	s := newScene(t, fence.Async)
	s.lost = false
	s.servers["a"].replica.Newest, s.servers["b"].replica.Newest = at(5), at(5)
	c, _ := s.controller(0)
	id := uuid.New()
	err := c.AllowDrill(t.Context(), id)
	require.ErrorIs(t, err, failover.ErrNoDrills, "the safety switch is off unless somebody says so")
	require.True(t, failure.Is(err, failure.NotAllowed))
	require.ErrorContains(t, err, "drills.allowed")

	c.DrillsAllowed = true
	require.NoError(t, c.AllowDrill(t.Context(), id))

	_, err = s.register.Claim(t.Context(), uuid.NewString())
	require.NoError(t, err)
	require.ErrorIs(t, c.AllowDrill(t.Context(), id), failover.ErrUnderWay)
	claimed, err := s.register.Claimed(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.register.Disclaim(t.Context(), claimed))

	s.servers["b"].replica = failover.Replica{Newest: at(5)}
	err = c.AllowDrill(t.Context(), id)
	require.True(t, failure.Is(err, failure.NotAllowed), "a standby that does not receive: %v", err)
	require.ErrorContains(t, err, string(failover.ReasonReceiver))
}

func TestADrillIsKeptWithWhatItHasShown(t *testing.T) {
	s := newScene(t, fence.Async)
	s.lost = false
	s.servers["a"].replica.Newest, s.servers["b"].replica.Newest = at(5), at(5)
	c, _ := s.controller(0)
	acts := &failover.Activities{Controller: c}
	id := uuid.New()
	require.NoError(t, c.Carry(t.Context(), failover.Input{ID: id, Planned: true}, func(string, failover.Done, error) {}))
	kept, err := acts.KeepDrill(t.Context(), failover.DrillRef{ID: id, At: at(3)})
	require.NoError(t, err)
	require.Equal(t, failover.Completed, kept.State)
	require.Empty(t, kept.Missed)
	require.Equal(t, "ab", kept.From+kept.To)
	require.Zero(t, kept.Loss)

	other := uuid.New()
	_, err = acts.KeepDrill(t.Context(), failover.DrillRef{ID: other, At: at(4)})
	require.NoError(t, err)
	_, err = acts.KeepDrill(t.Context(), failover.DrillRef{ID: id, At: at(3)}) // tried again
	require.NoError(t, err)
	all, err := c.Drilled(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, other, all[0].ID, "the newest first")
	require.Equal(t, failover.NotBegun, all[0].State)
	require.Equal(t, []string{"completed"}, all[0].Missed)
	require.Equal(t, kept, all[1])
}

func TestAFailoverThatNobodyRunsIsTakenBack(t *testing.T) {
	s := newScene(t, fence.Async)
	s.servers["a"].replica.Newest, s.servers["b"].replica.Newest = at(5), at(5)
	c, _ := s.controller(0)
	id := uuid.New()
	require.True(t, failure.Is(c.TakeBack(t.Context(), id), failure.NotFound))
	run, err := c.Begin(t.Context(), failover.Input{ID: id, Planned: true})
	require.NoError(t, err)
	held, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.TakeBack(held, id), fence.ErrHeld, "while somebody runs it")
	require.NoError(t, run.Close(t.Context()))
	require.NoError(t, c.TakeBack(t.Context(), id))
	h, err := c.Look(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, failover.RolledBack, h.Result.State)
	require.True(t, failure.Is(c.TakeBack(t.Context(), id), failure.Decided))

	other := uuid.New()
	require.NoError(t, c.Carry(t.Context(), failover.Input{ID: other, Planned: true}, func(string, failover.Done, error) {}))
	require.True(t, failure.Is(c.TakeBack(t.Context(), other), failure.Decided))
}
