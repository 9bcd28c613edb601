package workflows

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/privacy/erasure"
	"meai/internal/failure"
)

// erasureStage is an erasure whose row the test plays: each step takes it on.
type erasureStage struct {
	*stage
	id     uuid.UUID
	state  erasure.State
	begin  time.Time // when cooling-off is over
	held   bool
	frozen bool
	// holds is how much each store holds.
	holds map[string]int64
	files int64

	look, freeze, pass, bury, certify, thaw, clean func(erasure.Ref) (erasure.Standing, error)
	count, plan                                    func(erasure.Ref) (erasure.Inventory, error)
	end                                            func(erasure.Ref) (erasure.Ended, error)
	clear, endCancelled                            func(erasure.Ref) (struct{}, error)
	remove, scan                                   func(erasure.Ref) (erasure.Left, error)
	delete                                         func(erasure.StoresInput) (erasure.Deleted, error)
}

func newErasure(t *testing.T) *erasureStage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &erasureStage{
		stage: &stage{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}, id: uuid.New(), state: erasure.Requested,
		holds: map[string]int64{"postgres.sessions": 2, "weaviate.memory": 3, "temporal.histories": 4},
	}
	s.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: erasure.WorkflowID(s.id)})
	s.begin = s.Now()
	s.before()
	s.after()
	for name, f := range map[string]*func(erasure.Ref) (erasure.Standing, error){
		"erasure.Look": &s.look, "erasure.Freeze": &s.freeze, "erasure.PassPoint": &s.pass, "erasure.Bury": &s.bury,
		"erasure.Certify": &s.certify, "erasure.Thaw": &s.thaw, "erasure.CleanUp": &s.clean,
	} {
		perform(s.stage, name, f)
	}
	perform(s.stage, "erasure.Count", &s.count)
	perform(s.stage, "erasure.Plan", &s.plan)
	perform(s.stage, "erasure.EndWorkflows", &s.end)
	perform(s.stage, "erasure.Clear", &s.clear)
	perform(s.stage, "erasure.EndCancelled", &s.endCancelled)
	perform(s.stage, "erasure.Remove", &s.remove)
	perform(s.stage, "erasure.Scan", &s.scan)
	perform(s.stage, "erasure.DeleteStores", &s.delete)
	return s
}

// enter is what every step does with the row.
func (s *erasureStage) enter(step erasure.State) erasure.Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != erasure.Cancelled && s.state != erasure.Held {
		s.state = step
		if s.held && step.Revocable() {
			s.state = erasure.Held
		}
	}
	return erasure.Standing{State: s.state, Begin: s.begin}
}

// before plays the steps up to the point of no return.
func (s *erasureStage) before() {
	s.look = func(erasure.Ref) (erasure.Standing, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state == erasure.Requested || s.state == erasure.Held {
			if s.state = erasure.Requested; s.held {
				s.state = erasure.Held
			}
		}
		return erasure.Standing{State: s.state, Begin: s.begin}, nil
	}
	s.freeze = func(erasure.Ref) (erasure.Standing, error) {
		now := s.enter(erasure.Freezing)
		s.frozen = s.frozen || now.State == erasure.Freezing
		return now, nil
	}
	s.count = func(erasure.Ref) (erasure.Inventory, error) { return s.inventory(erasure.Counting) }
	s.end = func(erasure.Ref) (erasure.Ended, error) {
		return erasure.Ended{Standing: s.enter(erasure.Ending)}, nil
	}
	s.pass = func(erasure.Ref) (erasure.Standing, error) {
		if s.held {
			return s.enter(erasure.Ending), nil
		}
		return s.enter(erasure.Destroying), nil
	}
	s.thaw = func(erasure.Ref) (erasure.Standing, error) {
		s.frozen = false
		return erasure.Standing{State: s.state}, nil
	}
	s.endCancelled = func(erasure.Ref) (struct{}, error) { return struct{}{}, nil }
}

