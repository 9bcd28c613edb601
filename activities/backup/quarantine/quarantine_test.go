package quarantine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/backup/quarantine"
	"meai/activities/keys"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres"
)

func TestASuperuserBeginsItAndEndsTheSessionsOfOthers(t *testing.T) {
	p := newWorld(t).place(t)
	require.NoError(t, p.db.Ping(t.Context()))
	_, err := p.db.KnowsSubject(t.Context(), uuid.New())
	require.NoError(t, err)
	facts := quarantine.Facts{Reason: quarantine.FailedOver, Restore: "failover:7", LSN: "1A/30", Time: time.Now().UTC().Truncate(time.Microsecond)}
	for _, first := range []bool{true, false} {
		begun, err := quarantine.Begin(t.Context(), enginetest.Superuser(t, p.urls), facts)
		require.NoError(t, err)
		require.Equal(t, first, begun)
	}
	s := p.state(t)
	require.True(t, s.Quarantined)
	require.Equal(t, []any{"failed_over", "failover:7", "1A/30", uuid.Nil, int64(0)}, []any{s.Reason, s.Restore, s.LSN, s.Approval, s.AuditKept})
	require.True(t, facts.Time.Equal(s.Time))
	// One statement without a transaction begins nothing that would be asked; but its
	// connection was ended, and there is no other.
	require.Eventually(t, func() bool {
		_, err := p.db.KnowsSubject(t.Context(), uuid.New())
		return failure.Is(err, failure.Quarantined)
	}, 10*time.Second, 10*time.Millisecond)
	_, err = quarantine.Begin(t.Context(), p.urls.App, facts)
	require.ErrorContains(t, err, "permission denied", "not the application")
	_, err = quarantine.Begin(t.Context(), p.urls.Owner, quarantine.Facts{Reason: quarantine.Restored, Restore: "two words"})
	require.Error(t, err)
}

func TestWhatCannotBeUndoneIsNotDoneForAnEarlierEpoch(t *testing.T) {
	p := newWorld(t).place(t)
	require.NoError(t, p.db.WriteShared(t.Context(), nothing))
	p.begin(t, "r1")
	_, err := p.Run(t.Context())
	require.NoError(t, err)
	fresh, err := postgres.Open(t.Context(), postgres.Options{URL: p.urls.App})
	require.NoError(t, err)
	defer fresh.Close()
	act := func(ctx context.Context) error { return quarantine.Permit(ctx, fresh) }
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(act)
	_, err = env.ExecuteActivity(act)
	require.NoError(t, err, "an activity that was scheduled in this epoch")
	require.NoError(t, act(t.Context()))
	require.True(t, failure.Is(quarantine.Permit(t.Context(), p.db), failure.Quarantined), "a process of the epoch before")
	require.True(t, failure.Is(fresh.Permit(t.Context(), p.state(t).Since.Add(-time.Second)), failure.EpochOver))
}

func TestAReleaseThatIsStoppedAtAnyStepGoesOn(t *testing.T) {
	w := newWorld(t)
	p := w.place(t)
	_, err := p.acts.Commit(t.Context(), ledger.Revocation("api_key", "k"))
	require.NoError(t, err)
	p.begin(t, "r1")
	killed := errors.New("killed")
	all := p.Report
	for _, at := range []string{"schedules", "ledger", "epoch", "audit"} {
		t.Run(at, func(t *testing.T) {
			ctx, kill := context.WithCancelCause(t.Context())
			p.Report = func(s quarantine.Progress) {
				if all(s); s.Step == at {
					kill(killed)
				}
			}
			_, err := p.Run(ctx)
			require.Error(t, err)
			require.ErrorIs(t, context.Cause(ctx), killed)
			require.True(t, p.state(t).Quarantined)
			require.Error(t, p.db.WriteShared(t.Context(), nothing))
		})
	}
	p.Report = all
	for range 2 {
		s, err := p.Run(t.Context())
		require.NoError(t, err)
		require.False(t, s.Quarantined)
		require.EqualValues(t, 2, s.Epoch)
	}
	require.Equal(t, 1, w.begun(t), "one epoch")
	require.Equal(t, 1, p.recorded(t, audit.EpochBegun))
	require.Equal(t, 1, p.recorded(t, audit.Restored))
	begun, err := quarantine.Begin(t.Context(), p.urls.Owner, quarantine.Facts{Reason: quarantine.Restored, Restore: "r1"})
	require.NoError(t, err)
	require.False(t, begun, "a restore that repeats its last step takes nothing out of service")
}

