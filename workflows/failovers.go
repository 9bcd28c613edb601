package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"meai/activities/failover"
	"meai/internal/failure"
)

// Failovers are what people do with failovers: they start, watch, approve and cancel them.
// Carrying them out is for the control worker.
type Failovers struct {
	// Temporal is the control plane's.
	Temporal client.Client
	// Journal reads what was done, and takes back what has no workflow. It needs a register
	// and a name.
	Journal *failover.Controller
}

// askControl bounds one question to the control plane's Temporal, which may be gone.
const askControl = 5 * time.Second

// FailoverID is the id of a failover's workflow.
func FailoverID(id uuid.UUID) string { return "failover/" + id.String() }

// Start starts a failover once for its id, which it must have. It fails with
// [failure.IdempotencyConflict] when the id was used for something else, and with
// [failure.Decided] when another one is under way.
func (f *Failovers) Start(ctx context.Context, in failover.Input) (client.WorkflowRun, error) {
	ctx, cancel := context.WithTimeout(ctx, askControl)
	defer cancel()
	claimed, err := f.Journal.Register.Claimed(ctx)
	if err != nil {
		return nil, fmt.Errorf("read whether a failover is under way: %w", err)
	}
	if claimed != "" && claimed != in.ID.String() {
		if run, err := f.again(ctx, in); err == nil {
			return run, nil // that one was before
		}
		return nil, failure.New(failure.Decided, "another failover is under way: "+claimed, failover.ErrUnderWay)
	}
	run, err := f.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: FailoverID(in.ID), TaskQueue: QueueOperations, Memo: map[string]any{requestMemo: wish(in)},
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, Failover, in)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		return f.again(ctx, in)
	}
	if err != nil {
		return nil, fmt.Errorf("start the failover: %w", err)
	}
	return run, nil
}

// wish is what a failover was asked for, without what overrides the gate.
func wish(in failover.Input) string { return fmt.Sprintf("to %q planned %t", in.To, in.Planned) }

// again finds the failover that was started with the same id.
func (f *Failovers) again(ctx context.Context, in failover.Input) (client.WorkflowRun, error) {
	described, err := f.Temporal.DescribeWorkflowExecution(ctx, FailoverID(in.ID), "")
	if err != nil {
		return nil, fmt.Errorf("look at what the id was used for: %w", err)
	}
	var before string
	memo := described.GetWorkflowExecutionInfo().GetMemo().GetFields()[requestMemo]
	if err := converter.GetDefaultDataConverter().FromPayload(memo, &before); err != nil {
		return nil, fmt.Errorf("read what the id was used for: %w", err)
	}
	if before != wish(in) {
		return nil, failure.New(failure.IdempotencyConflict, "the id was used for another failover", nil)
	}
	return f.Temporal.GetWorkflow(ctx, FailoverID(in.ID), ""), nil
}

// Approve overrides the gate of a failover that waits for two persons: with an approval of
// the system itself, or with a signed document. It fails with [failure.NotFound] where no
// such failover runs, and with [failure.Decided] where nothing waits. Whether it was enough
// shows in what the failover does next.
func (f *Failovers) Approve(ctx context.Context, id, approval uuid.UUID, document string) error {
	return f.update(ctx, id, ApproveFailover, failover.StepInput{Approval: approval, Document: document})
}

func (f *Failovers) update(ctx context.Context, id uuid.UUID, name string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, askControl)
	defer cancel()
	handle, err := f.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: FailoverID(id), UpdateName: name, WaitForStage: client.WorkflowUpdateStageCompleted, Args: args,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return failure.New(failure.NotFound, "no such failover runs as a workflow", err)
	}
	if err != nil {
		return fmt.Errorf("tell the failover: %w", err)
	}
	return nil
}

// Cancel takes a failover back, up to the commit point: through its workflow where there is
// one, else in the journal. Behind that point it fails with [failure.Decided].
func (f *Failovers) Cancel(ctx context.Context, id uuid.UUID) error {
	ctx, stop := context.WithTimeout(ctx, 4*askControl)
	defer stop()
	err := f.update(ctx, id, CancelFailover)
	if err == nil || failure.Is(err, failure.Decided) {
		return err
	}
	return f.Journal.TakeBack(ctx, id)
}

// Shown is a failover as its journal has it, and what only its workflow knows.
type Shown struct {
	failover.History
	// Refused are the gate's reasons, while it waits for two persons; Failing is why the step
	// under way has not succeeded yet. Both are empty where it does not run as a workflow.
	Refused []failover.Reason `json:"refused,omitempty"`
	Failing string            `json:"failing,omitempty"`
	// Starting: its workflow runs, and has written nothing yet.
	Starting bool `json:"starting,omitempty"`
}

// Show reads one failover, or fails with [failure.NotFound].
func (f *Failovers) Show(ctx context.Context, id uuid.UUID) (Shown, error) {
	h, err := f.Journal.Look(ctx, id)
	if err != nil {
		return Shown{}, err
	}
	shown := Shown{History: h}
	if h.Plan.ID == uuid.Nil {
		return shown, f.starting(ctx, &shown)
	}
	if h.Result == nil {
		// What the workflow says comes on top: the journal is enough where it says nothing.
		if p, err := f.Progress(ctx, id); err == nil {
			shown.Refused, shown.Failing = p.Refused, p.Failing
		}
	}
	return shown, nil
}

// Progress asks the workflow of a failover where it is. It answers while a control worker
// is there.
func (f *Failovers) Progress(ctx context.Context, id uuid.UUID) (p FailoverProgress, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	answer, err := f.Temporal.QueryWorkflow(ctx, FailoverID(id), "", ProgressQuery)
	if err != nil {
		return p, fmt.Errorf("ask a failover where it is: %w", err)
	}
	return p, answer.Get(&p)
}

// starting looks for the workflow of a failover that has no plan. Where that has ended
// without one, nothing was changed.
func (f *Failovers) starting(ctx context.Context, shown *Shown) error {
	ctx, cancel := context.WithTimeout(ctx, askControl)
	defer cancel()
	described, err := f.Temporal.DescribeWorkflowExecution(ctx, FailoverID(shown.ID), "")
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return failure.New(failure.NotFound, "there is no such failover", err)
	}
	if err != nil {
		return fmt.Errorf("look for the workflow of a failover: %w", err)
	}
	info := described.GetWorkflowExecutionInfo()
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		shown.Starting = true
		return nil
	}
	shown.Next, shown.Result = "", &failover.Result{State: failover.RolledBack, At: info.GetCloseTime().AsTime()}
	return nil
}
