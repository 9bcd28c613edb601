package workflows

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/privacy/requests"
	"meai/internal/failure"
)

// desk is the watch over time limits and holds, whose steps the test plays.
type desk struct {
	*stage
	watch  func(struct{}) (requests.Watched, error)
	warn   func(requests.Warning) (struct{}, error)
	carry  func(requests.HoldInput) (requests.HoldRef, error)
	settle func(struct{}) (requests.Settled, error)

	told    []requests.Warning
	settled int
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	d := &desk{stage: &stage{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}}
	d.watch = func(struct{}) (requests.Watched, error) { return requests.Watched{}, nil }
	d.warn = func(w requests.Warning) (struct{}, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.told = append(d.told, w)
		return struct{}{}, nil
	}
	d.carry = func(in requests.HoldInput) (requests.HoldRef, error) { return requests.HoldRef{ID: in.Approval}, nil }
	d.settle = func(struct{}) (requests.Settled, error) { d.settled++; return requests.Settled{}, nil }
	perform(d.stage, "requests.WatchDeadlines", &d.watch)
	perform(d.stage, "requests.Warn", &d.warn)
	perform(d.stage, "requests.CarryHold", &d.carry)
	perform(d.stage, "requests.SettleHolds", &d.settle)
	return d
}

func TestAPlaceThatIsDownKeepsNoOtherWaiting(t *testing.T) {
	d := newDesk(t)
	late := requests.Warning{Request: uuid.New(), Limit: requests.ByLaw, Level: 3, Place: 1}
	others := []requests.Warning{{Request: uuid.New(), Limit: requests.Promise, Level: 1}, {Request: uuid.New(), Limit: requests.ByLaw, Level: 2, Place: 2}}
	d.watch = func(struct{}) (requests.Watched, error) {
		return requests.Watched{Overdue: 1, Warnings: append([]requests.Warning{late}, others...)}, nil
	}
	tell, attempts := d.warn, 0
	d.warn = func(w requests.Warning) (struct{}, error) {
		if w == late {
			attempts++
			return struct{}{}, errors.New("notify by slack: it did not take the message (503)")
		}
		return tell(w)
	}
	begin := d.Now()
	d.ExecuteWorkflow(PrivacyDeadlines, struct{}{})
	require.NoError(t, d.GetWorkflowError())
	require.ElementsMatch(t, others, d.told)
	require.Greater(t, attempts, 5)
	require.LessOrEqual(t, d.Now().Sub(begin), telling+telling/2, "the next run finds it in an hour")
	require.Equal(t, 1, d.settled)
	var done requests.Watched
	require.NoError(t, d.GetWorkflowResult(&done))
	require.Equal(t, requests.Watched{Overdue: 1}, done)
}

func TestHoldsEndThoughTheWatchFails(t *testing.T) {
	d := newDesk(t)
	d.watch = func(struct{}) (requests.Watched, error) {
		return requests.Watched{}, failure.New(failure.InvalidInput, "broken", nil)
	}
	d.ExecuteWorkflow(PrivacyDeadlines, struct{}{})
	require.True(t, failure.Is(d.GetWorkflowError(), failure.InvalidInput))
	require.Equal(t, 1, d.settled)
}

func TestAHoldIsCarriedOutUnderTheNameOfItsApproval(t *testing.T) {
	in := requests.HoldInput{Approval: uuid.New(), Items: []uuid.UUID{uuid.New()}}
	d := newDesk(t)
	d.ExecuteWorkflow(LegalHold, in)
	require.True(t, failure.Is(d.GetWorkflowError(), failure.InvalidInput), "two under other names would run at once")

	d = newDesk(t)
	d.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: requests.HoldWorkflow(in.Approval)})
	d.ExecuteWorkflow(LegalHold, in)
	require.NoError(t, d.GetWorkflowError())
	var ref requests.HoldRef
	require.NoError(t, d.GetWorkflowResult(&ref))
	require.Equal(t, in.Approval, ref.ID)
	require.Equal(t, 1, d.settled)

	d = newDesk(t)
	d.carry = func(requests.HoldInput) (requests.HoldRef, error) {
		return requests.HoldRef{}, failure.New(failure.Decided, "the approval is pending", nil)
	}
	d.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: requests.HoldWorkflow(in.Approval)})
	d.ExecuteWorkflow(LegalHold, in)
	require.True(t, failure.Is(d.GetWorkflowError(), failure.Decided))
	require.Zero(t, d.settled)
}
