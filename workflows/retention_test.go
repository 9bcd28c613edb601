package workflows

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
	"meai/activities/privacy/retention"
)

// agingNight is a run of retention over people whose activities are written down.
type agingNight struct {
	*testsuite.TestWorkflowEnvironment
	mu         sync.Mutex
	did        []string
	again      [][]int
	concluded  []retention.Conclusion
	expiring   map[int]int // by ordinal: how many forgettings there are
	applying   func(retention.PeopleInput) (retention.PeopleDone, error)
	forgetting func() error
}

func (n *agingNight) note(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.did = append(n.did, what)
}

func newAgingNight(t *testing.T, people int) *agingNight {
	t.Helper()
	n := &agingNight{TestWorkflowEnvironment: night(t, people, func(int) (memory.Consolidated, error) { return memory.Consolidated{}, nil }), expiring: map[int]int{}}
	n.applying = n.apply
	register(n, "retention.Prepare", func(retention.Run) (struct{}, error) { return struct{}{}, nil })
	register(n, "retention.DropPartitions", func(retention.Run) (retention.Partitions, error) {
		return retention.Partitions{Dropped: 2, Kept: 1}, nil
	})
	register(n, "retention.ApplyToPeople", func(in retention.PeopleInput) (retention.PeopleDone, error) { return n.applying(in) })
	register(n, "retention.PlanExpiry", func(in retention.ExpiryInput) (memory.ForgettingRef, error) {
		if in.Turn >= n.expiring[ordinal(in.Subject)] {
			return memory.ForgettingRef{}, nil
		}
		return memory.ForgettingRef{Subject: in.Subject, Forgetting: uuid.New()}, nil
	})
	for _, step := range []string{"memory.Forget", "memory.ForgetCopies"} {
		register(n, step, func(memory.ForgettingRef) (struct{}, error) {
			if n.forgetting != nil {
				return struct{}{}, n.forgetting()
			}
			return struct{}{}, nil
		})
	}
	register(n, "memory.ProveForgotten", func(memory.ForgettingRef) (memory.Receipt, error) { return memory.Receipt{}, nil })
	register(n, "retention.ApplyToRest", func(retention.Run) (retention.Counts, error) {
		return retention.Counts{"approvals": {Deleted: 4}}, nil
	})
	register(n, "retention.Conclude", func(in retention.Conclusion) (struct{}, error) {
		n.concluded = append(n.concluded, in)
		return struct{}{}, nil
	})
	return n
}

func register[In, Out any](n *agingNight, name string, do func(In) (Out, error)) {
	n.RegisterActivityWithOptions(func(_ context.Context, in In) (Out, error) {
		n.note(name)
		return do(in)
	}, activity.RegisterOptions{Name: name})
}

func (n *agingNight) apply(in retention.PeopleInput) (retention.PeopleDone, error) {
	done := retention.PeopleDone{Counts: retention.Counts{}}
	for _, subject := range in.Subjects {
		if in.Again {
			continue
		}
		if n.expiring[ordinal(subject)] > 0 {
			done.Expiring = append(done.Expiring, subject)
		}
		done.Counts.Add(retention.Counts{"interactions": {Deleted: 1, Kept: map[retention.Reason]int64{retention.LegalHold: 2}}})
	}
	if in.Again {
		var who []int
		for _, subject := range in.Subjects {
			who = append(who, ordinal(subject))
		}
		n.again = append(n.again, who)
	}
	return done, nil
}

func (n *agingNight) count(what string) (times int) {
	for _, did := range n.did {
		if did == what {
			times++
		}
	}
	return times
}

