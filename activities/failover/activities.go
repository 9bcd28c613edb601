package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/internal/failure"
	"meai/internal/fence"
)

// Activities are the steps of a failover for a workflow. Every exported method is an
// activity that can run twice, and be killed anywhere, without harm: each holds the
// journal only while it runs, so that a stand-alone runner goes on with what a lost
// workflow leaves, and the workflow waits for one that does.
type Activities struct{ Controller *Controller }

// Ref names a failover.
type Ref struct {
	ID uuid.UUID `json:"id"`
	// Reasons are the gate's, of one that is rolled back because of them.
	Reasons []Reason `json:"reasons,omitempty"`
}

// StepInput asks for one step. What overrides the gate is looked at by one of them alone.
type StepInput struct {
	ID       uuid.UUID `json:"id"`
	Step     string    `json:"step"`
	Approval uuid.UUID `json:"approval,omitzero"`
	Document string    `json:"document,omitempty"`
}

// Begin claims the register and writes the plan down.
func (a *Activities) Begin(ctx context.Context, in Input) (plan Plan, err error) {
	defer beating(ctx)()
	run, err := a.Controller.Begin(ctx, in)
	if err != nil {
		return Plan{}, lasting(err)
	}
	defer func() { err = errors.Join(err, run.Close(ctx)) }()
	return run.Plan(), nil
}

// Step does one step, unless it was done, by whoever. It fails so that it is tried again
// while somebody else runs the failover.
func (a *Activities) Step(ctx context.Context, in StepInput) (done Done, err error) {
	defer beating(ctx)()
	run, err := a.Controller.Resume(ctx, Input{ID: in.ID, Approval: in.Approval, Document: in.Document})
	if errors.Is(err, ErrOver) {
		return a.ended(ctx, in, err)
	}
	if err != nil {
		return Done{}, lasting(err)
	}
	defer func() { err = errors.Join(err, run.Close(ctx)) }()
	done, err = run.Do(ctx, in.Step)
	return done, lasting(err)
}

// ended is what is left to say of a step once the failover is over: somebody else may
// have brought it to its end.
func (a *Activities) ended(ctx context.Context, in StepInput, over error) (Done, error) {
	h, err := a.Controller.Look(ctx, in.ID)
	if err != nil {
		return Done{}, err
	}
	for _, done := range h.Steps {
		if done.Step == in.Step {
			return done, nil
		}
	}
	if h.Result != nil && h.Result.State == Completed {
		return Done{Step: in.Step, BegunAt: h.Result.At, EndedAt: h.Result.At}, nil
	}
	return Done{}, failure.New(failure.Decided, "somebody else has ended the failover", over)
}

// RolledOrNot says whether a failover was taken back.
type RolledOrNot struct {
	// RolledBack is false when it was too late: it is to be brought to its end.
	RolledBack bool `json:"rolled_back"`
}

// RollBack takes a failover back, unless it is too late.
func (a *Activities) RollBack(ctx context.Context, in Ref) (_ RolledOrNot, err error) {
	run, err := a.Controller.Resume(ctx, Input{ID: in.ID})
	if errors.Is(err, ErrOver) {
		h, err := a.Controller.Look(ctx, in.ID)
		return RolledOrNot{h.Result == nil || h.Result.State == RolledBack}, err
	}
	if err != nil {
		return RolledOrNot{}, lasting(err)
	}
	defer func() { err = errors.Join(err, run.Close(ctx)) }()
	switch err := run.RollBack(ctx, in.Reasons...); {
	case errors.Is(err, ErrCommitted):
		return RolledOrNot{}, nil
	case err != nil:
		return RolledOrNot{}, err
	}
	return RolledOrNot{RolledBack: true}, nil
}

// TakeBack takes a failover back that nobody runs, or whoever runs it lets go of between two
// steps, without Temporal. It fails with [failure.NotFound] where there is none, and with
// [failure.Decided] where it is too late.
func (c *Controller) TakeBack(ctx context.Context, id uuid.UUID) error {
	h, err := c.Look(ctx, id)
	if err != nil {
		return err
	}
	if h.Plan.ID == uuid.Nil {
		return failure.New(failure.NotFound, "there is no such failover", nil)
	}
	for {
		run, err := c.Resume(ctx, Input{ID: id})
		if err == nil {
			err = errors.Join(run.RollBack(ctx), run.Close(ctx))
		}
		switch {
		case errors.Is(err, ErrCommitted), errors.Is(err, ErrOver):
			return failure.New(failure.Decided, "it is decided: nothing can be taken back", err)
		case !errors.Is(err, fence.ErrHeld):
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(c.every()):
		}
	}
}

// lasting gives an error that no retry can mend a type that says so.
func lasting(err error) error {
	switch {
	case errors.Is(err, ErrRefused) && !failure.Is(err, failure.NotAllowed):
		return failure.New(failure.NotAllowed, "the gate refuses", err)
	case errors.Is(err, ErrStale) && !failure.Is(err, failure.Decided):
		return failure.New(failure.Decided, "the plan no longer fits what is", err)
	case errors.Is(err, ErrUnderWay):
		return failure.New(failure.Decided, "another failover is under way", err)
	case errors.Is(err, ErrOver):
		return failure.New(failure.Decided, "the failover has ended", err)
	}
	return err
}

// beatEvery is how often a step that waits shows that it does.
const beatEvery = 2 * time.Second

// beating heartbeats until what it returns is called; a cancelled workflow reaches a
// waiting step that way.
func beating(ctx context.Context) func() {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		ticks := time.NewTicker(beatEvery)
		defer ticks.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
		}
	}()
	return cancel
}

// Adopt finishes a failover whose runner is gone, without Temporal. While another one has
// it, it waits for that. It tells of each attempt at a step.
func (c *Controller) Adopt(ctx context.Context, in Input, tell func(name string, done Done, err error)) error {
	return c.alone(ctx, in, c.Resume, tell)
}

// Carry begins a failover and brings it to its end, without Temporal.
func (c *Controller) Carry(ctx context.Context, in Input, tell func(name string, done Done, err error)) error {
	return c.alone(ctx, in, c.Begin, tell)
}

func (c *Controller) alone(ctx context.Context, in Input, open func(context.Context, Input) (*Run, error), tell func(string, Done, error)) error {
	for {
		run, err := open(ctx, in)
		if err == nil {
			err = errors.Join(run.Finish(ctx, tell), run.Close(ctx))
		}
		switch {
		case err == nil, ctx.Err() != nil, !errors.Is(err, fence.ErrHeld) && !errors.Is(err, fence.ErrLost):
			return err
		}
		tell("", Done{}, fmt.Errorf("somebody else runs it; waiting: %w", err))
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(10 * c.every()):
		}
	}
}
