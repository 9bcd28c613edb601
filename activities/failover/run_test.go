package failover_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/failover"
	"meai/internal/failure"
	"meai/internal/fence"
)

// carry brings a failover as far as its runner lives.
func carry(s *scene, l *life, c *failover.Controller, in failover.Input) error {
	run, err := c.Begin(l.ctx, in)
	if err != nil {
		return err
	}
	err = run.Finish(l.ctx, func(string, failover.Done, error) {})
	return errors.Join(err, run.Close(s.t.Context()))
}

func (s *scene) desired() fence.Desired {
	snapshot, err := s.register.Read(s.t.Context())
	require.NoError(s.t, err)
	return snapshot.Desired.Value
}

// unclaimed fails while a failover holds the regions, or was left half.
func (s *scene) unclaimed() {
	claimed, err := s.register.Claimed(s.t.Context())
	require.NoError(s.t, err)
	require.Empty(s.t, claimed)
}

func (s *scene) history(id uuid.UUID) failover.History {
	c, _ := s.controller(0)
	h, err := c.Look(s.t.Context(), id)
	require.NoError(s.t, err)
	return h
}

func TestAFailoverGoesThroughItsSteps(t *testing.T) {
	for mode, lossless := range map[fence.Replication]bool{fence.Async: false, fence.Sync: true} {
		s := newScene(t, mode)
		c, l := s.controller(0)
		id := uuid.New()
		require.NoError(t, carry(s, l, c, failover.Input{ID: id}))
		require.Equal(t, "b", s.desired().Region)
		require.Equal(t, int64(2), s.desired().Epoch)
		require.Equal(t, lossless, s.desired().Lossless, mode)
		s.unclaimed()
		h := s.history(id)
		var names []string
		for _, done := range h.Steps {
			names = append(names, done.Step)
		}
		require.Equal(t, failover.Steps(), names)
		require.Equal(t, failover.Completed, h.Result.State)
		require.Equal(t, 5, h.Timeline, "a history of its own")
		require.Contains(t, h.Note, id.String()+`"`)
		require.Contains(t, h.Note, "signed")
		require.Equal(t, []failover.Notice{{Failover: id, Region: "b", Epoch: 2}}, s.routed)
		require.Equal(t, []uuid.UUID{id}, s.places["b"].repaired)
		if lossless {
			require.Empty(t, s.places["b"].released, "nothing was lost, nothing is quarantined")
		} else {
			require.Equal(t, []uuid.UUID{id}, s.places["b"].released)
		}
	}
}

// What an agent said of its lag was true when it looked.
func TestTheLagGoesOnAfterTheAgentHasLooked(t *testing.T) {
	s := newScene(t, fence.Async)
	s.servers["b"].replica.Newest = at(-60) // no heartbeat has come for long
	s.lag = 0.5
	c, l := s.controller(0)
	id := uuid.New()
	require.NoError(t, carry(s, l, c, failover.Input{ID: id}))
	for _, done := range s.history(id).Steps {
		if done.Step == "gate" {
			require.InDelta(t, 3.5, done.Judgement.Loss, 0.001)
		}
	}
}

func TestNothingIsHandedToARegionThatAnObserverCallsIll(t *testing.T) {
	s := newScene(t, fence.Sync)
	s.lost, s.ill = false, true
	c, l := s.controller(0)
	id := uuid.New()
	err := carry(s, l, c, failover.Input{ID: id, Planned: true})
	require.ErrorIs(t, err, failover.ErrRefused)
	require.ErrorContains(t, err, "standby_ill")
	require.Equal(t, "a", s.desired().Region)
	require.Equal(t, failover.RolledBack, s.history(id).Result.State)
	s.unclaimed()

	s.ill = false
	require.NoError(t, carry(s, l, c, failover.Input{Planned: true}))
	require.Equal(t, "b", s.desired().Region)
}

func TestAHandoverLosesNothingInWhateverMode(t *testing.T) {
	s := newScene(t, fence.Async)
	s.lost = false
	c, l := s.controller(0)
	require.NoError(t, carry(s, l, c, failover.Input{Planned: true}))
	require.True(t, s.desired().Handover)
	require.False(t, s.desired().Lossless, "the mode does not promise it: the agents' proof does")
	require.Empty(t, s.places["b"].released)

	back, l := s.controller(0)
	id := uuid.New()
	require.NoError(t, carry(s, l, back, failover.Input{ID: id, Planned: true, To: "a"}), "failing back is the same")
	require.Equal(t, fence.Desired{Region: "a", Epoch: 3, Failover: id.String(), Handover: true, Since: at(5)}, s.desired())
	require.Equal(t, 6, s.history(id).Timeline)
}

