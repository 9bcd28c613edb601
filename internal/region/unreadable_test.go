package region

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// newCluster makes a cluster of an agent that does not run, with a table of n rows.
func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	home, err := os.MkdirTemp("", "meai-region-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(home, 0o711))
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	c := &cluster{home: home, recoverWithin: readWithin, own: server{user: pgserver.Superuser}, Options: &Options{
		Region: "a", Binaries: b, Account: account, Database: "postgres", Timings: fence.NewTimings(4 * time.Second),
		Logger: slog.New(slog.DiscardHandler),
	}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = pgserver.End(ctx, c.data(), time.Second)
		_ = os.RemoveAll(home)
	})
	require.NoError(t, account.MakeFolder(c.path("diverged")))
	require.NoError(t, b.Init(t.Context(), account, c.data()))
	s, err := pgserver.Start(t.Context(), b, account, c.data(), nil)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), s.URL(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), fmt.Sprintf("create table said as select generate_series(1, %d) as id", n))
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, s.Stop())
	return c
}

// away has no folder for a while: a package is being replaced, or a disk is gone.
func away(t *testing.T, c *cluster, while func()) {
	t.Helper()
	whole := c.Binaries.Dir
	c.Binaries.Dir = filepath.Join(c.home, "no-binaries")
	while()
	c.Binaries.Dir = whole
}

// A tool that cannot be run has not looked at the cluster.
func TestAToolThatCannotBeRunSaysNothingOfTheCluster(t *testing.T) {
	c := newCluster(t, 1)
	f := fork{timeline: 1, at: 1}
	away(t, c, func() {
		_, _, err := c.ownHistory(t.Context())
		require.Error(t, err)
		require.NotErrorIs(t, err, errUnreadable)
		_, err = c.readBeyond(t.Context(), f)
		require.ErrorIs(t, err, os.ErrNotExist, "that nothing is there was not read")
		_, err = c.launchAlone(t.Context())
		require.Error(t, err)
		require.NotErrorIs(t, err, errUnreadable, "no server was started")
	})
	_, _, err := c.ownHistory(t.Context())
	require.NoError(t, err)
	b, err := c.readBeyond(t.Context(), f)
	require.NoError(t, err, "a log that ends there has nothing behind it")
	require.Zero(t, b.records)

	t.Setenv("TMPDIR", filepath.Join(c.home, "no-tmp"))
	_, err = c.launchAlone(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, errUnreadable, "no server was started")
}

// One that ran and said no has.
func TestAClusterIsUnreadableWhereAToolOrAServerSaysSo(t *testing.T) {
	c := newCluster(t, 1)
	control := filepath.Join(c.data(), "global", "pg_control")
	text, err := os.ReadFile(control)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(control, 100))
	_, _, err = c.ownHistory(t.Context())
	require.ErrorIs(t, err, errUnreadable)
	require.ErrorContains(t, err, "could not read file", "it says why")
	_, err = c.launchAlone(t.Context())
	require.ErrorIs(t, err, errUnreadable)
	require.NoError(t, os.WriteFile(control, text, 0o600))
	_, _, err = c.ownHistory(t.Context())
	require.NoError(t, err)
}

// What the machine lacked when a server ended is not the cluster's fault either.
func TestAFaultOfTheMachineIsNoDamage(t *testing.T) {
	for _, log := range []string{
		"FATAL: could not map anonymous shared memory: Cannot allocate memory", "could not fork: Resource temporarily unavailable",
		"PANIC: could not write: No space left on device", "could not open: Too many open files", "terminated by signal 9: Killed",
	} {
		err := notRecovered(t.Context(), fmt.Errorf("%w (exit status 1): %s", pgserver.ErrEnded, log))
		require.NotErrorIs(t, err, errUnreadable, log)
	}
	require.ErrorIs(t, notRecovered(t.Context(), fmt.Errorf("%w (exit status 1): invalid page", pgserver.ErrEnded)), errUnreadable)
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	require.ErrorIs(t, notRecovered(over, errors.New("PostgreSQL is not ready")), errUnreadable)
}

// slow is a file whose first row takes until a moment.
type slow struct {
	until time.Time
	rows  int
}

func (s *slow) Write(p []byte) (int, error) {
	if s.rows++; s.rows == 2 {
		<-time.After(time.Until(s.until))
	}
	return len(p), nil
}

// Only the recovery has a time: a sound cluster with large tables is read to its end.
func TestLargeTablesAreReadForAsLongAsItTakes(t *testing.T) {
	const many = 100_000 // more than fit between a server and a client
	c := newCluster(t, many)
	c.recoverWithin = 5 * time.Second
	var xmin string
	ids := func() []string {
		s, err := c.recoverAlone(t.Context())
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), s.URL(c.own.user, c.Database))
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(t.Context(), "select xmin::text from said limit 1").Scan(&xmin))
		require.NoError(t, conn.Close(t.Context()))
		require.NoError(t, s.Stop())
		return []string{xmin}
	}()
	file := &slow{until: time.Now().Add(c.recoverWithin + 500*time.Millisecond)}
	require.NoError(t, c.exportTo(t.Context(), file, fork{timeline: 1}, beyond{commits: ids}))
	require.Equal(t, 1+many, file.rows)
}

// Reading is in vain where a page is corrupt, or the server has ended; a reader who is hung
// up on, or whose own file cannot be written, has another trouble.
func TestRowsAreUnreadableWhereTheServerSaysSo(t *testing.T) {
	c := newCluster(t, 1)
	s, err := c.recoverAlone(t.Context())
	require.NoError(t, err)
	defer s.Kill()
	dial := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), s.URL(c.own.user, c.Database))
		require.NoError(t, err)
		t.Cleanup(func() { hangUp(conn) })
		return conn
	}
	conn := dial()
	fails := func(sql string) error {
		_, err := conn.Exec(t.Context(), sql)
		require.Error(t, err)
		return notRead(t.Context(), s, conn, err)
	}
	raise := "do $$ begin raise sqlstate '%s'; end $$"
	require.ErrorIs(t, fails(fmt.Sprintf(raise, "XX001")), errUnreadable)
	require.ErrorIs(t, fails(fmt.Sprintf(raise, "58030")), errUnreadable)
	for _, code := range []string{"53200", "53300", "57014", "42501"} {
		require.NotErrorIs(t, fails(fmt.Sprintf(raise, code)), errUnreadable, code)
	}
	require.NotErrorIs(t, exportTable(t.Context(), conn, json.NewEncoder(failing{}), "said", nil), errUnreadable)
	err = fails("select pg_terminate_backend(pg_backend_pid())")
	require.NotErrorIs(t, err, errUnreadable, "the server is there still")

	conn = dial()
	var backend int
	require.NoError(t, conn.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&backend))
	process, err := os.FindProcess(backend)
	require.NoError(t, err)
	require.NoError(t, process.Signal(syscall.SIGSEGV))
	require.ErrorIs(t, fails("select"), errUnreadable, "a page has brought it down")
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// What could not be read three times in a row is set aside; another trouble in between has
// it begin anew.
func TestUnreadableCountsInARowOnly(t *testing.T) {
	a := &Agent{}
	for range 2 {
		require.Error(t, a.insteadOf(t.Context(), errUnreadable))
	}
	require.Error(t, a.insteadOf(t.Context(), errors.New("the other region does not answer")))
	require.Zero(t, a.unread)
	require.ErrorIs(t, a.insteadOf(t.Context(), errUnreadable), errUnreadable)
	require.Equal(t, 1, a.unread)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, a.insteadOf(over, context.Canceled))
	require.Equal(t, 1, a.unread, "one that was broken off tells nothing")
}
