package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
)

// backupSettings has the installation take backups, copies and archives of people into
// folders that are scanned like everything else. The worker opens and restores them.
func (w *watch) backupSettings(t *testing.T) []string {
	t.Helper()
	dir := filepath.Join(w.data, "backups")
	require.NoError(t, os.Mkdir(dir, 0o711))
	return append(append(backupSettings(t, dir), openingSettings(dir)...),
		"MEAI_BACKUP_ARCHIVE=file://"+dir+"/people?create_dir=true", "MEAI_BACKUP_SECOND=file://"+dir+"/second?create_dir=true",
		"MEAI_BACKUP_COPY=ledger=file://"+filepath.Join(w.data, "ledger"))
}

// backUp runs all that there is of backups, by the API and by hand.
func (w *watch) backUp(t *testing.T, temporal sdk.Client) {
	t.Helper()
	word := w.canaries.word
	olga := signedIn(t, w.base, "operator.olga")
	taken, err := olga.api.TakeBackupWithResponse(t.Context(), &client.TakeBackupParams{IdempotencyKey: word("TakeBackup Idempotency-Key")}, client.NewBackup{})
	require.NoError(t, err)
	require.NotNil(t, taken.JSON202, "%s", taken.Body)
	run := awaitRun(t, olga, taken.JSON202.Id)
	require.Equal(t, client.BackupRunStateDone, run.State, "%+v", run)
	proof, err := olga.api.ProveBackupWithResponse(t.Context(), run.Backup, &client.ProveBackupParams{IdempotencyKey: word("ProveBackup Idempotency-Key")})
	require.NoError(t, err)
	require.NotNil(t, proof.JSON202, "%s", proof.Body)
	proven := awaitRun(t, olga, proof.JSON202.Id)
	require.Equal(t, client.BackupRunStateDone, proven.State, "%+v", proven)
	w.askForNoBackups(t, olga)

	w.runByHand(t, temporal, "batch", "Backup", map[string]any{"kind": "weaviate"})
	w.runByHand(t, temporal, "batch", "HoldBackup", map[string]any{"backup": run.Backup, "held": true})
	for _, name := range []string{"MarkBackup", "CheckBackups", "KeepBackups", "ArchivePeople", "CopyObjects"} {
		w.runByHand(t, temporal, "batch", name, map[string]any{})
	}
	asked := olga.asks(t, client.ApprovalActRestore, map[string]string{"backup": run.Backup})
	for _, name := range []string{"admin.ada", "operator.otto"} {
		require.Equal(t, http.StatusOK, signedIn(t, w.base, name).decides(t, asked.Id, true).StatusCode())
	}
	w.runByHand(t, temporal, "operations", "Restore", map[string]any{
		"target": map[string]any{"backup": run.Backup, "index": true}, "into": "scanned", "approval": asked.Id,
	})
	// Drills have a cluster of their own with nobody in it; they are begun, and that is all.
	drills, err := temporal.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: "BackupDrill-by-hand", TaskQueue: "batch"}, "BackupDrill", map[string]any{})
	require.NoError(t, err)
	require.NoError(t, temporal.CancelWorkflow(t.Context(), drills.GetID(), ""))
	require.Error(t, drills.Get(t.Context(), nil))
	for _, folder := range []string{"bucket/backups", "bucket/wal", "people", "second", "restores/scanned/data/base"} {
		found, err := os.ReadDir(filepath.Join(w.data, "backups", folder))
		require.NoError(t, err)
		require.NotEmpty(t, found, "there is something to scan in %s", folder)
	}
}

// askForNoBackups has words where ids belong.
func (w *watch) askForNoBackups(t *testing.T, olga *person) {
	t.Helper()
	word, ctx := w.canaries.word, t.Context()
	cursor := word("ListBackups cursor")
	_, err := olga.api.ListBackupsWithResponse(ctx, &client.ListBackupsParams{Cursor: &cursor})
	require.NoError(t, err)
	got, err := olga.api.GetBackupWithResponse(ctx, word("GetBackup backup_id"))
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, got.StatusCode())
	proof, err := olga.api.ProveBackupWithResponse(ctx, word("ProveBackup backup_id"), &client.ProveBackupParams{IdempotencyKey: word("ProveBackup Idempotency-Key")})
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, proof.StatusCode())
	held, err := olga.api.HoldBackupWithResponse(ctx, word("HoldBackup backup_id"), client.BackupHold{Held: true})
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, held.StatusCode())
	restored, err := olga.api.RestoreBackupWithResponse(ctx, &client.RestoreBackupParams{IdempotencyKey: word("RestoreBackup Idempotency-Key")}, client.NewRestore{
		Backup: word("RestoreBackup /backup"), Approval: uuid.New(), Into: word("RestoreBackup /into"), Lsn: word("RestoreBackup /lsn"), TaskQueue: word("RestoreBackup /task_queue"),
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, restored.StatusCode(), "%s", restored.Body)
	moved, err := olga.api.StartFailoverWithResponse(ctx, &client.StartFailoverParams{IdempotencyKey: word("StartFailover Idempotency-Key")}, client.NewFailover{To: word("StartFailover /to")})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, moved.StatusCode(), "%s", moved.Body)
}