func TestWhatTheGateRefusesChangesNothing(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"the observers see it well": func(s *scene) { s.lost = false },
		"nobody is there":           func(s *scene) { s.alive["b"] = false; s.pass(fence.AnnounceTTL) },
		"too far behind":            func(s *scene) { s.servers["b"].replica.Newest = at(-6) },
		"nobody knows how far":      func(s *scene) { s.servers["b"].err = errors.New("no") },
		"degraded":                  func(s *scene) { s.degrade() },
	} {
		s := newScene(t, fence.Async)
		change(s)
		c, l := s.controller(0)
		id := uuid.New()
		err := carry(s, l, c, failover.Input{ID: id})
		require.ErrorIs(t, err, failover.ErrRefused, name)
		require.True(t, failure.Is(err, failure.NotAllowed), name)
		require.Equal(t, "a", s.desired().Region, name)
		h := s.history(id)
		require.Equal(t, failover.RolledBack, h.Result.State, name)
		require.NotEmpty(t, h.Result.Reasons, name)
		s.unclaimed()
		_, err = c.Resume(t.Context(), failover.Input{ID: id})
		require.ErrorIs(t, err, failover.ErrOver, name)
	}
}

// degrade has the primary's agent go on without its standby.
func (s *scene) degrade() { s.set(fence.Degraded) }

func (s *scene) set(mode fence.Replication) {
	now, err := s.register.Read(s.t.Context())
	require.NoError(s.t, err)
	require.NoError(s.t, s.register.SetMode(s.t.Context(), now, now.Primary.Value, fence.Mode{Replication: mode, Region: "a", Epoch: 1}))
}

func TestOneFailoverIsUnderWayAtATime(t *testing.T) {
	s := newScene(t, fence.Sync)
	c, _ := s.controller(0)
	first := uuid.New()
	run, err := c.Begin(t.Context(), failover.Input{ID: first})
	require.NoError(t, err)
	_, err = c.Begin(t.Context(), failover.Input{})
	require.ErrorIs(t, err, failover.ErrUnderWay)
	require.ErrorContains(t, err, first.String(), "who wants to begin another is told which")
	_, err = c.Resume(t.Context(), failover.Input{ID: first})
	require.ErrorIs(t, err, fence.ErrHeld, "somebody runs it")
	require.NoError(t, run.RollBack(t.Context()))
	require.NoError(t, run.RollBack(t.Context()), "once more")
	require.NoError(t, run.Close(t.Context()))
	s.unclaimed()
	_, err = c.Begin(t.Context(), failover.Input{ID: first})
	require.ErrorIs(t, err, failover.ErrOver)
}

func TestStepsAreDoneInOrderAndOnce(t *testing.T) {
	s := newScene(t, fence.Sync)
	c, _ := s.controller(0)
	run, err := c.Begin(t.Context(), failover.Input{})
	require.NoError(t, err)
	_, err = run.Do(t.Context(), "gate")
	require.ErrorContains(t, err, "detect comes before gate")
	_, err = run.Do(t.Context(), "pray")
	require.Error(t, err)
	first, err := run.Do(t.Context(), "detect")
	require.NoError(t, err)
	s.lost = false
	again, err := run.Do(t.Context(), "detect")
	require.NoError(t, err)
	require.Equal(t, first, again, "it is what the journal says")
	require.True(t, first.Counted.Lost)
}

