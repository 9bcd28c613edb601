package workflows

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"meai/activities/escalation"
	"meai/internal/failure"
)

// AnsweredCallUpdate makes an [Escalation] look whether its case is still open. It
// carries nothing: the row says so, and nobody else.
const AnsweredCallUpdate = "answered"

// escalationPrefix begins the id of every escalation's workflow.
const escalationPrefix = "escalation/"

// Escalation tells people on call about a case, level by level and again, until one of
// them acknowledges it or its time is over.
func Escalation(ctx workflow.Context, in escalation.Ref) error {
	if workflow.GetInfo(ctx).WorkflowExecution.ID != escalationID(in.ID) {
		return failure.New(failure.InvalidInput, "the workflow of an escalation is named after it", nil)
	}
	c := &onCall{ref: in}
	if err := workflow.SetUpdateHandler(ctx, AnsweredCallUpdate, c.look); err != nil {
		return err
	}
	plan, err := loadCase.run(ctx, in)
	if err != nil {
		return err
	}
	c.answered = c.answered || !plan.Open
	for _, round := range plan.Rounds {
		if err := c.tell(ctx, round); err != nil {
			return err
		}
	}
	if !c.answered {
		if _, err := leaveCase.run(ctx, in); err != nil {
			return err
		}
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// onCall is a case whose people on call are told.
type onCall struct {
	ref      escalation.Ref
	answered bool
}

// tell tells one level and waits. The wait begins with the telling, not after it: a
// service that is down keeps no other level waiting, and is tried until the next round.
func (c *onCall) tell(ctx workflow.Context, round escalation.Round) error {
	if c.answered {
		return nil
	}
	telling, stop := workflow.WithCancel(ctx)
	defer stop()
	options := calling
	options.ScheduleToCloseTimeout = max(round.Wait, time.Second)
	for target := range round.Targets {
		notifyOnCall.under(options).start(telling, escalation.NotifyInput{
			ID: c.ref.ID, Level: round.Level, Round: round.Number, Target: target,
		})
	}
	_, err := workflow.AwaitWithTimeout(ctx, round.Wait, func() bool { return c.answered })
	return err
}

// look reads the row anew: whoever sends the update without having acknowledged the
// case has changed nothing.
func (c *onCall) look(ctx workflow.Context) error {
	plan, err := loadCase.run(ctx, c.ref)
	if err != nil {
		return err
	}
	c.answered = c.answered || !plan.Open
	return nil
}

// EscalationSweep begins what an interaction that was cut short has left.
func EscalationSweep(ctx workflow.Context, _ struct{}) (escalation.Swept, error) {
	return sweepCases.run(ctx, struct{}{})
}

func escalationID(id uuid.UUID) string { return escalationPrefix + id.String() }

// StartEscalation starts the telling about a case, unless it is under way or has come
// to its end. One that was ended by hand, or failed, begins anew: its case is open.
func (s *Starter) StartEscalation(ctx context.Context, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       escalationID(id),
		TaskQueue:                                QueueOperations,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowExecutionErrorWhenAlreadyStarted: false,
	}, Escalation, escalation.Ref{ID: id})
	if err != nil {
		return fmt.Errorf("start escalation %s: %w", id, err)
	}
	return nil
}

// AnswerEscalation has a case's workflow see that it was acknowledged or closed, at
// once rather than before its next notification. It waits for nothing.
func (s *Starter) AnswerEscalation(ctx context.Context, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := s.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: escalationID(id), UpdateName: AnsweredCallUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		return fmt.Errorf("tell escalation %s that it is answered: %w", id, err)
	}
	return nil
}