func TestRetentionGoesThroughPartitionsPeopleAndTheRest(t *testing.T) {
	n := newAgingNight(t, 25)
	n.expiring[3], n.expiring[17] = 2, 1
	n.ExecuteWorkflow(Retention, RetentionInput{PageSize: 10})
	require.NoError(t, n.GetWorkflowError())
	var done RetentionProgress
	require.NoError(t, n.GetWorkflowResult(&done))
	require.Equal(t, RetentionProgress{Report: done.Report, Step: "done", People: 25, Deleted: 29, Kept: 50}, done)
	require.NotZero(t, done.Report)
	require.Len(t, n.concluded, 1)
	end := n.concluded[0]
	require.Equal(t, retention.Completed, end.State)
	require.Equal(t, retention.Partitions{Dropped: 2, Kept: 1}, end.Partitions)
	require.Equal(t, retention.Counts{"interactions": {Deleted: 25, Kept: map[retention.Reason]int64{retention.LegalHold: 50}}, "approvals": {Deleted: 4}}, end.Counts)
	require.Equal(t, 3, n.count("memory.Forget"))
	require.Equal(t, 3, n.count("memory.ProveForgotten"))
	require.ElementsMatch(t, [][]int{{3}, {17}}, n.again, "what had waited for their memories")
	require.Less(t, slices.Index(n.did, "retention.DropPartitions"), slices.Index(n.did, "retention.ApplyToPeople"))
	require.Equal(t, "retention.Conclude", n.did[len(n.did)-1])
}

func TestADryRunForgetsNothing(t *testing.T) {
	n := newAgingNight(t, 5)
	n.ExecuteWorkflow(Retention, RetentionInput{DryRun: true})
	require.NoError(t, n.GetWorkflowError())
	require.True(t, n.concluded[0].DryRun)
	require.Zero(t, n.count("retention.Prepare"), "it writes nothing down, not even names")
	require.Zero(t, n.count("memory.Forget"))
}

func TestALongRunContinuesAsNewWithWhatItCounted(t *testing.T) {
	n := newAgingNight(t, 500)
	n.ExecuteWorkflow(Retention, RetentionInput{PageSize: 20})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, n.GetWorkflowError(), &next)
	var carried RetentionInput
	require.NoError(t, inputOf(next, &carried))
	require.Equal(t, 20*pagesPerRun, carried.Done.People)
	require.Equal(t, 20*pagesPerRun, ordinal(carried.After))
	require.True(t, carried.Dropped, "partitions are not looked for again")
	require.Equal(t, int64(20*pagesPerRun), carried.Done.Counts["interactions"].Deleted)
	require.Empty(t, n.concluded, "it has not ended")

	rest := newAgingNight(t, 500)
	rest.ExecuteWorkflow(Retention, carried)
	require.ErrorAs(t, rest.GetWorkflowError(), &next)
	require.Zero(t, rest.count("retention.DropPartitions"))
	var again RetentionInput
	require.NoError(t, inputOf(next, &again))
	require.Equal(t, carried.Run.ID, again.Run.ID, "it is one run")
	require.WithinDuration(t, carried.Run.At, again.Run.At, 0)
}

func TestWhatDoesNotFitIntoOneStepIsGoneOnWith(t *testing.T) {
	n := newAgingNight(t, 5)
	var sizes []int
	n.applying = func(in retention.PeopleInput) (retention.PeopleDone, error) {
		sizes = append(sizes, len(in.Subjects))
		done, err := n.apply(retention.PeopleInput{Run: in.Run, Subjects: in.Subjects[:1]})
		done.Left = in.Subjects[1:]
		return done, err
	}
	n.ExecuteWorkflow(Retention, RetentionInput{})
	require.NoError(t, n.GetWorkflowError())
	require.Equal(t, []int{5, 4, 3, 2, 1}, sizes)
	require.Equal(t, int64(5), n.concluded[0].Counts["interactions"].Deleted)
	require.Equal(t, 5, n.concluded[0].People)
}

func TestWhatFailsForSomeIsLeftToTheNextRun(t *testing.T) {
	n := newAgingNight(t, 30)
	n.expiring[25] = 1
	n.forgetting = func() error { return temporal.NewNonRetryableApplicationError("the index is away", "", nil) }
	n.applying = func(in retention.PeopleInput) (retention.PeopleDone, error) {
		if ordinal(in.Subjects[0]) == 1 {
			return retention.PeopleDone{}, errors.New("its rows are locked")
		}
		return n.apply(in)
	}
	n.ExecuteWorkflow(Retention, RetentionInput{PageSize: 10})
	require.NoError(t, n.GetWorkflowError())
	require.Equal(t, 11, n.concluded[0].Failed, "a page, and one whose memories could not be forgotten")
	require.Equal(t, 30, n.concluded[0].People)
	require.Equal(t, int64(20), n.concluded[0].Counts["interactions"].Deleted)
	require.Equal(t, retention.Completed, n.concluded[0].State)
}

