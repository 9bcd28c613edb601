package workflows

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"meai/activities/approval"
	"meai/activities/backup"
	"meai/activities/backup/restore"
	"meai/internal/failure"
)

var wanted = RestoreInput{Target: restore.Target{Backup: backupID}, Into: "second-try", Approval: uuid.UUID{9}}

// restoring is a night watch that can restore as well; steps lists the steps that were
// done, in order.
func restoring(t *testing.T) (w *nightWatch, steps *[]backup.RestoreInput) {
	t.Helper()
	w, steps = newNightWatch(t), &[]backup.RestoreInput{}
	w.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "backup-run/x"})
	does(w, "restorer.Plan", func(in restore.Target) restore.Plan {
		return restore.Plan{ID: uuid.UUID{1}, Target: in, Backup: backupID, Loss: 3.5}
	})
	does(w, "approval.Use", func(approval.UseInput) approval.Request { return approval.Request{} })
	does(w, "restorer.Step", func(in backup.RestoreInput) restore.Done {
		*steps = append(*steps, in)
		return restore.Done{Step: in.Step, Problems: w.finds[in.Step]}
	})
	return w, steps
}

func TestARestoreSpendsItsApprovalBeforeAnyStep(t *testing.T) {
	w, steps := restoring(t)
	w.ExecuteWorkflow(Restore, wanted)
	var done BackupDone
	require.NoError(t, w.GetWorkflowResult(&done))
	require.Equal(t, []string{"restorer.Plan", "approval.Use", "restorer.Step"}, w.calls[:3])
	require.Equal(t, approval.UseInput{
		ID: uuid.UUID{9}, Act: approval.Restore, Parameters: map[string]string{"backup": backupID}, By: "backup-run/x",
	}, w.inputs["approval.Use"])
	var names []string
	for _, in := range *steps {
		names = append(names, in.Step)
		require.Equal(t, "second-try", in.Into)
		require.Equal(t, uuid.UUID{9}, in.Plan.Approval, "the ledger is told whose consent it was")
		require.Equal(t, uuid.UUID{1}, in.Plan.ID, "one plan for all steps")
	}
	require.Equal(t, restore.Steps(), names)
	require.Equal(t, "done", done.Step)
	require.InDelta(t, 3.5, done.Outcome.Seconds["loss"], 0)
	require.Contains(t, done.Outcome.Seconds, "rto")
}

func TestARestoreWithoutConsentDoesNothing(t *testing.T) {
	w, steps := restoring(t)
	w.fails["approval.Use"] = failure.New(failure.NotAllowed, "the approval is for another backup", nil)
	w.ExecuteWorkflow(Restore, wanted)
	require.True(t, failure.Is(w.GetWorkflowError(), failure.NotAllowed))
	require.Equal(t, []string{"restorer.Plan", "approval.Use"}, w.calls)
	require.Empty(t, *steps)
}

func TestARestoreThatCannotBePlannedSpendsNoApproval(t *testing.T) {
	w, _ := restoring(t)
	w.fails["restorer.Plan"] = failure.New(failure.Unsound, "no backup reaches this point", nil)
	w.ExecuteWorkflow(Restore, wanted)
	require.True(t, failure.Is(w.GetWorkflowError(), failure.Unsound))
	require.Equal(t, []string{"restorer.Plan"}, w.calls)
}

func TestARestoreThatFindsProblemsFinishesAndFails(t *testing.T) {
	w, steps := restoring(t)
	w.finds["check"] = []string{"table memories lacks 2 rows"}
	w.ExecuteWorkflow(Restore, wanted)
	require.True(t, failure.Is(w.GetWorkflowError(), failure.Unsound))
	require.ErrorContains(t, w.GetWorkflowError(), "table memories lacks 2 rows")
	require.Len(t, *steps, len(restore.Steps()), "what came back is quarantined all the same")
}

func TestAStepThatFailsEndsTheRestore(t *testing.T) {
	w, steps := restoring(t)
	w.fails["restorer.Step"] = refused("the folder is in use")
	w.ExecuteWorkflow(Restore, wanted)
	require.ErrorContains(t, w.GetWorkflowError(), "the folder is in use")
	require.Empty(t, *steps)
}

func TestARestoreRunsWhereItIsAskedFor(t *testing.T) {
	for asked, queue := range map[string]string{"": QueueProving, "spare": "spare"} {
		w, _ := restoring(t)
		queues := map[string]string{}
		progress := map[string]bool{}
		w.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
			queues[info.ActivityType.Name] = info.TaskQueue
			answer, err := w.QueryWorkflow(ProgressQuery)
			require.NoError(t, err)
			var done BackupDone
			require.NoError(t, answer.Get(&done))
			require.Equal(t, backupID, done.Taken.Backup)
			progress[done.Step] = true
		})
		in := wanted
		in.Queue = asked
		w.ExecuteWorkflow(Restore, in)
		require.NoError(t, w.GetWorkflowError())
		require.Equal(t, map[string]string{"restorer.Plan": queue, "approval.Use": QueueOperations, "restorer.Step": queue}, queues)
		for _, step := range append([]string{"planning", "approving"}, restore.Steps()...) {
			require.True(t, progress[step], step)
		}
	}
}
