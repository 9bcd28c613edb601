package pgserver_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/pgserver"
)

// folder can be reached by every account, unlike the usual temporary folder of a test.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-pgserver-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

func query(t *testing.T, url, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
	return answer
}

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestAServerIsOurOwnAndSurvivesACrash(t *testing.T) {
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	data := filepath.Join(folder(t), "data")
	require.NoError(t, b.Init(t.Context(), account, data))

	s, err := pgserver.Start(t.Context(), b, account, data, map[string]string{"listen_addresses": "*", "work_mem": "5MB"})
	require.NoError(t, err)
	require.NoError(t, s.AwaitRecovery(t.Context()))
	url := s.URL(pgserver.Superuser, "postgres")
	require.Empty(t, query(t, url, "show listen_addresses"), "it listens on no network")
	require.Equal(t, "5MB", query(t, url, "show work_mem"))
	require.Equal(t, "on", query(t, url, "show data_checksums"))
	exec(t, url, "create table t as select 'kept' as x")
	s.Kill()

	s, err = pgserver.Start(t.Context(), b, account, data, nil)
	require.NoError(t, err)
	require.Equal(t, "kept", query(t, s.URL(pgserver.Superuser, "postgres"), "select x from t"))
	require.NoError(t, s.Stop())
	<-s.Exited()
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	data := filepath.Join(folder(t), "data")
	require.NoError(t, account.MakeFolder(data))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = pgserver.Start(ctx, b, account, data, nil)
	require.ErrorContains(t, err, "postgresql.conf")
	require.ErrorContains(t, b.Run(ctx, account, "pg_verifybackup", data), "backup_manifest")
	_, err = pgserver.Find(ctx, 7)
	require.ErrorIs(t, err, pgserver.ErrNotInstalled)
}

// A stopped server hears of no signal but one, and its backends outlive it.
func TestWhateverWorksInAFolderIsEnded(t *testing.T) {
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	data := filepath.Join(folder(t), "data")
	require.NoError(t, pgserver.End(t.Context(), data, time.Second), "nothing works in a folder that is not there")
	require.NoError(t, b.Init(t.Context(), account, data))
	s, err := pgserver.Start(t.Context(), b, account, data, nil)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), s.URL(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	busy := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "select count(*) from generate_series(1, 1e12)")
		busy <- err
	}()
	require.NoError(t, syscall.Kill(s.PID(), syscall.SIGSTOP))
	before, err := pgserver.Processes(data)
	require.NoError(t, err)
	require.Greater(t, len(before), 2)
	began := time.Now()
	require.NoError(t, pgserver.End(t.Context(), data, 500*time.Millisecond))
	t.Logf("%d processes ended within %v", len(before), time.Since(began))
	after, err := pgserver.Processes(data)
	require.NoError(t, err)
	require.Empty(t, after)
	require.Error(t, <-busy)
	<-s.Exited()
	s.Kill()
}
