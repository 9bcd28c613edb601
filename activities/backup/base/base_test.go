package base_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/base"
	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/objects"
	"meai/internal/pgserver"
)

// role is what backups are taken as.
const role = "meai_backup"

// folder can be reached by every account, unlike the usual temporary folder of a test.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-base-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

// cluster is a PostgreSQL cluster of a test's own with the role for backups.
type cluster struct {
	*pgserver.Server
	binaries pgserver.Binaries
	account  pgserver.Account
	dir      string // with room for what is restored
	data     string
	settings map[string]string
}

func newCluster(t testing.TB, more ...string) *cluster {
	t.Helper()
	c := &cluster{dir: folder(t), settings: map[string]string{
		"wal_level": "replica", "max_wal_senders": "4", "wal_keep_size": "512MB", "fsync": "off", "shared_buffers": "32MB",
	}}
	for i := 0; i < len(more); i += 2 {
		c.settings[more[i]] = more[i+1]
	}
	made, err := template()
	require.NoError(t, err)
	c.binaries, c.account, c.data = made.binaries, made.account, filepath.Join(c.dir, "data")
	require.NoError(t, exec.Command("cp", "-a", made.data, c.data).Run())
	c.start(t)
	t.Cleanup(func() { c.Kill() })
	c.exec(t, "create role "+role+" login replication")
	return c
}

// template is a cluster that was made and never started, in a folder that TestMain
// removes: making one is slow.
var template = sync.OnceValues(func() (made cluster, err error) {
	ctx := context.Background()
	if made.dir, err = os.MkdirTemp("", "meai-base-"); err != nil {
		return made, err
	}
	made.data = filepath.Join(made.dir, "data")
	if err := os.Chmod(made.dir, 0o711); err != nil {
		return made, err
	}
	if made.binaries, err = pgserver.Find(ctx, 0); err != nil {
		return made, err
	}
	if made.account, err = pgserver.Unprivileged(); err != nil {
		return made, err
	}
	return made, made.binaries.Init(ctx, made.account, made.data)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if made, _ := template(); made.dir != "" {
		_ = os.RemoveAll(made.dir)
	}
	os.Exit(code)
}

// start runs the server, again after it was ended.
func (c *cluster) start(t testing.TB) {
	t.Helper()
	c.Server = c.serve(t, c.data)
}

func (c *cluster) serve(t testing.TB, data string) *pgserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := pgserver.Start(ctx, c.binaries, c.account, data, c.settings)
	require.NoError(t, err)
	return s
}

func (c *cluster) exec(t testing.TB, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.URL(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	for _, sql := range statements {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
}

func ask(t testing.TB, s *pgserver.Server, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
	return answer
}

func (c *cluster) options() base.Options { return base.Options{URL: c.URL(role, "postgres")} }

// shelf is a repository in a folder, with the keys to it.
type shelf struct {
	*repository.Repository
	dir  string
	key  custody.Key
	keys *repository.Keys
}

func newShelf(t testing.TB, wrap func(objects.Erasable) objects.Erasable) *shelf {
	t.Helper()
	s := &shelf{dir: t.TempDir()}
	var public [2]string
	var custodians [2]custody.Identity
	for i := range custodians {
		private, declared, err := custody.NewIdentity()
		require.NoError(t, err)
		public[i] = declared
		custodians[i], err = custody.ParseIdentity(private)
		require.NoError(t, err)
	}
	to, err := custody.ParseRecipients("anna="+public[0]+" bo="+public[1], "")
	require.NoError(t, err)
	store, err := objects.OpenErasable(t.Context(), "file://"+s.dir)
	require.NoError(t, err)
	if wrap != nil {
		store = wrap(store)
	}
	s.Repository = repository.New(store, nil)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.key, err = s.NewKey(t.Context(), to)
	require.NoError(t, err)
	s.keys = s.CustodiansKeys(custodians[:]...)
	return s
}

func newID(t testing.TB) string {
	t.Helper()
	id, err := repository.NewID(repository.Postgres, time.Now())
	require.NoError(t, err)
	return id
}

// take takes a backup that must succeed.
func (s *shelf) take(t testing.TB, o base.Options) repository.Manifest {
	t.Helper()
	m := repository.Manifest{ID: newID(t), Kind: repository.Postgres}
	of, parts, err := base.Take(t.Context(), s.Repository, s.key, m.ID, o)
	require.NoError(t, err)
	m.Cluster, m.Objects = &of, parts
	return m
}

// requireNothing holds that a backup that failed has left nothing, not even half a file.
func (s *shelf) requireNothing(t testing.TB) {
	t.Helper()
	names, err := s.Names(t.Context(), "backups/")
	require.NoError(t, err)
	require.Empty(t, names)
	files, err := filepath.Glob(filepath.Join(s.dir, "backups", "*", ".*"))
	require.NoError(t, err)
	require.Empty(t, files)
}

// requireOver holds that the server has stopped a backup that nobody takes any more,
// sooner than it would have found out by itself.
func (c *cluster) requireOver(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		return ask(t, c.Server, "select count(*)::text from pg_stat_progress_basebackup") == "0"
	}, 4*time.Second, 20*time.Millisecond)
}

