package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/failover"
	"meai/internal/failure"
)

// control is the control plane with a journal that says what it is told to.
type control struct {
	*testsuite.TestWorkflowEnvironment
	// steps are those that were tried, in order.
	steps []string
	// fails is asked before each step.
	fails func(failover.StepInput) error
	// final: nobody can override the gate. late: it is too late to take anything back.
	final, late bool
	rolledBack  []failover.Ref
	begun       failover.Input
}

func newControl(t *testing.T) *control {
	var suite testsuite.WorkflowTestSuite
	c := &control{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), fails: func(failover.StepInput) error { return nil }}
	c.SetTestTimeout(20 * time.Second)
	register := func(name string, does any) {
		c.RegisterActivityWithOptions(does, activity.RegisterOptions{Name: name})
	}
	register("failover.Begin", func(_ context.Context, in failover.Input) (failover.Plan, error) {
		c.begun = in
		return failover.Plan{ID: in.ID, From: "a", To: "b"}, nil
	})
	register("failover.Step", func(_ context.Context, in failover.StepInput) (failover.Done, error) {
		c.steps = append(c.steps, in.Step)
		done := failover.Done{Step: in.Step}
		if in.Step == "gate" {
			done.Judgement = &failover.Judgement{Final: c.final, Reasons: []failover.Reason{failover.ReasonLag}}
		}
		return done, c.fails(in)
	})
	register("failover.RollBack", func(_ context.Context, in failover.Ref) (failover.RolledOrNot, error) {
		c.rolledBack = append(c.rolledBack, in)
		return failover.RolledOrNot{RolledBack: !c.late}, nil
	})
	return c
}

var noFailover = failure.New(failure.NotAllowed, "the gate says no", nil)

func (c *control) ended(t *testing.T) FailoverProgress {
	t.Helper()
	require.True(t, c.IsWorkflowCompleted())
	require.NoError(t, c.GetWorkflowError())
	var p FailoverProgress
	require.NoError(t, c.GetWorkflowResult(&p))
	return p
}

func TestAFailoverIsItsStepsInOrder(t *testing.T) {
	c := newControl(t)
	id := uuid.New()
	c.ExecuteWorkflow(Failover, failover.Input{ID: id, To: "b", Planned: true})
	p := c.ended(t)
	require.Equal(t, failover.Completed, p.State)
	require.Equal(t, failover.Steps(), c.steps)
	require.Len(t, p.Steps, len(failover.Steps()))
	require.Equal(t, failover.Input{ID: id, To: "b", Planned: true}, c.begun)
	require.Empty(t, c.rolledBack)
}

func TestAFailoverThatTheGateRefusesWaitsForTwoPersons(t *testing.T) {
	c := newControl(t)
	c.fails = func(in failover.StepInput) error {
		if in.Step == "approve" && in.Document != "signed" {
			return noFailover
		}
		return nil
	}
	for after, document := range map[time.Duration]string{time.Minute: "forged", 2 * time.Minute: "signed"} {
		c.RegisterDelayedCallback(func() {
			answer, err := c.QueryWorkflow(ProgressQuery)
			require.NoError(t, err)
			var p FailoverProgress
			require.NoError(t, answer.Get(&p))
			require.Equal(t, "approve", p.Step)
			require.Equal(t, []failover.Reason{failover.ReasonLag}, p.Refused)
			c.SignalWorkflow(ApproveFailover, failover.StepInput{Document: document})
		}, after)
	}
	c.ExecuteWorkflow(Failover, failover.Input{ID: uuid.New()})
	require.Equal(t, failover.Completed, c.ended(t).State)
	require.Equal(t, []string{"detect", "gate", "approve", "approve", "approve", "fence"}, c.steps[:6])
}

func TestAFailoverThatNobodyApprovesIsTakenBack(t *testing.T) {
	for _, final := range []bool{false, true} {
		c := newControl(t)
		c.final = final
		c.fails = func(in failover.StepInput) error {
			if in.Step == "approve" {
				return noFailover
			}
			return nil
		}
		begun := c.Now()
		c.ExecuteWorkflow(Failover, failover.Input{ID: uuid.New()})
		require.True(t, failure.Is(c.GetWorkflowError(), failure.NotAllowed))
		require.Equal(t, []string{"detect", "gate", "approve"}, c.steps)
		require.Equal(t, []failover.Reason{failover.ReasonLag}, c.rolledBack[0].Reasons)
		require.Equal(t, !final, c.Now().Sub(begun) >= approvalWait, "nobody waits for what nobody can allow")
	}
}

