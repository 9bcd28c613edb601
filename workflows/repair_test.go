package workflows

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
)

// repairing is a repair over the given number of subjects; every id ends in its
// ordinal. It counts how often the tenants were swept.
func repairing(t *testing.T, subjects int, repair func(ordinal int, in memory.RepairInput) (memory.Repaired, error)) (*testsuite.TestWorkflowEnvironment, *int) {
	t.Helper()
	env := night(t, subjects, nil)
	var one sync.Mutex
	env.RegisterActivityWithOptions(func(_ context.Context, in memory.RepairInput) (memory.Repaired, error) {
		one.Lock() // several people have their turn at once
		defer one.Unlock()
		return repair(ordinal(in.Subject), in)
	}, activity.RegisterOptions{Name: "memory.Repair"})
	swept := new(int)
	env.RegisterActivityWithOptions(func(context.Context, struct{}) (memory.SweptTenants, error) {
		*swept++
		return memory.SweptTenants{Removed: 2, Unknown: 3}, nil
	}, activity.RegisterOptions{Name: "memory.SweepTenants"})
	return env, swept
}

func TestARepairVisitsEverybodyAndThenSweepsTheTenants(t *testing.T) {
	env, swept := repairing(t, 25, func(int, memory.RepairInput) (memory.Repaired, error) {
		return memory.Repaired{Compared: 10, Missing: 3, Stale: 2, Lost: 4, Stray: 1}, nil
	})
	env.ExecuteWorkflow(RepairIndex, RepairIndexInput{PageSize: 10})
	var done RepairDone
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, RepairDone{Subjects: 25, Compared: 250, Missing: 75, Stale: 50, Lost: 100, Stray: 25, Tenants: 2, Unknown: 3}, done)
	require.Equal(t, 1, *swept)
}

func TestALongSubjectIsRepairedInSeveralCalls(t *testing.T) {
	var cursors []uuid.UUID
	subject := uuid.UUID{15: 7}
	env, swept := repairing(t, 25, func(_ int, in memory.RepairInput) (memory.Repaired, error) {
		require.Equal(t, subject, in.Subject)
		if cursors = append(cursors, in.After); len(cursors) < 3 {
			return memory.Repaired{Compared: 5, Next: uuid.UUID{byte(len(cursors))}}, nil
		}
		return memory.Repaired{Compared: 1}, nil
	})
	env.ExecuteWorkflow(RepairIndex, RepairIndexInput{Subject: subject})
	var done RepairDone
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, RepairDone{Subjects: 1, Compared: 11}, done)
	require.Equal(t, []uuid.UUID{{}, {1}, {2}}, cursors)
	require.Zero(t, *swept, "nobody else was asked for")
}

func TestOneSubjectsFailureDoesNotStopTheRepair(t *testing.T) {
	env, swept := repairing(t, 8, func(n int, _ memory.RepairInput) (memory.Repaired, error) {
		if n == 3 {
			return memory.Repaired{}, errors.New("its vectors cannot be read")
		}
		return memory.Repaired{Compared: 1}, nil
	})
	env.ExecuteWorkflow(RepairIndex, RepairIndexInput{})
	var done RepairDone
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, RepairDone{Subjects: 8, Failed: 1, Compared: 7, Tenants: 2, Unknown: 3}, done)
	require.Equal(t, 1, *swept)
}

func TestARepairThatWasAskedForSaysThatItFailed(t *testing.T) {
	env, _ := repairing(t, 8, func(int, memory.RepairInput) (memory.Repaired, error) {
		return memory.Repaired{}, errors.New("weaviate is away")
	})
	env.ExecuteWorkflow(RepairIndex, RepairIndexInput{Subject: uuid.UUID{15: 3}})
	require.ErrorContains(t, env.GetWorkflowError(), "weaviate is away")
}

func TestALongRepairContinuesAsNewWhereItStopped(t *testing.T) {
	env, swept := repairing(t, 500, func(int, memory.RepairInput) (memory.Repaired, error) { return memory.Repaired{Compared: 1}, nil })
	env.ExecuteWorkflow(RepairIndex, RepairIndexInput{PageSize: 20})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &next)
	var carried RepairIndexInput
	require.NoError(t, inputOf(next, &carried))
	require.Equal(t, 20*pagesPerRun, carried.Done.Subjects)
	require.Equal(t, 20*pagesPerRun, carried.Done.Compared)
	require.Equal(t, 20*pagesPerRun, ordinal(carried.After))
	require.Zero(t, *swept)
}