func (s *erasureStage) inventory(step erasure.State) (erasure.Inventory, error) {
	found := erasure.Inventory{Standing: s.enter(step)}
	for name, n := range s.holds {
		found.Stores = append(found.Stores, erasure.StoreName{Name: name, Early: name == "temporal.histories", Large: name == "weaviate.memory"})
		found.Found += n
	}
	slices.SortFunc(found.Stores, func(a, b erasure.StoreName) int { return len(a.Name) - len(b.Name) })
	return found, nil
}

// after plays what cannot be taken back.
func (s *erasureStage) after() {
	s.bury = func(erasure.Ref) (erasure.Standing, error) { return s.enter(erasure.Destroying), nil }
	s.clear = func(erasure.Ref) (struct{}, error) { return struct{}{}, nil }
	s.plan = func(erasure.Ref) (erasure.Inventory, error) { return s.inventory(erasure.Deleting) }
	s.delete = func(in erasure.StoresInput) (erasure.Deleted, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var n int64
		for _, store := range in.Stores {
			n += s.holds[store]
			s.holds[store] = 0
		}
		return erasure.Deleted{Standing: erasure.Standing{State: erasure.Deleting}, Deleted: n}, nil
	}
	s.remove = func(erasure.Ref) (erasure.Left, error) { return s.left(erasure.Cleaning), nil }
	s.clean = func(erasure.Ref) (erasure.Standing, error) {
		s.files = max(0, s.files-1)
		return s.enter(erasure.Cleaning), nil
	}
	s.scan = func(erasure.Ref) (erasure.Left, error) {
		left := s.left(erasure.Scanning)
		if s.files > 0 {
			left.Files = map[string]int64{"pg_wal": s.files}
		}
		return left, nil
	}
	s.certify = func(erasure.Ref) (erasure.Standing, error) { return s.enter(erasure.Certified), nil }
}

func (s *erasureStage) left(next erasure.State) erasure.Left {
	left := erasure.Left{Stores: map[string]int64{}}
	for name, n := range s.holds {
		if n > 0 {
			left.Stores[name] = n
		}
	}
	if len(left.Stores) > 0 {
		next = erasure.Deleting
	}
	left.Standing = s.enter(next)
	return left
}

func (s *erasureStage) run(t *testing.T) ErasureProgress {
	t.Helper()
	s.ExecuteWorkflow(Erasure, ErasureInput{Erasure: s.id})
	require.True(t, s.IsWorkflowCompleted())
	require.NoError(t, s.GetWorkflowError())
	var done ErasureProgress
	require.NoError(t, s.GetWorkflowResult(&done))
	return done
}

func (s *erasureStage) in(d time.Duration, do func()) { s.RegisterDelayedCallback(do, d) }

func TestAnErasureGoesThroughItsStepsInTheirOrder(t *testing.T) {
	s := newErasure(t)
	done := s.run(t)
	require.Equal(t, []string{
		"erasure.Look", "erasure.Freeze", "erasure.Count",
		"erasure.EndWorkflows", "erasure.EndWorkflows", "erasure.EndWorkflows", "erasure.EndWorkflows", "erasure.PassPoint",
		"erasure.Bury", "erasure.Clear", "erasure.Plan", "erasure.DeleteStores", "erasure.DeleteStores", "erasure.DeleteStores",
		"erasure.Remove", "erasure.CleanUp", "erasure.Scan", "erasure.Clear", "erasure.Certify",
	}, s.calls)
	require.Equal(t, erasure.Certified, done.State)
	require.Equal(t, []int64{9, 9, 0}, []int64{done.Found, done.Deleted, done.Left})
	require.Equal(t, []int{3, 3}, []int{done.Stores, done.Emptied})
	require.False(t, done.UnreadableSince.IsZero())
}

