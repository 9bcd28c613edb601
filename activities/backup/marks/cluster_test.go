package marks_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/pgserver"
	"meai/internal/postgres"
)

// prepared is a stopped cluster with the product's roles and schema, which every test
// copies: to make one takes longer.
var prepared struct {
	once sync.Once
	dir  string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(prepared.dir); err != nil {
		fmt.Fprintln(os.Stderr, "remove the prepared cluster:", err)
		code = 1
	}
	os.Exit(code)
}

// cluster is a PostgreSQL server of one test.
type cluster struct {
	*pgserver.Server
	binaries pgserver.Binaries
	account  pgserver.Account
	dir      string // scratch that PostgreSQL can reach; the cluster is in data
}

// data is where the cluster's files are.
func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) backupURL() string { return c.URL("meai_backup", "meai") }

// scratch is a folder that PostgreSQL can reach, unlike t.TempDir.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-marks-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

func newEmpty(t *testing.T) *cluster {
	t.Helper()
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	return &cluster{binaries: b, account: account, dir: scratch(t)}
}

// newCluster runs a copy of the prepared cluster.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	prepared.once.Do(func() { prepare(t) })
	require.NotEmpty(t, prepared.dir, "the cluster could not be prepared")
	c := newEmpty(t)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(c.dir)) })
	copyFolder(t, filepath.Join(prepared.dir, "data"), c.data())
	c.start(t, nil)
	return c
}

func prepare(t *testing.T) {
	t.Helper()
	c := newEmpty(t)
	require.NoError(t, c.binaries.Init(t.Context(), c.account, c.data()))
	c.start(t, nil)
	super := connect(t, c.URL(pgserver.Superuser, "postgres"))
	for _, role := range []string{"owner", "app", "reader", "backup", "observer", "temporal"} {
		run(t, super, "select set_config('meai."+role+"_password', 'unused', false)")
	}
	roles, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "local", "internal", "postgres", "init", "01_roles.sql"))
	require.NoError(t, err)
	run(t, super, string(roles))
	run(t, super, "create database meai owner meai_owner")
	require.NoError(t, postgres.Migrate(t.Context(), c.URL("meai_owner", "meai"), enginetest.Logger(t)))
	require.NoError(t, super.Close(t.Context()))
	require.NoError(t, c.Stop())
	prepared.dir = c.dir
}

// start runs a server on the cluster's files until the test ends or it is stopped.
func (c *cluster) start(t *testing.T, settings map[string]string) {
	t.Helper()
	all := map[string]string{"fsync": "off", "wal_keep_size": "1GB", "max_locks_per_transaction": "256"}
	for name, value := range settings {
		all[name] = value
	}
	var err error
	c.Server, err = pgserver.Start(t.Context(), c.binaries, c.account, c.data(), all)
	require.NoError(t, err)
	server := c.Server
	t.Cleanup(server.Kill)
	require.NoError(t, c.AwaitRecovery(t.Context()))
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.Command("cp", "-a", from, to).CombinedOutput()
	require.NoError(t, err, string(out))
}

// base takes a base backup without any of the write-ahead log.
func (c *cluster) base(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(c.dir, "base")
	require.NoError(t, c.account.MakeFolder(dir))
	require.NoError(t, c.binaries.Run(t.Context(), c.account, "pg_basebackup", "--dbname", c.URL("meai_backup", "postgres"),
		"--pgdata", dir, "--wal-method", "none", "--checkpoint", "fast", "--no-sync"))
	return dir
}

var segmentForm = regexp.MustCompile(`^[0-9A-F]{24}$`)

// archive is a folder with all segments of the log, the last one closed.
func (c *cluster) archive(t *testing.T) string {
	t.Helper()
	run(t, connect(t, c.URL(pgserver.Superuser, "postgres")), "select pg_switch_wal()")
	dir := filepath.Join(c.dir, "wal")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	entries, err := os.ReadDir(filepath.Join(c.data(), "pg_wal"))
	require.NoError(t, err)
	for _, entry := range entries {
		if segmentForm.MatchString(entry.Name()) {
			copyFolder(t, filepath.Join(c.data(), "pg_wal", entry.Name()), filepath.Join(dir, entry.Name()))
		}
	}
	return dir
}

// restore recovers a copy of a base backup to just before a point of the log.
func (c *cluster) restore(t *testing.T, base, archive, lsn string) *cluster {
	t.Helper()
	r := newEmpty(t)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(r.dir)) })
	copyFolder(t, base, r.data())
	signal := filepath.Join(r.data(), "recovery.signal")
	require.NoError(t, os.WriteFile(signal, nil, 0o600))
	require.NoError(t, r.account.Own(signal))
	r.start(t, map[string]string{
		"restore_command": "cp " + archive + "/%f %p", "recovery_target_lsn": lsn, "recovery_target_inclusive": "off",
		"recovery_target_action": "promote",
	})
	return r
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (value T) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value), sql)
	return value
}
