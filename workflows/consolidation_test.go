package workflows

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
)

// night is a consolidation over the given number of subjects; every id ends in
// its ordinal.
func night(t *testing.T, subjects int, consolidate func(ordinal int) (memory.Consolidated, error)) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	var one sync.Mutex
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivityWithOptions(func(_ context.Context, in memory.ListSubjectsInput) (memory.SubjectPage, error) {
		var page memory.SubjectPage
		for n := ordinal(in.After) + 1; n <= subjects && len(page.Subjects) < in.Limit; n++ {
			page.Subjects = append(page.Subjects, uuid.UUID{14: byte(n >> 8), 15: byte(n)})
		}
		return page, nil
	}, activity.RegisterOptions{Name: "memory.ListSubjects"})
	env.RegisterActivityWithOptions(func(_ context.Context, in memory.ConsolidateInput) (memory.Consolidated, error) {
		one.Lock() // several people have their turn at once
		defer one.Unlock()
		return consolidate(ordinal(in.Subject))
	}, activity.RegisterOptions{Name: "memory.Consolidate"})
	return env
}

func ordinal(id uuid.UUID) int { return int(id[14])<<8 | int(id[15]) }

func TestConsolidationVisitsEverybodyOnce(t *testing.T) {
	visits := make(map[int]int)
	env := night(t, 25, func(n int) (memory.Consolidated, error) {
		visits[n]++
		return memory.Consolidated{Vectors: 2, Echoes: 1}, nil
	})
	env.ExecuteWorkflow(Consolidation, ConsolidationInput{PageSize: 10})
	var done ConsolidationDone
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, ConsolidationDone{Subjects: 25, Consolidated: memory.Consolidated{Vectors: 50, Echoes: 25}}, done)
	require.Len(t, visits, 25)
	for n, times := range visits {
		require.Equal(t, 1, times, "subject %d", n)
	}
}

func TestOneSubjectsFailureDoesNotStopTheNight(t *testing.T) {
	env := night(t, 8, func(n int) (memory.Consolidated, error) {
		if n == 3 {
			return memory.Consolidated{}, errors.New("its rows are locked")
		}
		return memory.Consolidated{Vectors: 1}, nil
	})
	env.ExecuteWorkflow(Consolidation, ConsolidationInput{})
	var done ConsolidationDone
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, ConsolidationDone{Subjects: 8, Failed: 1, Consolidated: memory.Consolidated{Vectors: 7}}, done)
}

func TestLongNightContinuesAsNewWhereItStopped(t *testing.T) {
	env := night(t, 500, func(int) (memory.Consolidated, error) { return memory.Consolidated{}, nil })
	env.ExecuteWorkflow(Consolidation, ConsolidationInput{PageSize: 20})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &next)
	var carried ConsolidationInput
	require.NoError(t, inputOf(next, &carried))
	require.Equal(t, 20*pagesPerRun, carried.Done.Subjects)
	require.Equal(t, 20*pagesPerRun, ordinal(carried.After))
}

// inputOf reads the input that the next run starts with.
func inputOf(next *workflow.ContinueAsNewError, into any) error {
	return converter.GetDefaultDataConverter().FromPayloads(next.Input, into)
}