func TestAFailoverCanBeCancelledBeforeItIsDecided(t *testing.T) {
	for name, cancel := range map[string]func(*control){
		"by a signal":   func(c *control) { c.SignalWorkflow(CancelFailover, nil) },
		"by an update":  func(c *control) { c.UpdateWorkflowNoRejection(CancelFailover, "", t) },
		"by cancelling": func(c *control) { c.CancelWorkflow() },
	} {
		c := newControl(t)
		c.fails = func(in failover.StepInput) error {
			if in.Step == "approve" {
				return noFailover
			}
			return nil
		}
		c.RegisterDelayedCallback(func() { cancel(c) }, time.Minute)
		c.ExecuteWorkflow(Failover, failover.Input{ID: uuid.New()})
		require.Equal(t, failover.RolledBack, c.ended(t).State, name)
		require.Len(t, c.rolledBack, 1, name)
		require.NotContains(t, c.steps, "fence", name)
	}
}

// TestWhatIsDecidedIsBroughtToItsEnd: neither a cancellation, nor an error that no retry
// mends, nor the loss of the answer to the deciding step stops it.
func TestWhatIsDecidedIsBroughtToItsEnd(t *testing.T) {
	c := newControl(t)
	tries := 0
	c.fails = func(in failover.StepInput) error {
		if in.Step == "release" {
			if tries++; tries < 4 {
				return failure.New(failure.Unsound, "the ledger is odd", nil)
			}
		}
		return nil
	}
	refused := false
	c.RegisterDelayedCallback(func() {
		c.UpdateWorkflow(CancelFailover, "", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(error) { refused = true }, OnComplete: func(any, error) {},
		})
		c.CancelWorkflow()
	}, 5*time.Second)
	c.ExecuteWorkflow(Failover, failover.Input{ID: uuid.New()})
	require.Equal(t, failover.Completed, c.ended(t).State)
	require.Equal(t, 4, tries)
	require.True(t, refused, "who cancels is told that it is too late")
	require.Empty(t, c.rolledBack)
}

func TestAnAnswerThatIsLostAfterTheDecisionLeadsForward(t *testing.T) {
	c := newControl(t)
	c.late = true
	once := false
	c.fails = func(in failover.StepInput) error {
		if in.Step == "fence" && !once {
			once = true
			return failure.New(failure.Decided, "who knows", errors.New("lost"))
		}
		return nil
	}
	c.ExecuteWorkflow(Failover, failover.Input{ID: uuid.New()})
	p := c.ended(t)
	require.Equal(t, failover.Completed, p.State)
	require.Len(t, c.rolledBack, 1, "it was asked whether it can be taken back")
	require.Len(t, p.Steps, len(failover.Steps()))
}

func TestAFailoverWithoutAnIDHasThatOfItsRun(t *testing.T) {
	c := newControl(t)
	c.ExecuteWorkflow(Failover, failover.Input{})
	// The test's environment has no UUIDs; a real run's id is one.
	require.True(t, failure.Is(c.GetWorkflowError(), failure.InvalidInput))
	require.Empty(t, c.steps)
}

func TestAFailoverSaysWhatAPersonHasToSeeTo(t *testing.T) {
	const help = "region b does not come up; see docs/runbooks/failover.md"
	c := newControl(t)
	tried := 0
	c.fails = func(in failover.StepInput) error {
		switch {
		case in.Step != "promote":
			return nil
		case tried == 0:
			tried++
			return failure.New(failure.Unsound, help, failover.ErrStuck)
		case tried == 1:
			tried++
			return failure.New(failure.Held, "something else", nil)
		}
		return nil
	}
	var said []string
	for _, after := range []time.Duration{insistEvery / 2, insistEvery * 3 / 2} {
		c.RegisterDelayedCallback(func() {
			answer, err := c.QueryWorkflow(ProgressQuery)
			require.NoError(t, err)
			var p FailoverProgress
			require.NoError(t, answer.Get(&p))
			said = append(said, p.Failing)
		}, after)
	}
	c.ExecuteWorkflow(Failover, failover.Input{ID: uuid.New()})
	p := c.ended(t)
	require.Equal(t, failover.Completed, p.State)
	require.Empty(t, p.Failing)
	require.Equal(t, []string{help, failingText}, said, "what else fails is not told to everybody")
}