func TestStoresThatReadOthersAreEmptiedFirst(t *testing.T) {
	s := newErasure(t)
	var emptied []string
	empty := s.delete
	s.delete = func(in erasure.StoresInput) (erasure.Deleted, error) {
		emptied = append(emptied, in.Stores...)
		return empty(in)
	}
	s.run(t)
	require.Len(t, emptied, 3)
	require.Equal(t, "temporal.histories", emptied[0])
}

func TestCoolingOffIsWaitedOutAndSkipped(t *testing.T) {
	s := newErasure(t)
	s.begin = s.Now().Add(7 * 24 * time.Hour)
	frozen := time.Duration(0)
	begun, freeze := s.Now(), s.freeze
	s.freeze = func(in erasure.Ref) (erasure.Standing, error) { frozen = s.Now().Sub(begun); return freeze(in) }
	s.run(t)
	require.GreaterOrEqual(t, frozen, 7*24*time.Hour)

	s = newErasure(t)
	s.begin = s.Now().Add(7 * 24 * time.Hour)
	begun, freeze = s.Now(), s.freeze
	s.freeze = func(in erasure.Ref) (erasure.Standing, error) { frozen = s.Now().Sub(begun); return freeze(in) }
	s.in(time.Hour, func() { s.begin = s.Now(); s.SignalWorkflow(WakeSignal, nil) })
	s.run(t)
	require.Less(t, frozen, 2*time.Hour)
}

// Whoever has access to Temporal alone hastens nothing.
func TestASignalWithoutTheRowChangesNothing(t *testing.T) {
	s := newErasure(t)
	s.begin = s.Now().Add(48 * time.Hour)
	begun, freeze := s.Now(), s.freeze
	s.freeze = func(in erasure.Ref) (erasure.Standing, error) {
		require.GreaterOrEqual(t, s.Now().Sub(begun), 48*time.Hour)
		return freeze(in)
	}
	for n := range 3 {
		s.in(time.Duration(n+1)*time.Hour, func() { s.SignalWorkflow(WakeSignal, nil) })
	}
	require.Equal(t, erasure.Certified, s.run(t).State)
}

func TestAnErasureIsCancelledUntilThePointOfNoReturn(t *testing.T) {
	cancel := func(s *erasureStage) { s.state = erasure.Cancelled; s.SignalWorkflow(WakeSignal, nil) }
	for name, when := range map[string]func(*erasureStage){
		"while it cools off": func(s *erasureStage) {
			s.begin = s.Now().Add(24 * time.Hour)
			s.in(time.Hour, func() { cancel(s) })
		},
		"while workflows end": func(s *erasureStage) { s.in(settle/2, func() { cancel(s) }) },
		"at the very last": func(s *erasureStage) {
			s.pass = func(erasure.Ref) (erasure.Standing, error) {
				s.state = erasure.Cancelled
				return erasure.Standing{State: s.state}, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newErasure(t)
			when(s)
			require.Equal(t, erasure.Cancelled, s.run(t).State)
			require.False(t, s.frozen, "the person goes on")
			require.NotContains(t, s.calls, "erasure.Bury")
			require.Equal(t, "erasure.EndCancelled", s.calls[len(s.calls)-1])
		})
	}
}

func TestALegalHoldKeepsAnErasureWaitingUntilItIsReleased(t *testing.T) {
	s := newErasure(t)
	s.held = true
	s.in(100*24*time.Hour, func() { s.held = false; s.SignalWorkflow(WakeSignal, nil) })
	begun, freeze := s.Now(), s.freeze
	s.freeze = func(in erasure.Ref) (erasure.Standing, error) {
		require.InDelta(t, (100 * 24 * time.Hour).Hours(), s.Now().Sub(begun).Hours(), 1)
		return freeze(in)
	}
	require.Equal(t, erasure.Certified, s.run(t).State)

	t.Run("one that nobody tells of is found out of within a day", func(t *testing.T) {
		s := newErasure(t)
		s.held = true
		s.in(30*time.Hour, func() { s.held = false })
		require.Equal(t, erasure.Certified, s.run(t).State)
	})
	t.Run("one that comes at the very last lets the person go on", func(t *testing.T) {
		s := newErasure(t)
		s.in(settle/2, func() { s.held = true })
		thawed := false
		thaw := s.thaw
		s.thaw = func(in erasure.Ref) (erasure.Standing, error) {
			thawed = s.frozen
			return thaw(in)
		}
		s.in(settle+time.Hour, func() { require.True(t, thawed); s.held = false; s.SignalWorkflow(WakeSignal, nil) })
		require.Equal(t, erasure.Certified, s.run(t).State)
	})
}

