package workflows

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
)

// round is what the activity does in one call, and whether more is asked for meanwhile.
type round func(n int, ask func()) (memory.Consolidated, error)

func consolidateBy(t *testing.T, do round) (*testsuite.TestWorkflowEnvironment, *int) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	calls := 0
	env.RegisterActivityWithOptions(func(_ context.Context, in memory.ConsolidateInput) (memory.Consolidated, error) {
		require.Equal(t, uuid.UUID{7}, in.Subject)
		calls++
		return do(calls, func() { env.SignalWorkflow(AskedSignal, nil) })
	}, activity.RegisterOptions{Name: "memory.Consolidate"})
	env.RegisterWorkflow(ConsolidateSubject)
	return env, &calls
}

func TestOnePersonIsConsolidatedOnceForAllThatWasAskedBefore(t *testing.T) {
	env, calls := consolidateBy(t, func(int, func()) (memory.Consolidated, error) {
		return memory.Consolidated{Echoes: 2, Storylines: 1, Ceased: 1, Vectors: 3}, nil
	})
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(AskedSignal, nil) }, 0)
	env.ExecuteWorkflow(ConsolidateSubject, ConsolidateSubjectInput{Subject: uuid.UUID{7}})
	var done memory.Consolidated
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, memory.Consolidated{Echoes: 2, Storylines: 1, Ceased: 1, Vectors: 3}, done)
	require.Equal(t, 1, *calls)
}

func TestWhatIsAskedWhileItRunsGetsARoundOfItsOwn(t *testing.T) {
	env, calls := consolidateBy(t, func(n int, ask func()) (memory.Consolidated, error) {
		if n == 1 {
			ask()
			ask()
		}
		return memory.Consolidated{Echoes: 1}, nil
	})
	env.ExecuteWorkflow(ConsolidateSubject, ConsolidateSubjectInput{Subject: uuid.UUID{7}})
	var done memory.Consolidated
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, memory.Consolidated{Echoes: 2}, done)
	require.Equal(t, 2, *calls, "both are answered by one")
}

func TestWhoIsAskedForWithoutEndContinuesAsNew(t *testing.T) {
	env, calls := consolidateBy(t, func(_ int, ask func()) (memory.Consolidated, error) {
		ask()
		return memory.Consolidated{}, nil
	})
	env.ExecuteWorkflow(ConsolidateSubject, ConsolidateSubjectInput{Subject: uuid.UUID{7}})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &next)
	require.Equal(t, roundsPerRun, *calls)
}

func TestAConsolidationThatGivesUpSaysSo(t *testing.T) {
	env, calls := consolidateBy(t, func(int, func()) (memory.Consolidated, error) {
		return memory.Consolidated{}, errors.New("its rows are locked")
	})
	env.ExecuteWorkflow(ConsolidateSubject, ConsolidateSubjectInput{Subject: uuid.UUID{7}})
	require.ErrorContains(t, env.GetWorkflowError(), "its rows are locked")
	require.Equal(t, int(nightly.RetryPolicy.MaximumAttempts), *calls)
}
