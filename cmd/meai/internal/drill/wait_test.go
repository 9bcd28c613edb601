package drill

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

// counting is a register that counts how often somebody asks what only an explanation needs.
type counting struct {
	fence.Register
	explained int
}

func (c *counting) Verdicts(ctx context.Context) (map[string]fence.Verdict, error) {
	c.explained++
	return c.Register.Verdicts(ctx)
}

// What is asked of a member that is gone would be part of the times that are measured.
func TestADrillAsksForAnExplanationOnceItHasWaited(t *testing.T) {
	clock := func() fence.Instant { return 0 }
	register := fence.NewMemory(clock, clock)
	require.NoError(t, register.Begin(t.Context(), A, fence.Sync))
	d := &Drill{Register: &counting{Register: register}, Patience: 300 * time.Millisecond}
	require.ErrorContains(t, d.follow(t.Context(), B, &Outcome{}), "the agent of b is silent")
	require.Equal(t, 1, d.Register.(*counting).explained)
}

// A region that does not come back is not waited for without end, and what is missing is said.
func TestADrillSaysWhatItHasWaitedFor(t *testing.T) {
	clock := func() fence.Instant { return 0 }
	register := fence.NewMemory(clock, clock)
	require.NoError(t, register.Begin(t.Context(), A, fence.Sync))
	require.NoError(t, register.Announce(t.Context(), fence.AgentStatus{Region: A, Role: fence.RolePrimary, Epoch: 1, Open: true}))
	require.NoError(t, register.Announce(t.Context(), fence.AgentStatus{Region: B, Role: fence.RoleCloning, Epoch: 1, Message: "there is no room"}))
	require.NoError(t, register.Judge(t.Context(), fence.Verdict{Site: Control, Regions: map[string]fence.Health{B: {Reason: "refused"}}}))
	d := &Drill{Register: register, Mode: fence.Sync, Patience: 300 * time.Millisecond}

	begun := time.Now()
	err := d.whole(t.Context(), &Outcome{})
	require.ErrorIs(t, err, errWaited)
	require.Less(t, time.Since(begun), 10*time.Second)
	require.ErrorContains(t, err, "for the regions to be whole again")
	require.ErrorContains(t, err, "region a is to serve, in epoch 1")
	require.ErrorContains(t, err, "b is cloning in epoch 1 (there is no room)")
	require.ErrorContains(t, err, "c calls b ill (refused)")

	require.ErrorContains(t, d.follow(t.Context(), B, &Outcome{}), "for it to be decided that region b serves")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, d.whole(ended, &Outcome{}), context.Canceled, "who ends the command has waited for nothing")
}
