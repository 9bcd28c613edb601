package workflows

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"meai/activities/failover"
	"meai/internal/failure"
)

// rehearsal is a control plane on which drills are done, and what of them is kept.
func rehearsal(t *testing.T, allowed error) (*control, *[]failover.DrillRef) {
	c, kept := newControl(t), &[]failover.DrillRef{}
	c.RegisterWorkflow(Failover)
	c.RegisterActivityWithOptions(func(context.Context, failover.DrillRef) error { return allowed }, activity.RegisterOptions{Name: "failover.AllowDrill"})
	c.RegisterActivityWithOptions(func(_ context.Context, in failover.DrillRef) (failover.Drilled, error) {
		*kept = append(*kept, in)
		return failover.Drilled{ID: in.ID, State: failover.Completed}, nil
	}, activity.RegisterOptions{Name: "failover.KeepDrill"})
	return c, kept
}

func TestADrillIsAPlannedFailoverThatIsKept(t *testing.T) {
	c, kept := rehearsal(t, nil)
	id, began := uuid.New(), c.Now()
	c.ExecuteWorkflow(HandoverDrill, failover.DrillRef{ID: id})
	require.NoError(t, c.GetWorkflowError())
	require.Equal(t, failover.Input{ID: id, Planned: true}, c.begun)
	require.Equal(t, failover.Steps(), c.steps)
	require.Len(t, *kept, 1)
	require.Equal(t, id, (*kept)[0].ID)
	require.WithinDuration(t, began, (*kept)[0].At, 0)
}

func TestWhereDrillsAreNotAllowedNothingHappens(t *testing.T) {
	c, kept := rehearsal(t, failure.New(failure.NotAllowed, "drills are not allowed here (drills.allowed)", nil))
	c.ExecuteWorkflow(HandoverDrill, failover.DrillRef{ID: uuid.New()})
	require.True(t, failure.Is(c.GetWorkflowError(), failure.NotAllowed))
	require.ErrorContains(t, c.GetWorkflowError(), "drills.allowed")
	require.Empty(t, c.steps)
	require.Empty(t, *kept)
}

func TestADrillThatIsTakenBackIsKeptAsWell(t *testing.T) {
	c, kept := rehearsal(t, nil)
	c.final = true
	c.fails = func(in failover.StepInput) error {
		if in.Step == "approve" {
			return noFailover
		}
		return nil
	}
	c.ExecuteWorkflow(HandoverDrill, failover.DrillRef{ID: uuid.New()})
	require.True(t, failure.Is(c.GetWorkflowError(), failure.NotAllowed))
	require.Len(t, c.rolledBack, 1)
	require.Len(t, *kept, 1)
}