func TestAPlanThatNoLongerFitsIsTakenBack(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"the mode was degraded meanwhile": func(s *scene) { s.degrade() },
		"the standby fell behind":         func(s *scene) { s.servers["b"].replica.Newest = at(-60) },
		"it went there and came back": func(s *scene) {
			for _, region := range []string{"b", "a"} {
				now, err := s.register.Read(s.t.Context())
				require.NoError(s.t, err)
				require.NoError(s.t, s.register.Change(s.t.Context(), now, now.Desired.Value.Next(region, "another "+region, at(5))))
				s.agents(s.t.Context())
			}
			s.servers["b"].standing.Timeline, s.servers["b"].replica.Newest = 4, at(-1)
		},
		"nothing is promised any more": func(s *scene) { s.set(fence.Async) },
	} {
		s := newScene(t, fence.Async)
		if name == "the mode was degraded meanwhile" || name == "nothing is promised any more" {
			s = newScene(t, fence.Sync)
		}
		c, l := s.controller(0)
		run, err := c.Begin(t.Context(), failover.Input{})
		require.NoError(t, err)
		for _, step := range []string{"detect", "gate", "approve"} {
			_, err := run.Do(t.Context(), step)
			require.NoError(t, err, name)
		}
		change(s)
		_, err = run.Do(t.Context(), "fence")
		require.ErrorIs(t, err, failover.ErrStale, name)
		require.True(t, failure.Is(err, failure.Decided), "no retry mends it: %s", name)
		require.NotEqual(t, run.Plan().ID.String(), s.desired().Failover, name)
		_ = l
	}
}

// TestARunnerThatIsLostAnywhereLeavesNothingHalf ends the runner before and after each thing
// that it does for others to see, at every step, and lets another go on.
func TestARunnerThatIsLostAnywhereLeavesNothingHalf(t *testing.T) {
	for _, planned := range []bool{false, true} {
		for dies := 1; ; dies++ {
			s := newScene(t, fence.Async)
			s.lost = !planned
			c, l := s.controller(dies)
			id := uuid.New()
			err := carry(s, l, c, failover.Input{ID: id, Planned: planned})
			if !l.dead {
				require.NoError(t, err)
				require.Greater(t, dies, 100, "there were as many places to die at")
				break
			}
			require.Equal(t, failover.Completed, adopted(s, id, planned), "after %d", dies)
			s.whole(id)
			require.LessOrEqual(t, len(s.routed), 2, "told once more at most")
			for _, notice := range s.routed {
				require.Equal(t, failover.Notice{Failover: id, Region: "b", Epoch: 2}, notice)
			}
			require.Equal(t, []uuid.UUID{id}, s.places["b"].repaired)
			require.LessOrEqual(t, len(s.places["b"].released), 1)
		}
	}
}

// adopted has another runner go on, once the first one's election has ended, and says how
// it came out. What had no plan yet never began: it is begun anew.
func adopted(s *scene, id uuid.UUID, planned bool) string {
	s.pass(fence.RunnerTTL)
	c, l := s.controller(0)
	err := c.Adopt(s.t.Context(), failover.Input{ID: id}, func(string, failover.Done, error) {})
	h := s.history(id)
	if errors.Is(err, failover.ErrOver) && h.Result == nil {
		require.Equal(s.t, "a", s.desired().Region)
		s.unclaimed()
		err = carry(s, l, c, failover.Input{ID: id, Planned: planned})
		h = s.history(id)
	}
	if err != nil {
		require.ErrorIs(s.t, err, failover.ErrOver)
	}
	require.NotNil(s.t, h.Result)
	return h.Result.State
}

// whole: the journal and the record that decides say the same.
func (s *scene) whole(id uuid.UUID) {
	s.unclaimed()
	h := s.history(id)
	if h.Result.State == failover.RolledBack {
		require.Equal(s.t, "a", s.desired().Region)
		require.Empty(s.t, s.routed)
		return
	}
	require.Equal(s.t, "b", s.desired().Region)
	require.Equal(s.t, int64(2), s.desired().Epoch)
	require.False(s.t, s.places["b"].quarantined)
	require.NotEmpty(s.t, h.Note)
}

// TestTakingBackThatIsLostAnywhereLeavesNothingHalf takes a failover back after each step,
// ends who does so before and after each thing that they do, and lets another go on.
func TestTakingBackThatIsLostAnywhereLeavesNothingHalf(t *testing.T) {
	for _, upTo := range failover.Steps()[:5] {
		for dies := 1; ; dies++ {
			s := newScene(t, fence.Async)
			c, _ := s.controller(0)
			id := uuid.New()
			run, err := c.Begin(t.Context(), failover.Input{ID: id})
			require.NoError(t, err)
			for _, step := range failover.Steps() {
				if step == upTo {
					break
				}
				_, err := run.Do(t.Context(), step)
				require.NoError(t, err)
			}
			require.NoError(t, run.Close(t.Context()))

			c, l := s.controller(dies)
			taking, err := c.Resume(t.Context(), failover.Input{ID: id})
			if err == nil {
				err = taking.RollBack(t.Context())
				committed := errors.Is(err, failover.ErrCommitted)
				require.False(t, committed && upTo != "await", "%s at %d", upTo, dies)
			}
			state := adopted(s, id, false)
			s.whole(id)
			if upTo == "await" {
				require.Equal(t, failover.Completed, state, "it was too late to take it back")
			}
			if !l.dead {
				break
			}
		}
	}
}

