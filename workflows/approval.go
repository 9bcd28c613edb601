package workflows

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"meai/activities/approval"
	"meai/activities/keys"
	"meai/internal/failure"
)

// DecideUpdate brings one person's decision to an [Approval].
const DecideUpdate = "decide"

// approvalPrefix begins the id of every approval's workflow.
const approvalPrefix = "approval/"

// Approval waits until the persons whose consent an act needs have decided, or
// its time is over. The request and its decisions are rows: starting this
// workflow by hand asks for nothing and decides nothing.
func Approval(ctx workflow.Context, in approval.Ref) (approval.Outcome, error) {
	if workflow.GetInfo(ctx).WorkflowExecution.ID != approvalID(in.ID) {
		return approval.Outcome{}, failure.New(failure.InvalidInput, "the workflow of an approval is named after it", nil)
	}
	w := &waiting{}
	if err := workflow.SetUpdateHandler(ctx, DecideUpdate, w.decide); err != nil {
		return approval.Outcome{}, err
	}
	request, err := loadApproval.run(ctx, in)
	if err != nil {
		return approval.Outcome{}, err
	}
	left := request.ExpiresAt.Sub(workflow.Now(ctx)) + time.Second // the rows' clock is another
	if _, err := workflow.AwaitWithTimeout(ctx, max(left, time.Second), func() bool { return w.decided }); err != nil {
		return approval.Outcome{}, err
	}
	outcome, err := concludeApproval.run(ctx, in)
	w.concluded = true
	if err != nil {
		return approval.Outcome{}, err
	}
	return outcome, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// waiting is an approval that is waited for.
type waiting struct{ decided, concluded bool }

// decide records a decision. The one that settles the matter returns once that
// is written as well.
func (w *waiting) decide(ctx workflow.Context, d approval.Decision) error {
	tally, err := recordDecision.run(ctx, d)
	if err != nil {
		return err
	}
	if !tally.Decided {
		return nil
	}
	w.decided = true
	return workflow.Await(ctx, func() bool { return w.concluded })
}

func approvalID(id uuid.UUID) string { return approvalPrefix + id.String() }

// StartApproval starts the waiting for an approval that has been asked for, unless
// it is under way.
func (s *Starter) StartApproval(ctx context.Context, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if _, err := s.Client.ExecuteWorkflow(ctx, approvalOptions(id), Approval, approval.Ref{ID: id}); err != nil {
		return fmt.Errorf("start approval %s: %w", id, err)
	}
	return nil
}

// Decide brings a signed decision to its approval, whose workflow is started if a
// crash has kept it from it. It returns once the decision is recorded.
func (s *Starter) Decide(ctx context.Context, d approval.Decision) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	handle, err := s.Client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.Client.NewWithStartWorkflowOperation(approvalOptions(d.Approval), Approval, approval.Ref{ID: d.Approval}),
		UpdateOptions: client.UpdateWorkflowOptions{
			// One decision of a person is one update, however often it is sent.
			WorkflowID: approvalID(d.Approval), UpdateID: fmt.Sprintf("%s/%t", keys.Digest(d.Approver), d.Approves),
			UpdateName: DecideUpdate, Args: []any{d}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return fmt.Errorf("decide on approval %s: %w", d.Approval, err)
	}
	if err := handle.Get(ctx, nil); err != nil {
		return fmt.Errorf("decide on approval %s: %w", d.Approval, err)
	}
	return nil
}

func approvalOptions(id uuid.UUID) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       approvalID(id),
		TaskQueue:                QueueOperations,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		// One that was ended by hand, or with a restore, waits anew: its request is still there.
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	}
}
