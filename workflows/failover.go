package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"meai/activities/failover"
	"meai/internal/failure"
)

// What a [Failover] can be told.
const (
	// CancelFailover, as an update or a signal, takes it back. The update is refused once
	// that is too late.
	CancelFailover = "cancel"
	// ApproveFailover, as an update or a signal, overrides the gate with a
	// [failover.StepInput] that has an approval or a document.
	ApproveFailover = "approve"
)

// approvalWait is how long a failover that the gate refuses waits for two persons.
const approvalWait = time.Hour

// FailoverProgress is where a failover is. There is nothing of a person in it.
type FailoverProgress struct {
	Plan failover.Plan `json:"plan"`
	// Step is the one under way; State is empty while there is one, else how it ended.
	Step  string `json:"step,omitempty"`
	State string `json:"state,omitempty"`
	// Steps are those that were done, in order.
	Steps []failover.Done `json:"steps,omitempty"`
	// Refused are the gate's reasons, while it waits for two persons.
	Refused []failover.Reason `json:"refused,omitempty"`
	// Failing is why the step under way has not succeeded yet.
	Failing string `json:"failing,omitempty"`
}

// Failover moves the product to the other region. It runs in the control plane, in a
// namespace and on a cluster that die with neither region, and only drives what is in the
// journal: when the control plane is lost, 'meai failover run' goes on from there.
//
// Up to the commit point it can be cancelled, and whatever fails for good takes it back.
// Beyond that it gives up on nothing: where writes belong is decided, and nothing serves
// until the steps are through.
func Failover(ctx workflow.Context, in failover.Input) (FailoverProgress, error) {
	if in.ID == uuid.Nil {
		// One id for all attempts, and also for a run that is reset.
		id, err := uuid.Parse(workflow.GetInfo(ctx).OriginalRunID)
		if err != nil {
			return FailoverProgress{}, failure.New(failure.InvalidInput, "the run's id is no UUID: give the failover one", nil)
		}
		in.ID = id
	}
	f := &failingOver{id: in.ID, override: failover.StepInput{Approval: in.Approval, Document: in.Document}}
	before, cancel := workflow.WithCancel(ctx)
	f.cancel = cancel
	if err := f.listen(ctx); err != nil {
		return f.progress, err
	}
	err := f.prepare(before, in)
	if err != nil {
		// The undo is the journal's: it knows what was begun, whoever did it.
		back, undone := f.takeBack(ctx)
		if undone != nil {
			return f.progress, undone
		}
		if back {
			f.progress.State = failover.RolledBack
			if f.cancelled || temporal.IsCanceledError(err) {
				return f.progress, nil
			}
			return f.progress, err
		}
	}
	f.committed = true
	// Nobody stops what is decided, also not by cancelling the workflow.
	forward, _ := workflow.NewDisconnectedContext(ctx)
	for _, step := range failover.Steps() {
		if !f.did(step) {
			if err := f.insist(forward, step); err != nil {
				return f.progress, err
			}
		}
	}
	f.progress.Step, f.progress.State = "", failover.Completed
	return f.progress, nil
}

// failingOver is a failover under way.
type failingOver struct {
	id       uuid.UUID
	progress FailoverProgress
	cancel   workflow.CancelFunc
	// override is what the gate is overridden with; asked counts how often it changed.
	override             failover.StepInput
	asked                int
	cancelled, committed bool
}

func (f *failingOver) listen(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (FailoverProgress, error) { return f.progress, nil }); err != nil {
		return err
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, CancelFailover, func(workflow.Context) error { f.stop(); return nil },
		workflow.UpdateHandlerOptions{Validator: func() error {
			if f.committed {
				return failure.New(failure.Decided, "it is decided: nothing can be taken back", nil)
			}
			return nil
		}})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, ApproveFailover, func(_ workflow.Context, in failover.StepInput) error { f.take(in); return nil },
		workflow.UpdateHandlerOptions{Validator: func(in failover.StepInput) error {
			if len(f.progress.Refused) == 0 {
				return failure.New(failure.Decided, "nothing waits for an approval", nil)
			}
			return nil
		}})
	if err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, CancelFailover).Receive(ctx, nil)
		f.stop()
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var in failover.StepInput
			if !workflow.GetSignalChannel(ctx, ApproveFailover).Receive(ctx, &in) {
				return
			}
			f.take(in)
		}
	})
	return nil
}

