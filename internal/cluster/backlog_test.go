package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"meai/internal/cluster"
	"meai/internal/enginetest"
)

const within = 30 * time.Second

func TestABacklogIsCountedUntilAWorkerTakesIt(t *testing.T) {
	stack := enginetest.Config(t).Temporal
	stack.Namespace = "test-" + uuid.NewString()[:8]
	c, err := client.NewLazyClient(client.Options{HostPort: stack.Address, Namespace: stack.Namespace})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	declared, err := cluster.Load("../../temporal.yaml")
	require.NoError(t, err)
	declared.Schedules = nil // they would add work of their own
	_, err = cluster.Applier{Client: c, Namespace: stack.Namespace, Declared: declared}.Apply(t.Context())
	require.NoError(t, err)
	queue, kind := "backlog-"+uuid.NewString()[:8], "Waits"+uuid.NewString()[:8]
	before := time.Now().Add(time.Minute) // all that begin here count as overdue
	running := func() int64 {
		n, err := cluster.Running(t.Context(), c, stack.Namespace, kind, before)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, running())

	var runs []client.WorkflowRun
	for range 3 {
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: queue, WorkflowExecutionTimeout: 2 * time.Minute}, kind)
		require.NoError(t, err)
		runs = append(runs, run)
	}
	of := func(want string) cluster.Backlog {
		all, err := cluster.Backlogs(t.Context(), c, stack.Namespace, queue)
		require.NoError(t, err)
		require.Len(t, all, 2, "of workflows and of activities")
		for _, b := range all {
			require.Equal(t, queue, b.Queue)
			if b.Kind == want {
				return b
			}
		}
		t.Fatalf("no backlog of kind %s", want)
		return cluster.Backlog{}
	}
	require.Eventually(t, func() bool {
		b := of("workflow")
		return b.Tasks == 3 && b.Oldest > 0 && b.Pollers == 0
	}, within, 200*time.Millisecond, "what waits is counted")
	require.Zero(t, of("activity").Tasks)
	require.Eventually(t, func() bool { return running() == 3 }, within, 200*time.Millisecond)
	none, err := cluster.Running(t.Context(), c, stack.Namespace, kind, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Zero(t, none, "none is that old")

	w := worker.New(c, queue, worker.Options{DisableRegistrationAliasing: true})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: kind})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	for _, run := range runs {
		require.NoError(t, run.Get(t.Context(), nil))
	}
	require.Eventually(t, func() bool { b := of("workflow"); return b.Tasks == 0 && b.Pollers > 0 }, within, 200*time.Millisecond)
	require.Eventually(t, func() bool { return running() == 0 }, within, 200*time.Millisecond)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = cluster.Backlogs(ended, c, stack.Namespace, queue)
	require.Error(t, err)
}
