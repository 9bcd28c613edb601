package workers

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"meai/internal/cluster"
	"meai/internal/failure"
)

func declaration(t *testing.T) cluster.Declaration {
	t.Helper()
	d, err := cluster.Load("../temporal.yaml")
	require.NoError(t, err)
	return d
}

func TestEveryScheduleStartsWhatItsQueueServes(t *testing.T) {
	d := declaration(t)
	require.NotEmpty(t, d.Schedules)
	for id, s := range d.Schedules {
		var known []string
		for _, w := range served[s.TaskQueue].workflows {
			known = append(known, nameOf(w))
		}
		require.Contains(t, known, s.Workflow, id)
	}
}

func TestEveryServedQueueIsDeclared(t *testing.T) {
	require.NoError(t, check(Queues(), declaration(t)))
}

func TestEveryWrongQueueIsNamedAtOnce(t *testing.T) {
	var none client.Client
	d := declaration(t)
	d.TaskQueues["spare"] = d.TaskQueues["batch"]
	_, err := Start(none, d, []string{"mirorr", "spare"}, Capabilities{}, slog.Default())
	require.ErrorContains(t, err, `queue "mirorr" is not declared; the declared queues are batch, memory`)
	require.ErrorContains(t, err, `queue "spare" has no work in this version; these have: batch, memory`)
}

func TestAPersonsStoryRunsUnderThatPersonsID(t *testing.T) {
	subject := uuid.NewString()
	for id, runs := range map[string]bool{
		"person/" + subject + "/interaction/1": true,
		"person//interaction/1":                false,
		"person/somebody/interaction/1":        false,
		"interaction/1":                        false,
	} {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&personsOnly{}}})
		env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: id})
		ran := false
		env.ExecuteWorkflow(func(workflow.Context) error { ran = true; return nil })
		require.True(t, env.IsWorkflowCompleted())
		require.Equal(t, runs, ran, id)
		require.Equal(t, !runs, failure.Is(env.GetWorkflowError(), failure.InvalidInput), id)
	}
}