func TestARunThatIsCancelledOrFailsStillReports(t *testing.T) {
	n := newAgingNight(t, 30)
	n.RegisterDelayedCallback(n.CancelWorkflow, time.Hour)
	n.applying = func(in retention.PeopleInput) (retention.PeopleDone, error) {
		if ordinal(in.Subjects[0]) == 11 {
			n.CancelWorkflow()
		}
		return n.apply(in)
	}
	n.ExecuteWorkflow(Retention, RetentionInput{PageSize: 10})
	require.True(t, temporal.IsCanceledError(n.GetWorkflowError()), "%v", n.GetWorkflowError())
	require.Len(t, n.concluded, 1)
	require.Equal(t, retention.Cancelled, n.concluded[0].State)
	require.GreaterOrEqual(t, n.concluded[0].Counts["interactions"].Deleted, int64(10), "what had gone by then")

	n = newAgingNight(t, 3)
	n.OnActivity("retention.ApplyToRest", mock.Anything, mock.Anything).Return(nil, temporal.NewNonRetryableApplicationError("no", "", nil))
	n.ExecuteWorkflow(Retention, RetentionInput{})
	require.Error(t, n.GetWorkflowError())
	require.Equal(t, retention.Failed, n.concluded[0].State)
}

// verification is a look at encryption whose steps find something.
func verification(t *testing.T, steps map[string]func() (retention.Look, error)) (*testsuite.TestWorkflowEnvironment, *retention.Finish) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	for name, step := range steps {
		env.RegisterActivityWithOptions(func(context.Context, retention.LookInput) (retention.Look, error) { return step() }, activity.RegisterOptions{Name: name})
	}
	finish := &retention.Finish{}
	env.RegisterActivityWithOptions(func(_ context.Context, in retention.Finish) (retention.Soundness, error) {
		*finish = in
		return retention.Unsound, nil
	}, activity.RegisterOptions{Name: "encryption.Conclude"})
	return env, finish
}

func TestAVerificationGathersWhatItsStepsFind(t *testing.T) {
	in := func(problem retention.Problem) func() (retention.Look, error) {
		return func() (retention.Look, error) {
			return retention.Look{Looked: retention.Looked{Columns: 1}, Findings: []retention.Finding{{Problem: problem, Store: "x", Count: 1}}}, nil
		}
	}
	env, finish := verification(t, map[string]func() (retention.Look, error){
		"encryption.CheckPlaces": in(retention.InTheOpen), "encryption.CheckColumns": in(retention.NotOfItsClass), "encryption.OpenSamples": in(retention.DoesNotOpen),
	})
	env.ExecuteWorkflow(VerifyEncryption, retention.LookInput{})
	require.NoError(t, env.GetWorkflowError())
	var done VerifyEncryptionDone
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, VerifyEncryptionDone{Report: finish.ID, State: retention.Unsound, Looked: retention.Looked{Columns: 3}, Findings: 3}, done)
	require.Len(t, finish.Findings, 3)
	require.False(t, finish.Failed)
}

func TestAVerificationThatBreaksOffIsNoSoundOne(t *testing.T) {
	nothing := func() (retention.Look, error) { return retention.Look{}, nil }
	env, finish := verification(t, map[string]func() (retention.Look, error){
		"encryption.CheckPlaces": nothing, "encryption.OpenSamples": nothing,
		"encryption.CheckColumns": func() (retention.Look, error) {
			return retention.Look{}, temporal.NewNonRetryableApplicationError("no", "", nil)
		},
	})
	env.ExecuteWorkflow(VerifyEncryption, retention.LookInput{})
	require.Error(t, env.GetWorkflowError())
	require.True(t, finish.Failed, "and reported so")
}
