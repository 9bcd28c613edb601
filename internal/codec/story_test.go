package codec_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"meai/internal/failure"
)

// canary stands for a person's words. Each kind of payload carries it with a
// suffix of its own, so that a leak names its kind.
const canary = "Zirbelkiefer-4711"

// note is a payload.
type note struct {
	Text string `json:"text"`
}

func say(kind string) note { return note{canary + " in " + kind} }

// story is a workflow that makes the SDK encode every kind of payload.
// The child's id comes along, for a replay does not know the workflow's own.
func story(ctx workflow.Context, in note, childID string) (note, error) {
	if in.Text != say("start arguments").Text {
		return note{}, errors.New("start arguments did not arrive")
	}
	s := teller{ctx: storyOptions(ctx), childID: childID}
	if err := s.handlers(); err != nil {
		return note{}, err
	}
	for _, chapter := range []func() error{s.activities, s.localActivities, s.child, s.values, s.timer} {
		if err := chapter(); err != nil {
			return note{}, err
		}
	}
	var heard note
	workflow.GetSignalChannel(ctx, "tell").Receive(ctx, &heard)
	return say("result"), nil
}

type teller struct {
	ctx     workflow.Context
	childID string
}

func storyOptions(ctx workflow.Context) workflow.Context {
	retry := &temporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 2}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: retry, Summary: say("activity summary").Text,
	})
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: retry,
	})
}

func (s teller) handlers() error {
	answer := func(workflow.Context, note) (note, error) { return say("update result"), nil }
	refuse := func(workflow.Context, note) error { return errors.New(say("update failure").Text) }
	return errors.Join(
		workflow.SetQueryHandler(s.ctx, "ask", func(note) (note, error) { return say("query result"), nil }),
		workflow.SetUpdateHandler(s.ctx, "change", answer),
		workflow.SetUpdateHandler(s.ctx, "refused change", refuse),
	)
}

func (s teller) activities() error {
	var out note
	if err := workflow.ExecuteActivity(s.ctx, listen, say("activity input")).Get(s.ctx, &out); err != nil {
		return err
	}
	var app *temporal.ApplicationError
	var details note
	err := workflow.ExecuteActivity(s.ctx, stumble).Get(s.ctx, nil)
	if !errors.As(err, &app) || app.Details(&details) != nil || details != say("failure details") {
		return fmt.Errorf("the failure's details did not arrive: %w", err)
	}
	err = workflow.ExecuteActivity(s.ctx, panics).Get(s.ctx, nil)
	var panicked *temporal.PanicError
	if !errors.As(err, &panicked) {
		return fmt.Errorf("the panic did not arrive: %w", err)
	}
	if err := workflow.ExecuteActivity(s.ctx, refuse).Get(s.ctx, nil); !failure.Is(err, failure.SessionExpired) {
		return fmt.Errorf("the typed failure did not arrive: %w", err)
	}
	return nil
}

func (s teller) localActivities() error {
	var out note
	if err := workflow.ExecuteLocalActivity(s.ctx, whisper, say("local activity input")).Get(s.ctx, &out); err != nil {
		return err
	}
	if out != say("local activity result") {
		return errors.New("the local activity's result did not arrive")
	}
	if err := workflow.ExecuteLocalActivity(s.ctx, stumble).Get(s.ctx, nil); err == nil {
		return errors.New("the local activity's failure did not arrive")
	}
	return nil
}

func (s teller) child() error {
	ctx := workflow.WithChildOptions(s.ctx, workflow.ChildWorkflowOptions{
		WorkflowID: s.childID, Memo: map[string]any{"child": say("child memo")}, StaticSummary: say("child summary").Text,
	})
	var out note
	if err := workflow.ExecuteChildWorkflow(ctx, childStory, say("child input")).Get(ctx, &out); err != nil {
		return err
	}
	ctx = workflow.WithWorkflowID(ctx, s.childID+"-fails")
	if err := workflow.ExecuteChildWorkflow(ctx, failingStory, say("child input")).Get(ctx, nil); err == nil {
		return errors.New("the child's failure did not arrive")
	}
	return nil
}

func (s teller) values() error {
	var effect, mutable note
	if err := workflow.SideEffect(s.ctx, func(workflow.Context) any { return say("side effect") }).Get(&effect); err != nil {
		return err
	}
	same := func(a, b any) bool { return a.(note) == b.(note) }
	get := func(workflow.Context) any { return say("mutable side effect") }
	if err := workflow.MutableSideEffect(s.ctx, "mood", get, same).Get(&mutable); err != nil {
		return err
	}
	workflow.GetVersion(s.ctx, "a change", workflow.DefaultVersion, 1)
	workflow.SetCurrentDetails(s.ctx, say("current details").Text)
	return workflow.UpsertMemo(s.ctx, map[string]any{"mood": say("memo")})
}

func (s teller) timer() error {
	return workflow.NewTimerWithOptions(s.ctx, time.Millisecond, workflow.TimerOptions{Summary: say("timer summary").Text}).Get(s.ctx, nil)
}

func childStory(_ workflow.Context, _ note) (note, error) { return say("child result"), nil }

func failingStory(_ workflow.Context, _ note) error {
	return fmt.Errorf("%s: %w", say("child failure").Text, errors.New(say("child cause").Text))
}

func listen(ctx context.Context, in note) (note, error) {
	if in != say("activity input") {
		return note{}, errors.New("activity input did not arrive")
	}
	if activity.GetInfo(ctx).Attempt == 1 {
		activity.RecordHeartbeat(ctx, say("heartbeat"))
		return note{}, errors.New(say("failure message").Text)
	}
	return say("activity result"), nil
}

func stumble(context.Context) error {
	return temporal.NewNonRetryableApplicationError(say("failure message").Text, "Stumble",
		fmt.Errorf("%s: %w", say("cause").Text, errors.New(say("inner cause").Text)), say("failure details"))
}

func panics(context.Context) error { panic(say("panic").Text) }

// refuse wraps a typed failure as every activity of the product does.
func refuse(context.Context) error {
	return fmt.Errorf("%s: %w", say("wrapping message").Text, failure.New(failure.SessionExpired, "over", nil))
}

func whisper(_ context.Context, in note) (note, error) {
	if in != say("local activity input") {
		return note{}, errors.New("local activity input did not arrive")
	}
	return say("local activity result"), nil
}
