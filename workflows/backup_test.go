package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/internal/failure"
)

const backupID = "20261127T012000Z-postgres-0f3a9c1e"

var markedAt = time.Date(2026, 11, 27, 1, 21, 0, 0, time.UTC)

// nightWatch is a test environment in which all goes well with backups, until a step is
// made to go otherwise. calls lists what was begun, in order.
type nightWatch struct {
	*testsuite.TestWorkflowEnvironment
	calls  []string
	inputs map[string]any
	// fails makes a step end so; finds makes a look at a backup find problems.
	fails map[string]error
	finds map[string][]string
}

func newNightWatch(t *testing.T) *nightWatch {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	w := &nightWatch{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), inputs: map[string]any{}, fails: map[string]error{}, finds: map[string][]string{}}
	does(w, "backup.Take", func(backup.TakeInput) backup.Taken { return backup.Taken{Backup: backupID, Bytes: 7, Objects: 2} })
	does(w, "backup.Mark", func(struct{}) backup.Marked { return backup.Marked{At: markedAt, LSN: "0/30", Rows: 5} })
	does(w, "backup.CheckArchive", func(backup.ArchiveInput) backup.ArchiveState {
		return backup.ArchiveState{Tip: "1/0/31", Problems: w.finds["backup.CheckArchive"]}
	})
	does(w, "backup.Recheck", func(struct{}) backup.Rechecked { return backup.Rechecked{Problems: w.finds["backup.Recheck"]} })
	does(w, "backup.Keep", func(struct{}) backup.Kept { return backup.Kept{Backups: 2, Expired: []string{"old"}} })
	does(w, "backup.Sync", func(struct{}) struct{} { return struct{}{} })
	for _, name := range []string{"backup.Hold", "backup.Release"} {
		does(w, name, func(backup.Ref) struct{} { return struct{}{} })
	}
	for name, state := range map[string]repository.State{"prover.Verify": repository.Verified, "prover.Prove": repository.Proven} {
		does(w, name, func(in backup.ProveInput) backup.Outcome {
			return backup.Outcome{Backup: in.Backup, State: state, Problems: w.finds[name]}
		})
	}
	return w
}

// does registers a step.
func does[In, Out any](w *nightWatch, name string, answer func(In) Out) {
	w.RegisterActivityWithOptions(func(_ context.Context, in In) (Out, error) {
		w.calls = append(w.calls, name)
		w.inputs[name] = in
		if err := w.fails[name]; err != nil {
			var none Out
			return none, err
		}
		return answer(in), nil
	}, activity.RegisterOptions{Name: name})
}

// refused is an end that no other try changes.
func refused(message string) error { return failure.New(failure.InvalidInput, message, nil) }

func TestABackupIsTakenMarkedArchivedVerifiedAndProvenInThisOrder(t *testing.T) {
	w := newNightWatch(t)
	w.ExecuteWorkflow(Backup, BackupInput{MaxRate: 64})
	var done BackupDone
	require.NoError(t, w.GetWorkflowResult(&done))
	require.Equal(t, []string{"backup.Take", "backup.Mark", "backup.CheckArchive", "prover.Verify", "prover.Prove", "backup.Sync"}, w.calls)
	require.Equal(t, "done", done.Step)
	require.Equal(t, backupID, done.Taken.Backup)
	require.Equal(t, repository.Proven, done.Outcome.State)

	run := w.inputs["backup.Take"].(backup.TakeInput).Run
	require.NotEmpty(t, run, "a second attempt finds what the first has finished")
	require.Equal(t, backup.TakeInput{Kind: repository.Postgres, MaxRate: 64, Run: run}, w.inputs["backup.Take"])
	require.Equal(t, backup.ArchiveInput{Until: "0/30"}, w.inputs["backup.CheckArchive"])
	for _, name := range []string{"prover.Verify", "prover.Prove"} {
		require.Equal(t, backup.ProveInput{Backup: backupID, Mark: markedAt, Run: run}, w.inputs[name])
	}
}

