package workflows

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"meai/activities/privacy/requests"
	"meai/internal/failure"
)

// LegalHold places or releases a hold, as the approval says that it is named after, and has
// what waited for the end of a hold go on.
func LegalHold(ctx workflow.Context, in requests.HoldInput) (requests.HoldRef, error) {
	if workflow.GetInfo(ctx).WorkflowExecution.ID != requests.HoldWorkflow(in.Approval) {
		return requests.HoldRef{}, failure.New(failure.InvalidInput, "the workflow of a hold is named after its approval", nil)
	}
	hold, err := carryHold.run(ctx, in)
	if err != nil {
		return requests.HoldRef{}, err
	}
	if _, err := settleHolds.run(ctx, struct{}{}); err != nil {
		return requests.HoldRef{}, err
	}
	return hold, nil
}

// telling is how long one place is tried in one run; the next one comes within the hour.
const telling = 20 * time.Minute

// PrivacyDeadlines tells the places that are configured which requests of people are due soon
// or overdue, each time limit once at each level, and has what waited for a hold go on whose
// time is over.
func PrivacyDeadlines(ctx workflow.Context, _ struct{}) (requests.Watched, error) {
	watched, failed := watchDeadlines.run(ctx, struct{}{})
	options := calling
	options.ScheduleToCloseTimeout = telling
	told := make([]future[struct{}], len(watched.Warnings))
	for i, warning := range watched.Warnings {
		told[i] = warnOfDeadline.under(options).start(ctx, warning)
	}
	for i := range told {
		if _, err := told[i].result(ctx); err != nil { // a place that is down keeps no other waiting
			workflow.GetLogger(ctx).Warn("a time limit was not told", "error", err)
		}
	}
	if _, err := settleHolds.run(ctx, struct{}{}); failed == nil {
		failed = err
	}
	return requests.Watched{Overdue: watched.Overdue}, failed
}

// LegalHold has a hold placed or released and waits for that. Once more joins what is under
// way, or finds it done. One that failed is tried again.
func (s *Starter) LegalHold(ctx context.Context, in requests.HoldInput) (hold requests.HoldRef, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	run, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: requests.HoldWorkflow(in.Approval), TaskQueue: QueueOperations,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, LegalHold, in)
	if err != nil {
		return hold, fmt.Errorf("start a legal hold: %w", err)
	}
	if err := run.Get(ctx, &hold); err != nil {
		return hold, fmt.Errorf("carry a legal hold out: %w", err)
	}
	return hold, nil
}
