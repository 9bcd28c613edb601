package drill_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup"
	"meai/activities/backup/drill"
	"meai/activities/backup/marks"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/internal/enginetest"
	"meai/internal/pgserver"
	"meai/internal/signing"
)

// folder can be reached by every account, unlike the usual temporary folder of a test.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-drill-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

func newScene(t testing.TB) *drill.Scene {
	t.Helper()
	signer, err := signing.Derive(t.Context(), enginetest.Keyring(t), "drill", "drill")
	require.NoError(t, err)
	s, err := drill.NewScene(t.Context(), filepath.Join(folder(t), "scene"), signer, enginetest.Logger(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestABackupIsTakenProvenAndRestoredFromTheBucketAlone(t *testing.T) {
	s := newScene(t)
	taken, marked, err := s.Taken(t.Context())
	require.NoError(t, err)
	verified, proven, err := s.Proven(t.Context(), taken, marked)
	require.NoError(t, err)
	require.Empty(t, verified.Problems)
	require.Empty(t, proven.Problems)
	require.Equal(t, repository.Proven, proven.State)
	t.Log(verified.Seconds, proven.Seconds, proven.Found)
	entry, err := s.Repository.Entry(t.Context(), taken.Backup)
	require.NoError(t, err)
	require.Equal(t, repository.Proven, entry.State())
	left, err := filepath.Glob(filepath.Join(s.Dir, "scratch", "*"))
	require.NoError(t, err)
	require.Empty(t, left, "the scratch folder is cleared")

	require.NoError(t, s.Write(t.Context(), 30))
	arrived(t, s)
	s.StopArchive()
	s.Server.Kill()
	require.NoError(t, os.RemoveAll(s.Data()))
	require.Equal(t, "100", restored(t, s, restore.Target{}), "everything that was archived")
	require.Equal(t, "70", restored(t, s, restore.Target{Mark: marked.At}), "what the mark counted")

	names, err := s.Repository.Names(t.Context(), "marks/")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Bucket(), filepath.FromSlash(names[0])), []byte("{}"), 0o600))
	r := s.Restorer()
	_, err = r.Plan(t.Context(), restore.Target{})
	require.ErrorIs(t, err, repository.ErrAltered)
	r.Despite = true
	plan, err := r.Plan(t.Context(), restore.Target{})
	require.NoError(t, err, "when everything else is lost, a damaged mark is no reason not to restore")
	require.Contains(t, strings.Join(plan.Notes, " "), names[0])
}

// arrived returns once everything that was committed is in the bucket.
func arrived(t testing.TB, s *drill.Scene) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	var lsn string
	err = conn.QueryRow(t.Context(), "select pg_current_wal_insert_lsn()::text").Scan(&lsn)
	require.NoError(t, errors.Join(err, conn.Close(t.Context())))
	_, err = marks.Heartbeat(t.Context(), s.URL())
	require.NoError(t, err)
	_, err = s.Activities().CheckArchive(t.Context(), backup.ArchiveInput{Until: lsn})
	require.NoError(t, err)
}

// restored restores into a new folder and counts people.
func restored(t *testing.T, s *drill.Scene, target restore.Target) string {
	t.Helper()
	r := s.Restorer()
	plan, err := r.Plan(t.Context(), target)
	require.NoError(t, err)
	into := filepath.Join(s.Dir, "restored-"+plan.ID.String())
	run, err := r.Begin(plan, into)
	require.NoError(t, err)
	for _, step := range restore.Steps() {
		done, err := run.Do(t.Context(), step, nil)
		require.NoError(t, err)
		require.Empty(t, done.Problems)
		t.Log(step, done.Seconds, done.Found)
	}
	require.NoError(t, run.Close())
	server, err := pgserver.Start(t.Context(), s.Binaries, s.Account, filepath.Join(into, "data"), map[string]string{"max_locks_per_transaction": "256"})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop()) }()
	conn, err := pgx.Connect(t.Context(), server.URL(pgserver.Superuser, "meai"))
	require.NoError(t, err)
	var people, state string
	err = conn.QueryRow(t.Context(), "select (select count(*)::text from subjects), (select state from cluster_state)").Scan(&people, &state)
	require.NoError(t, errors.Join(err, conn.Close(t.Context())))
	require.Equal(t, "quarantined", state)
	return people
}

// TestARecoveryThatWasKilledAtItsEndIsDoneAnew kills the server after it has reached the
// target, at a moment when the signal for recovery is gone and recovery is not over.
func TestARecoveryThatWasKilledAtItsEndIsDoneAnew(t *testing.T) {
	s := newScene(t)
	taken, marked, err := s.Taken(t.Context())
	require.NoError(t, err)
	s.StopArchive()
	r := s.Restorer()
	plan, err := r.Plan(t.Context(), restore.Target{Backup: taken.Backup, Mark: marked.At})
	require.NoError(t, err)
	into := filepath.Join(s.Dir, "restored")
	do := func(steps ...string) (problems []string) {
		run, err := r.Begin(plan, into)
		require.NoError(t, err)
		for _, step := range steps {
			done, err := run.Do(t.Context(), step, nil)
			require.NoError(t, err)
			problems = append(problems, done.Problems...)
		}
		require.NoError(t, run.Close())
		return problems
	}
	require.Empty(t, do(restore.Verifying...))
	signal := filepath.Join(into, "data", "recovery.signal")
	require.NoError(t, errors.Join(os.WriteFile(signal, nil, 0o600), s.Account.Own(signal)))
	server, err := pgserver.Start(t.Context(), s.Binaries, s.Account, filepath.Join(into, "data"), map[string]string{
		"max_locks_per_transaction": "256", "restore_command": "cp '" + filepath.Join(into, "wal") + "/%f' '%p'", "recovery_target_timeline": "2",
		"recovery_target_lsn": marked.LSN, "recovery_target_inclusive": "off", "recovery_target_action": "pause",
	})
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), server.URL(pgserver.Superuser, "meai"))
	require.NoError(t, err)
	require.Eventually(t, func() (paused bool) {
		return conn.QueryRow(t.Context(), "select pg_get_wal_replay_pause_state() = 'paused'").Scan(&paused) == nil && paused
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, conn.Close(t.Context()))
	server.Kill()
	require.NoError(t, os.Remove(signal))
	require.Empty(t, do(restore.Proving...), "it is not replayed beyond the mark")
}
