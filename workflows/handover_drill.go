package workflows

import (
	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"meai/activities/failover"
	"meai/internal/failure"
)

// HandoverDrill moves the product to the other region for practice, as a planned failover
// whose outcome is held against the targets and kept. The next one moves it back. It is
// refused without the safety switch (drills.allowed), beside another failover, and while the
// other region is not well.
func HandoverDrill(ctx workflow.Context) (failover.Drilled, error) {
	id, err := uuid.Parse(workflow.GetInfo(ctx).OriginalRunID)
	if err != nil {
		return failover.Drilled{}, failure.New(failure.InvalidInput, "the run's id is no UUID", nil)
	}
	drill := failover.DrillRef{ID: id, At: workflow.Now(ctx).UTC()}
	if _, err := allowDrill.run(ctx, drill); err != nil {
		return failover.Drilled{}, err
	}
	// A failover is not ended with whoever asked for it: it is cancelled, or goes to its end.
	handover := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: FailoverID(id), TaskQueue: QueueOperations, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WaitForCancellation: true,
	})
	// How it ended is in its journal, also when it failed.
	failed := workflow.ExecuteChildWorkflow(handover, Failover, failover.Input{ID: id, Planned: true}).Get(handover, nil)
	after, _ := workflow.NewDisconnectedContext(ctx)
	kept, err := keepDrill.run(after, drill)
	if err != nil {
		return kept, err
	}
	return kept, failed
}
