package cluster

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Backlog is what waits in a task queue, as the server counts it: what no worker has taken
// yet. Tasks of workflows that a worker keeps in memory wait elsewhere, for seconds at most.
type Backlog struct {
	Queue string
	// Kind is "workflow" or "activity".
	Kind  string
	Tasks int64
	// Oldest is how long the first of them has waited.
	Oldest time.Duration
	// Pollers are how many workers have asked for work in the last minutes.
	Pollers int
}

var backlogKinds = map[string]enumspb.TaskQueueType{
	"workflow": enumspb.TASK_QUEUE_TYPE_WORKFLOW, "activity": enumspb.TASK_QUEUE_TYPE_ACTIVITY,
}

// Backlogs asks the server for both kinds of tasks of each queue. A queue that nobody has
// used yet has none.
func Backlogs(ctx context.Context, c client.Client, namespace string, queues ...string) ([]Backlog, error) {
	var all []Backlog
	for _, queue := range queues {
		for kind, of := range backlogKinds {
			got, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
				Namespace: namespace, TaskQueueType: of, ReportStats: true,
				TaskQueue: &taskqueuepb.TaskQueue{Name: queue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
			})
			if err != nil {
				return nil, fmt.Errorf("ask for the backlog of queue %s: %w", queue, err)
			}
			all = append(all, Backlog{
				Queue: queue, Kind: kind, Pollers: len(got.GetPollers()),
				Tasks:  got.GetStats().GetApproximateBacklogCount(),
				Oldest: got.GetStats().GetApproximateBacklogAge().AsDuration(),
			})
		}
	}
	return all, nil
}

// Running counts workflows of a type that began before a moment and have not ended, as the
// server's index of workflows has it, which is seconds behind.
func Running(ctx context.Context, c client.Client, namespace, workflowType string, before time.Time) (int64, error) {
	got, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace,
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND StartTime < '%s'",
			workflowType, before.UTC().Format(time.RFC3339)),
	})
	if err != nil {
		return 0, fmt.Errorf("count running workflows: %w", err)
	}
	return got.GetCount(), nil
}