// TestARunnerThatWasThoughtDeadCommitsNothing stops a runner right before it would commit,
// takes the failover back meanwhile, and lets it go on.
func TestARunnerThatWasThoughtDeadCommitsNothing(t *testing.T) {
	s := newScene(t, fence.Async)
	c, _ := s.controller(0)
	sleeper := &asleep{Register: c.Register, woken: make(chan struct{}), sleeps: make(chan struct{})}
	c.Register = sleeper
	id := uuid.New()
	ended := make(chan error, 1)
	go func() {
		run, err := c.Begin(t.Context(), failover.Input{ID: id})
		if err == nil {
			for _, step := range []string{"detect", "gate", "approve", "fence"} {
				if _, err = run.Do(t.Context(), step); err != nil {
					break
				}
			}
		}
		ended <- err
	}()
	<-sleeper.sleeps
	s.pass(fence.RunnerTTL)
	other, _ := s.controller(0)
	run, err := other.Resume(t.Context(), failover.Input{ID: id})
	require.NoError(t, err)
	require.NoError(t, run.RollBack(t.Context()))
	require.NoError(t, run.Close(t.Context()))
	close(sleeper.woken)
	require.Error(t, <-ended)
	require.Equal(t, "a", s.desired().Region)
	s.whole(id)
}

// asleep is a register whose caller falls asleep before it changes what decides.
type asleep struct {
	fence.Register
	sleeps, woken chan struct{}
}

func (a *asleep) Change(ctx context.Context, read fence.Snapshot, to fence.Desired) error {
	close(a.sleeps)
	<-a.woken
	return a.Register.Change(ctx, read, to)
}

func TestAFailoverWhoseRegionIsLostTooGivesWayToAnother(t *testing.T) {
	s := newScene(t, fence.Sync)
	c, l := s.controller(0)
	first := uuid.New()
	run, err := c.Begin(t.Context(), failover.Input{ID: first})
	require.NoError(t, err)
	require.ErrorContains(t, run.Supersede(t.Context()), "roll it back")
	for _, step := range failover.Steps()[:4] {
		_, err := run.Do(t.Context(), step)
		require.NoError(t, err)
	}
	require.ErrorIs(t, run.RollBack(t.Context()), failover.ErrCommitted)
	require.NoError(t, run.Supersede(t.Context()))
	require.NoError(t, run.Close(t.Context()))
	require.Equal(t, failover.Superseded, s.history(first).Result.State)
	require.NoError(t, carry(s, l, c, failover.Input{Planned: true}))
	require.Equal(t, "a", s.desired().Region)
	require.Equal(t, int64(3), s.desired().Epoch)
}

func TestARegionThatDoesNotComeUpIsNotWaitedForWithoutAWord(t *testing.T) {
	for step, change := range map[string]func(*scene){
		"await":   func(s *scene) { s.idle = true },
		"promote": func(s *scene) { s.down = true },
	} {
		s := newScene(t, fence.Sync)
		change(s)
		c, l := s.controller(0)
		begun := time.Now()
		c.Now = func() time.Time { return at(5).Add(time.Since(begun)) }
		c.Promotes = time.Second
		id := uuid.New()
		err := carry(s, l, c, failover.Input{ID: id})
		require.ErrorIs(t, err, failover.ErrStuck)
		require.True(t, failure.Is(err, failure.Unsound))
		require.ErrorContains(t, err, "region b does not come up")
		require.ErrorContains(t, err, "its agent says primary, in epoch 2")
		require.ErrorContains(t, err, "docs/runbooks/failover.md")
		require.Less(t, time.Since(begun), time.Minute)
		h := s.history(id)
		require.Nil(t, h.Result, "it is decided, and nobody else may begin")
		require.Equal(t, step, h.Next)

		s.down, s.idle = false, false // somebody has mended it
		require.NoError(t, carry(s, l, c, failover.Input{ID: id}))
		require.Equal(t, failover.Completed, s.history(id).Result.State)
		s.unclaimed()
	}
}
