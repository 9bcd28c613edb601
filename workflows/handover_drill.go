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
func HandoverDrill(ctx workflow.Context, drill failover.DrillRef) (failover.Drilled, error) {
	if drill.ID == uuid.Nil {
		// One id for all attempts, and also for a run that is reset.
		id, err := uuid.Parse(workflow.GetInfo(ctx).OriginalRunID)
		if err != nil {
			return failover.Drilled{}, failure.New(failure.InvalidInput, "the run's id is no UUID: give the drill one", nil)
		}
		drill.ID = id
	}
	drill.At = workflow.Now(ctx).UTC()
	if _, err := allowDrill.run(ctx, drill); err != nil {
		return failover.Drilled{}, err
	}
	// A failover is not ended with whoever asked for it: it is cancelled, or goes to its end.
	handover := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: FailoverID(drill.ID), TaskQueue: QueueOperations, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WaitForCancellation: true,
	})
	// How it ended is in its journal, also when it failed.
	failed := workflow.ExecuteChildWorkflow(handover, Failover, failover.Input{ID: drill.ID, Planned: true}).Get(handover, nil)
	after, _ := workflow.NewDisconnectedContext(ctx)
	kept, err := keepDrill.run(after, drill)
	if err != nil {
		return kept, err
	}
	return kept, failed
}