func TestNoReleaseWithoutAnApproval(t *testing.T) {
	w := newWorld(t)
	p := w.place(t)
	_, err := quarantine.Begin(t.Context(), p.urls.Owner, quarantine.Facts{Reason: quarantine.Restored, Restore: "r1"})
	require.NoError(t, err)
	_, err = p.Run(t.Context())
	require.ErrorIs(t, err, quarantine.ErrApproval)
	require.Empty(t, p.steps, "nothing was done")

	refused := errors.New("it is for another act")
	p.Approval = uuid.New()
	p.Approved = func(_ context.Context, id uuid.UUID) error {
		require.Equal(t, p.Approval, id)
		return refused
	}
	_, err = p.Run(t.Context())
	require.ErrorIs(t, err, quarantine.ErrApproval)
	require.ErrorIs(t, err, refused)
	require.True(t, p.state(t).Quarantined)
	require.Zero(t, w.begun(t))

	named := w.place(t)
	named.begin(t, "r2")
	named.Approval = uuid.New()
	_, err = named.Run(t.Context())
	require.ErrorIs(t, err, quarantine.ErrApproval, "not the one that the restore had")
}

func TestADatabaseThatServesIsLeftBehindAndMayTakeOver(t *testing.T) {
	w := newWorld(t)
	old, fresh := w.place(t), w.place(t)
	require.NoError(t, old.db.WriteShared(t.Context(), nothing))
	fresh.begin(t, "r1")
	_, err := fresh.Run(t.Context())
	require.NoError(t, err)

	// A process that was left running on the old one reads the ledger, as it does by itself.
	_, err = old.acts.Replay(t.Context())
	require.Error(t, err, "it goes no further than the entry that says so")
	_, err = old.db.Serving(t.Context())
	require.True(t, failure.Is(err, failure.Quarantined), "%v", err)
	require.Equal(t, "left_behind", old.state(t).Reason)
	old.Approval = uuid.New()
	_, err = old.Run(t.Context())
	require.ErrorIs(t, err, quarantine.ErrLeftBehind)
	old.TakeOver = true
	s, err := old.Run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, s.Epoch)
	require.False(t, s.Quarantined)

	_, err = fresh.Ledger.Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, "left_behind", fresh.state(t).Reason, "now that one is")
	require.Equal(t, 2, w.begun(t))
}

func TestOpenRunsAreEndedAndPeoplesAreNotUnlessTheyAreErased(t *testing.T) {
	w := newWorld(t)
	p := w.place(t)
	c := temporal(t)
	start := func(id, queue string) client.WorkflowRun {
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, "Anything")
		require.NoError(t, err)
		return run
	}
	alive, erased := uuid.New(), uuid.New()
	for _, subject := range []uuid.UUID{alive, erased} {
		require.NoError(t, p.db.EnsureSubject(t.Context(), subject))
	}
	who, err := alias.Of(t.Context(), w.keys, erased)
	require.NoError(t, err)
	status := map[client.WorkflowRun]enumspb.WorkflowExecutionStatus{
		start("keys/destroy/x", "privacy"):                               enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
		start("escalation/x", "operations"):                              enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
		start("nightly", "batch"):                                        enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
		start("person/"+erased.String()+"/interaction/1", "synthesis"):   enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
		start("person/"+alive.String()+"/interaction/1", "synthesis"):    enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		start("person/"+uuid.NewString()+"/interaction/1", "synthesis"):  enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		start("person/"+alive.String()+"/import/on-a-queue-of", "batch"): enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
	}
	// The database that is restored knows nothing of the erasure.
	_, err = w.acts.Append(t.Context(), keys.Erased(who, keys.ErasedInput{Erasure: uuid.New()}, uuid.NewString()))
	require.NoError(t, err)
	p.begin(t, "r1")
	p.ResumeSchedules = true
	_, err = p.Run(t.Context())
	require.NoError(t, err)
	for run, want := range status {
		d, err := c.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
		require.NoError(t, err)
		require.Equal(t, want, d.WorkflowExecutionInfo.Status, run.GetID())
		if want == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			require.NoError(t, c.TerminateWorkflow(t.Context(), run.GetID(), "", "the test is over"))
		}
	}
	known, err := p.DB.KnowsSubject(t.Context(), erased)
	require.NoError(t, err)
	require.True(t, known, "so that nobody becomes them again")
	require.True(t, failure.Is(p.DB.CheckActive(t.Context(), erased), failure.SubjectInactive))
	require.Contains(t, p.steps, quarantine.Progress{Step: "resumed", Detail: "nightly-upkeep"})
}