func (c *cluster) extract(t testing.TB, s *shelf, m repository.Manifest) string {
	t.Helper()
	dir := filepath.Join(c.dir, "restored")
	require.NoError(t, base.Extract(t.Context(), s.Repository, m, s.keys, c.account, dir, nil))
	return dir
}

// load commits rows one by one until it is ended; it returns how many there are.
func (c *cluster) load(t *testing.T) (end func() int) {
	t.Helper()
	c.exec(t, "create table ticks (n int primary key, at timestamptz default clock_timestamp())")
	ctx, cancel := context.WithCancel(t.Context())
	rows := 0
	var group sync.WaitGroup
	group.Go(func() {
		conn, err := pgx.Connect(t.Context(), c.URL(pgserver.Superuser, "postgres"))
		for err == nil && ctx.Err() == nil {
			if _, err = conn.Exec(t.Context(), "insert into ticks (n) values ($1)", rows); err == nil {
				rows++
			}
		}
		if err = errors.Join(err, conn.Close(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return func() int {
		cancel()
		group.Wait()
		return rows
	}
}

// copyLog puts the server's write-ahead log into a restored cluster, as a restore does
// from the archive.
func (c *cluster) copyLog(t *testing.T, dir string) {
	t.Helper()
	c.exec(t, "select pg_switch_wal()")
	segments, err := filepath.Glob(filepath.Join(c.data, "pg_wal", "????????????????????????"))
	require.NoError(t, err)
	for _, segment := range segments {
		contents, err := os.ReadFile(segment)
		require.NoError(t, err)
		to := filepath.Join(dir, "pg_wal", filepath.Base(segment))
		require.NoError(t, os.WriteFile(to, contents, 0o600))
		require.NoError(t, c.account.Own(to))
	}
}

// progress is what was told while something ran.
type progress struct{ done, total []int64 }

func (p *progress) tell(done, total int64) {
	p.done, p.total = append(p.done, done), append(p.total, total)
}

// requireSteady holds that it went from the beginning to the end and never back.
func (p *progress) requireSteady(t testing.TB) {
	t.Helper()
	require.NotEmpty(t, p.done)
	require.IsNonDecreasing(t, p.done)
	last := len(p.done) - 1
	require.Equal(t, p.total[last], p.done[last])
	require.Positive(t, p.done[last])
}

func TestABackupTakenWhileRowsAreWrittenRestoresAllOfThem(t *testing.T) {
	c := newCluster(t, "allow_in_place_tablespaces", "off")
	away := filepath.Join(c.dir, "away")
	require.NoError(t, c.account.MakeFolder(away))
	c.exec(t, "create tablespace away location '"+away+"'",
		"create table elsewhere tablespace away as select n, md5(n::text) as sum from generate_series(1, 20000) n")
	sums := "select md5(string_agg(sum, '' order by n)) from elsewhere"
	s := newShelf(t, nil)

	end := c.load(t)
	var taking, unpacking progress
	o := c.options()
	o.Label, o.Progress = "it's nightly", taking.tell
	m := s.take(t, o)
	rows := end()

	t.Run("it says what it is of", func(t *testing.T) { requireDescribed(t, c, m, away) })
	require.EqualValues(t, 0, taking.done[0])
	taking.requireSteady(t)
	require.Len(t, m.Objects, 3)
	for _, object := range m.Objects {
		require.NoError(t, s.Check(t.Context(), object))
	}

	dir := filepath.Join(c.dir, "restored")
	leftover := filepath.Join(dir+".unpacking", "data", "leftover")
	require.NoError(t, os.MkdirAll(leftover, 0o700))
	require.NoError(t, base.Extract(t.Context(), s.Repository, m, s.keys, c.account, dir, unpacking.tell))
	unpacking.requireSteady(t)
	require.NoDirExists(t, dir+".unpacking")
	require.NoDirExists(t, filepath.Join(dir, "leftover"))
	label, err := os.ReadFile(filepath.Join(dir, "backup_label"))
	require.NoError(t, err)
	require.Contains(t, string(label), "LABEL: it's nightly\n")
	require.NoError(t, base.Verify(t.Context(), c.binaries, c.account, dir))
	for _, taken := range []string{dir, t.TempDir()} { // an empty one is not taken either
		err = base.Extract(t.Context(), s.Repository, m, s.keys, c.account, taken, func(int64, int64) { t.Error("it has begun") })
		require.ErrorIs(t, err, os.ErrExist)
	}

	c.copyLog(t, dir)
	live := ask(t, c.Server, sums)
	require.NoError(t, c.Stop())
	require.NoError(t, os.RemoveAll(away), "the restored one must not need it")
	restored := c.serve(t, dir)
	defer func() { restored.Kill() }()
	require.Equal(t, fmt.Sprint(rows), ask(t, restored, "select count(*)::text from ticks"))
	require.Equal(t, live, ask(t, restored, sums))

	t.Run("none is taken of a standby", func(t *testing.T) {
		require.NoError(t, restored.Stop())
		signal := filepath.Join(dir, "standby.signal")
		require.NoError(t, os.WriteFile(signal, nil, 0o600))
		require.NoError(t, c.account.Own(signal))
		restored = c.serve(t, dir)
		_, _, err := base.Take(t.Context(), s.Repository, s.key, newID(t), base.Options{URL: restored.URL(role, "postgres")})
		require.ErrorContains(t, err, "it is a standby")
	})
}

func requireDescribed(t *testing.T, c *cluster, m repository.Manifest, away string) {
	require.Equal(t, ask(t, c.Server, "select system_identifier::text from pg_control_system()"), m.Cluster.System)
	require.Equal(t, c.binaries.Version, m.Cluster.Version)
	require.EqualValues(t, 1, m.Cluster.Timeline)
	require.EqualValues(t, 16<<20, m.Cluster.SegmentSize)
	require.Equal(t, "true", ask(t, c.Server, fmt.Sprintf("select ('%s'::pg_lsn < '%s' and '%[2]s'::pg_lsn <= pg_current_wal_lsn())::text", m.Cluster.Start, m.Cluster.End)))
	oid := ask(t, c.Server, "select oid::text from pg_tablespace where spcname = 'away'")
	require.Equal(t, map[string]string{oid: away}, m.Cluster.Tablespaces)
	var parts []string
	for _, object := range m.Objects {
		parts = append(parts, strings.TrimPrefix(object.Name, m.Part("")))
	}
	require.ElementsMatch(t, []string{"base.tar.zst", oid + ".tar.zst", "backup_manifest.zst"}, parts)
}