func TestAnIndexHasNoMarkAndAnUnprovenBackupNoProof(t *testing.T) {
	w := newNightWatch(t)
	w.ExecuteWorkflow(Backup, BackupInput{Kind: repository.Weaviate})
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, []string{"backup.Take", "prover.Verify", "prover.Prove", "backup.Sync"}, w.calls)

	w = newNightWatch(t)
	w.ExecuteWorkflow(Backup, BackupInput{Unproven: true})
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, []string{"backup.Take", "backup.Mark", "backup.CheckArchive", "backup.Sync"}, w.calls)
}

func TestABackupWithProblemsFailsAndTheCatalogueSaysSo(t *testing.T) {
	for step, calls := range map[string][]string{
		"prover.Verify": {"backup.Take", "backup.Mark", "backup.CheckArchive", "prover.Verify", "backup.Sync"},
		"prover.Prove":  {"backup.Take", "backup.Mark", "backup.CheckArchive", "prover.Verify", "prover.Prove", "backup.Sync"},
	} {
		t.Run(step, func(t *testing.T) {
			w := newNightWatch(t)
			w.finds[step] = []string{"pg/base.tar.zst is not what was written", "table memories lacks 2 rows"}
			w.ExecuteWorkflow(Backup, BackupInput{})
			require.True(t, failure.Is(w.GetWorkflowError(), failure.Unsound), "%v", w.GetWorkflowError())
			require.ErrorContains(t, w.GetWorkflowError(), "pg/base.tar.zst is not what was written; table memories lacks 2 rows")
			require.Equal(t, calls, w.calls)
		})
	}
}

func TestAStepThatFailsEndsTheBackupAndTheCatalogueIsBroughtUpToDate(t *testing.T) {
	order := []string{"backup.Take", "backup.Mark", "backup.CheckArchive", "prover.Verify", "prover.Prove"}
	for n, step := range order {
		t.Run(step, func(t *testing.T) {
			w := newNightWatch(t)
			w.fails[step] = refused("it will not do")
			w.ExecuteWorkflow(Backup, BackupInput{})
			require.ErrorContains(t, w.GetWorkflowError(), "it will not do")
			require.Equal(t, append(append([]string(nil), order[:n+1]...), "backup.Sync"), w.calls)
		})
	}
	w := newNightWatch(t)
	w.fails["backup.Sync"] = refused("the catalogue cannot be read")
	w.ExecuteWorkflow(Backup, BackupInput{})
	require.ErrorContains(t, w.GetWorkflowError(), "the catalogue cannot be read", "a backup that is nowhere to be seen")
}

func TestABackupThatIsCancelledIsShownInTheCatalogue(t *testing.T) {
	w := newNightWatch(t)
	w.OnActivity("backup.Take", mock.Anything, mock.Anything).Return(func(context.Context, backup.TakeInput) (backup.Taken, error) {
		w.CancelWorkflow()
		return backup.Taken{}, temporal.NewCanceledError()
	})
	w.ExecuteWorkflow(Backup, BackupInput{})
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, w.GetWorkflowError(), &cancelled)
	require.Equal(t, []string{"backup.Sync"}, w.calls)
	require.True(t, takeBackup.options.WaitForCancellation, "the step is waited for: it removes what it wrote")
	require.Positive(t, takeBackup.options.HeartbeatTimeout, "else it does not learn that it is cancelled")
}

func TestABackupTellsHowFarItIs(t *testing.T) {
	w := newNightWatch(t)
	seen := map[string]BackupDone{}
	w.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		answer, err := w.QueryWorkflow(ProgressQuery)
		require.NoError(t, err)
		var done BackupDone
		require.NoError(t, answer.Get(&done))
		seen[info.ActivityType.Name] = done
	})
	w.ExecuteWorkflow(Backup, BackupInput{})
	require.NoError(t, w.GetWorkflowError())
	for name, step := range map[string]string{
		"backup.Take": "taking", "backup.Mark": "marking", "backup.CheckArchive": "archiving", "prover.Verify": "verifying", "prover.Prove": "proving",
	} {
		require.Equal(t, step, seen[name].Step)
	}
	require.Empty(t, seen["backup.Take"].Taken.Backup)
	require.Equal(t, backupID, seen["backup.Mark"].Taken.Backup)
	require.Equal(t, "0/30", seen["backup.CheckArchive"].Mark.LSN)
}