func (f *failingOver) stop() {
	f.cancelled = true
	f.cancel()
}

func (f *failingOver) take(in failover.StepInput) {
	f.override = failover.StepInput{Approval: in.Approval, Document: in.Document}
	f.asked++
}

// prepare goes up to the commit point, and over it.
func (f *failingOver) prepare(ctx workflow.Context, in failover.Input) (err error) {
	if f.progress.Plan, err = beginFailover.run(ctx, in); err != nil {
		return err
	}
	for _, step := range failover.Steps() {
		if !failover.Reversible(step) {
			return nil
		}
		for {
			err := f.do(ctx, step)
			if err == nil {
				break
			}
			if step != "approve" || !f.mayBeOverridden(err) {
				return err
			}
			if err := f.awaitApproval(ctx, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *failingOver) do(ctx workflow.Context, step string) error {
	f.progress.Step = step
	done, err := failoverStep.run(ctx, failover.StepInput{ID: f.id, Step: step, Approval: f.override.Approval, Document: f.override.Document})
	if err != nil {
		return err
	}
	f.progress.Steps = append(f.progress.Steps, done)
	f.progress.Failing = ""
	return nil
}

func (f *failingOver) did(step string) bool {
	return slices.ContainsFunc(f.progress.Steps, func(d failover.Done) bool { return d.Step == step })
}

// mayBeOverridden reports whether two persons can still say yes to what the gate refused.
func (f *failingOver) mayBeOverridden(err error) bool {
	for _, d := range f.progress.Steps {
		if d.Step == "gate" && d.Judgement != nil {
			return failure.Is(err, failure.NotAllowed) && !d.Judgement.Final
		}
	}
	return false
}

func (f *failingOver) awaitApproval(ctx workflow.Context, refused error) error {
	for _, d := range f.progress.Steps {
		if d.Judgement != nil {
			f.progress.Refused = d.Judgement.Reasons
		}
	}
	defer func() { f.progress.Refused = nil }()
	seen := f.asked
	came, err := workflow.AwaitWithTimeout(ctx, approvalWait, func() bool { return f.asked > seen })
	if err != nil {
		return err
	}
	if !came {
		return refused
	}
	return nil
}

// takeBack reports whether the failover was taken back; else it was too late.
func (f *failingOver) takeBack(ctx workflow.Context) (bool, error) {
	undoing, _ := workflow.NewDisconnectedContext(ctx)
	out, err := rollBackFailover.run(undoing, failover.Ref{ID: f.id, Reasons: f.reasons()})
	if err != nil {
		return false, fmt.Errorf("take the failover back: %w", err)
	}
	return out.RolledBack, nil
}

func (f *failingOver) reasons() []failover.Reason {
	for _, d := range f.progress.Steps {
		if d.Step == "gate" && d.Judgement != nil {
			return d.Judgement.Reasons
		}
	}
	return nil
}

// insistEvery is how long a step rests that failed in a way which was not foreseen.
const insistEvery = 10 * time.Second

// insist does a step until it succeeds. It fails only when another failover has taken over.
func (f *failingOver) insist(ctx workflow.Context, step string) error {
	for {
		err := f.do(ctx, step)
		if err == nil || failure.Is(err, failure.Decided) {
			return err
		}
		f.progress.Failing = failingOf(err)
		workflow.GetLogger(ctx).Error("a step of a failover has failed and is tried again", "step", step, "error", err)
		if err := workflow.Sleep(ctx, insistEvery); err != nil {
			return err
		}
	}
}

// failingOf says what a person has to see to, where the step knows.
func failingOf(err error) string {
	var known *temporal.ApplicationError
	if errors.As(err, &known) && known.Type() == failure.Unsound {
		return known.Message()
	}
	return failingText
}

// failingText: the error itself is in the history, of which it says where to look.
const failingText = "the last attempt failed for good; it is tried again, see the log of the control worker"