func TestNothingIsCertifiedBeforeNothingIsFound(t *testing.T) {
	s := newErasure(t)
	s.files = 4 // each clearing gets rid of one
	empty, late := s.delete, 2
	s.delete = func(in erasure.StoresInput) (erasure.Deleted, error) {
		if slices.Contains(in.Stores, "weaviate.memory") && late > 0 {
			late--
			return erasure.Deleted{}, nil
		}
		return empty(in)
	}
	certify := s.certify
	s.certify = func(in erasure.Ref) (erasure.Standing, error) {
		require.Zero(t, s.files)
		for name, n := range s.holds {
			require.Zero(t, n, name)
		}
		return certify(in)
	}
	begun := s.Now()
	require.Equal(t, erasure.Certified, s.run(t).State)
	require.Less(t, s.Now().Sub(begun), settle+5*time.Minute, "it tries again soon, and then less often")
}

func TestAnErasureThatIsStartedAnewGoesOnWhereItsRowIs(t *testing.T) {
	for state, last := range map[erasure.State]string{
		erasure.Scanning: "erasure.Certify", erasure.Deleting: "erasure.Certify", erasure.Certified: "erasure.Look",
	} {
		s := newErasure(t)
		look := s.look
		s.look = func(in erasure.Ref) (erasure.Standing, error) {
			now, err := look(in)
			now.Ended = state == erasure.Certified
			return now, err
		}
		s.state = state
		further := func(erasure.Ref) (erasure.Standing, error) { return erasure.Standing{State: state}, nil }
		s.freeze, s.pass, s.bury = further, further, further
		s.count = func(erasure.Ref) (erasure.Inventory, error) {
			return erasure.Inventory{Standing: erasure.Standing{State: state}}, nil
		}
		s.end = func(erasure.Ref) (erasure.Ended, error) {
			return erasure.Ended{Standing: erasure.Standing{State: state}}, nil
		}
		require.Equal(t, erasure.Certified, s.run(t).State)
		require.Equal(t, last, s.calls[len(s.calls)-1])
	}
}

func TestAnErasureIsNamedAfterItsRow(t *testing.T) {
	s := newErasure(t)
	s.ExecuteWorkflow(Erasure, ErasureInput{Erasure: uuid.New()})
	require.True(t, failure.Is(s.GetWorkflowError(), failure.InvalidInput))
}

func TestAnErasureThatWasAskedForBeforeARestoreEndsAtThePointOfNoReturn(t *testing.T) {
	s := newErasure(t)
	s.pass = func(erasure.Ref) (erasure.Standing, error) {
		return erasure.Standing{}, failure.New(failure.EpochOver, "it was asked for before write epoch 2 began", nil)
	}
	s.ExecuteWorkflow(Erasure, ErasureInput{Erasure: s.id})
	require.True(t, failure.Is(s.GetWorkflowError(), failure.EpochOver))
	require.NotContains(t, s.calls, "erasure.Bury")
}

func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	s := newErasure(t)
	empty, failures := s.delete, 3
	s.delete = func(in erasure.StoresInput) (erasure.Deleted, error) {
		if slices.Contains(in.Stores, "weaviate.memory") && failures > 0 {
			failures--
			return erasure.Deleted{}, errors.New("it does not answer")
		}
		return empty(in)
	}
	require.Equal(t, erasure.Certified, s.run(t).State)
}