func TestABackupIsProvenAgainAgainstTheNewestMark(t *testing.T) {
	w := newNightWatch(t)
	w.ExecuteWorkflow(ProveBackup, backup.ProveInput{Backup: backupID})
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, []string{"prover.Verify", "prover.Prove", "backup.Sync"}, w.calls)
	require.Zero(t, w.inputs["prover.Prove"].(backup.ProveInput).Mark)

	w = newNightWatch(t)
	w.fails["prover.Verify"] = refused("it will not do")
	w.ExecuteWorkflow(ProveBackup, backup.ProveInput{Backup: backupID})
	answer, err := w.QueryWorkflow(ProgressQuery)
	require.NoError(t, err)
	var done BackupDone
	require.NoError(t, answer.Get(&done))
	require.Equal(t, BackupDone{Step: "verifying", Outcome: backup.Outcome{Backup: backupID}}, done, "how far it came shows afterwards")

	w = newNightWatch(t)
	w.finds["prover.Prove"] = []string{"an edge leads nowhere"}
	w.ExecuteWorkflow(ProveBackup, backup.ProveInput{Backup: backupID})
	require.True(t, failure.Is(w.GetWorkflowError(), failure.Unsound))
	require.Equal(t, "backup.Sync", w.calls[len(w.calls)-1])
}

func TestAMarkIsAwaitedInTheArchive(t *testing.T) {
	w := newNightWatch(t)
	w.ExecuteWorkflow(MarkBackup, struct{}{})
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, []string{"backup.Mark", "backup.CheckArchive"}, w.calls)

	w = newNightWatch(t)
	w.fails["backup.CheckArchive"] = failure.New(failure.Unsound, "segment 3 is missing", nil)
	w.ExecuteWorkflow(MarkBackup, struct{}{})
	require.ErrorContains(t, w.GetWorkflowError(), "segment 3 is missing")
}

func TestEverythingThatACheckFindsIsNamed(t *testing.T) {
	w := newNightWatch(t)
	w.ExecuteWorkflow(CheckBackups, struct{}{})
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, backup.ArchiveInput{Deep: true}, w.inputs["backup.CheckArchive"])

	w = newNightWatch(t)
	w.finds["backup.Recheck"], w.finds["backup.CheckArchive"] = []string{"a byte is flipped"}, []string{"segment 3 is missing"}
	w.ExecuteWorkflow(CheckBackups, struct{}{})
	require.True(t, failure.Is(w.GetWorkflowError(), failure.Unsound))
	require.ErrorContains(t, w.GetWorkflowError(), "a byte is flipped; segment 3 is missing")
}

func TestKeepingAndHoldingEndInTheCatalogue(t *testing.T) {
	w := newNightWatch(t)
	w.ExecuteWorkflow(KeepBackups, struct{}{})
	var kept backup.Kept
	require.NoError(t, w.GetWorkflowResult(&kept))
	require.Equal(t, backup.Kept{Backups: 2, Expired: []string{"old"}}, kept)
	require.Equal(t, []string{"backup.Keep", "backup.Sync"}, w.calls)

	for held, step := range map[bool]string{true: "backup.Hold", false: "backup.Release"} {
		w = newNightWatch(t)
		w.ExecuteWorkflow(HoldBackup, HoldInput{Backup: backupID, Held: held})
		require.NoError(t, w.GetWorkflowError())
		require.Equal(t, []string{step, "backup.Sync"}, w.calls)
		require.Equal(t, backup.Ref{Backup: backupID}, w.inputs[step])
	}
}

func TestAStoreThatIsAwayForAWhileDoesNotEndABackup(t *testing.T) {
	w := newNightWatch(t)
	tries := 0
	w.OnActivity("backup.Take", mock.Anything, mock.Anything).Return(func(context.Context, backup.TakeInput) (backup.Taken, error) {
		if tries++; tries < 3 {
			return backup.Taken{}, errors.New("connection refused")
		}
		return backup.Taken{Backup: backupID}, nil
	})
	w.ExecuteWorkflow(Backup, BackupInput{})
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, 3, tries)
}
