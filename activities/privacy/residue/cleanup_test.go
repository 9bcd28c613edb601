package residue_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/residue"
	"meai/internal/enginetest"
	"meai/internal/pgserver"
	"meai/internal/postgres"
)

// cluster is a PostgreSQL server of one test, as the product's is set up.
type cluster struct {
	*pgserver.Server
	data  string
	super *pgx.Conn // in the product's database
}

func (c *cluster) owner() string { return c.URL("meai_owner", "meai") }

// prepared is a stopped cluster with roles and schema, which every test copies: to make
// one takes longer.
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

func newCluster(t *testing.T, settings map[string]string) *cluster {
	t.Helper()
	prepared.once.Do(func() { prepare(t) })
	require.NotEmpty(t, prepared.dir, "the cluster could not be prepared")
	dir := scratch(t)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	c := &cluster{data: filepath.Join(dir, "data")}
	out, err := osexec.Command("cp", "-a", filepath.Join(prepared.dir, "data"), c.data).CombinedOutput()
	require.NoError(t, err, "%s", out)
	c.start(t, settings)
	c.super = connect(t, c.URL(pgserver.Superuser, "meai"))
	return c
}

// scratch is a folder that PostgreSQL can reach, unlike t.TempDir.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-residue-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

func (c *cluster) start(t *testing.T, settings map[string]string) {
	t.Helper()
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	if _, err := os.Stat(c.data); err != nil {
		require.NoError(t, b.Init(t.Context(), account, c.data))
	}
	all := map[string]string{"fsync": "off", "wal_recycle": "off", "max_locks_per_transaction": "256", "autovacuum": "off"}
	maps.Copy(all, settings)
	c.Server, err = pgserver.Start(t.Context(), b, account, c.data, all)
	require.NoError(t, err)
	server := c.Server
	t.Cleanup(server.Kill)
}

// prepare makes roles and the product's database as an installation does.
func prepare(t *testing.T) {
	t.Helper()
	dir := scratch(t)
	c := &cluster{data: filepath.Join(dir, "data")}
	c.start(t, nil)
	first := connect(t, c.URL(pgserver.Superuser, "postgres"))
	for _, role := range []string{"owner", "app", "reader", "backup", "observer", "temporal"} {
		exec(t, first, "select set_config('meai."+role+"_password', 'unused', false)")
	}
	exec(t, first, initFile(t, "01_roles.sql"))
	exec(t, first, "create database meai owner meai_owner template template0")
	super := connect(t, c.URL(pgserver.Superuser, "meai"))
	exec(t, super, initFile(t, "03_maintenance.sql"))
	require.NoError(t, postgres.Migrate(t.Context(), c.owner(), enginetest.Logger(t)))
	require.NoError(t, c.Stop())
	prepared.dir = dir
}

func initFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "local", "internal", "postgres", "init", name))
	require.NoError(t, err)
	return string(text)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (value T) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value), sql)
	return value
}

// somebody is a person with sessions, and what is looked for of them.
type somebody struct {
	subject  uuid.UUID
	patterns []residue.Pattern
}

// newPerson has sessions with sealed values that are short and long, and one that was
// rolled back.
func (c *cluster) newPerson(t *testing.T, sessions int) somebody {
	t.Helper()
	p := somebody{subject: uuid.New()}
	samples := map[string][][]byte{}
	exec(t, c.super, "insert into subjects (id) values ($1)", p.subject)
	insert := func(conn interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	}, long int) {
		id, emotion, device := uuid.New(), random(80), random(long)
		_, err := conn.Exec(t.Context(), `insert into sessions (subject_id, id, created_at, expires_at, emotion_sealed, device_sealed)
			values ($1, $2, now(), now(), $3, $4)`, p.subject, id, emotion, device)
		require.NoError(t, err)
		samples["sessions"] = append(samples["sessions"], id[:], emotion[20:52], device[long/2:long/2+32])
	}
	for i := range sessions {
		insert(c.super, 100+i*400)
	}
	tx, err := c.super.Begin(t.Context())
	require.NoError(t, err)
	insert(tx, 100)
	require.NoError(t, tx.Rollback(t.Context()))
	p.patterns = residue.Patterns(p.subject, samples)
	return p
}

// erase deletes a person's rows. The session keeps what it has counted to itself for a
// while, as any does.
func (c *cluster) erase(t *testing.T, p somebody) {
	t.Helper()
	exec(t, c.super, "delete from sessions where subject_id = $1", p.subject)
	exec(t, c.super, "delete from subjects where id = $1", p.subject)
}

// soon has what was counted told at once, and clean-ups not wait for it.
func (c *cluster) soon(t *testing.T) {
	t.Helper()
	t.Cleanup(residue.SetSettled(0))
	exec(t, c.super, "select pg_stat_force_next_flush()")
}

func (c *cluster) found(t *testing.T, p somebody) []residue.Finding {
	t.Helper()
	report, err := residue.Scan(t.Context(), residue.Options{Folders: []string{c.data}, Patterns: p.patterns}, nil)
	require.NoError(t, err)
	require.Greater(t, report.Files, 900, "all of the cluster is there")
	return report.Findings
}

func (c *cluster) cleanUp(t *testing.T, o residue.CleanUpOptions) residue.Cleaned {
	t.Helper()
	o.URLs = append([]string{c.owner()}, o.URLs...)
	done, err := residue.CleanUp(t.Context(), o, nil)
	require.NoError(t, err)
	return done
}

// sum is of all rows of a table but one person's.
func (c *cluster) sum(t *testing.T) string {
	t.Helper()
	return query[string](t, c.super, "select count(*) || ' ' || coalesce(sum(hashtextextended(s::text, 0)), 0) from sessions s")
}

func TestWhatWasDeletedLeavesFilesLogAndStatistics(t *testing.T) {
	c := newCluster(t, nil)
	erased, other := c.newPerson(t, 20), c.newPerson(t, 20)
	exec(t, c.super, "analyze")
	require.NotEmpty(t, c.found(t, erased))
	c.erase(t, erased)
	before := c.sum(t)
	exec(t, c.super, "vacuum analyze sessions, subjects")
	exec(t, c.super, "checkpoint")
	places := map[string]bool{}
	for _, f := range c.found(t, erased) {
		switch {
		case strings.Contains(f.File, "/pg_wal/"):
			places["log"] = true
		case filepath.Base(f.File) == c.file(t, "pg_statistic"):
			places["statistics"] = true
		case strings.Contains(f.File, "/base/"):
			places["files"] = true
		}
	}
	require.Equal(t, map[string]bool{"log": true, "statistics": true, "files": true}, places, "a vacuum alone leaves it everywhere")

	done := c.cleanUp(t, residue.CleanUpOptions{})
	require.Empty(t, done.Denied)
	require.False(t, done.Recycled)
	require.False(t, done.Covered)
	require.Positive(t, done.Tables)
	require.Less(t, done.Tables, 40, "only what was touched is rewritten")
	require.Empty(t, c.found(t, erased))
	require.Equal(t, before, c.sum(t), "nobody else is touched")
	require.NotEmpty(t, c.found(t, other))

	t.Run("once more there is nothing to do", func(t *testing.T) {
		c.soon(t)
		require.LessOrEqual(t, c.cleanUp(t, residue.CleanUpOptions{}).Tables, 2, "but what the clean-up itself wrote down")
	})
}

// file is the name of a table's file.
func (c *cluster) file(t *testing.T, table string) string {
	t.Helper()
	return query[string](t, c.super, "select pg_relation_filenode($1::text::regclass)::text", table)
}

// work changes a table again and again while others read, as on a server that is used.
func (c *cluster) work(t *testing.T, id uuid.UUID) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	t.Cleanup(func() { cancel(); busy.Wait() })
	for _, statements := range [][]string{
		{"begin isolation level repeatable read; select count(*) from subjects; select pg_sleep(0.2); commit"},
		{"select pg_sleep(0.07)", "begin isolation level repeatable read; select count(*) from subjects; select pg_sleep(0.2); commit"},
		{"update sessions set expires_at = expires_at + interval '1 second' where subject_id = '" + id.String() + "'"},
	} {
		conn := connect(t, c.URL(pgserver.Superuser, "meai"))
		busy.Go(func() {
			for ctx.Err() == nil {
				for _, statement := range statements {
					_, _ = conn.Exec(ctx, statement) // it is broken off at the end
				}
			}
		})
	}
}

func TestATableThatIsWorkedWithIsCleanedUp(t *testing.T) {
	c := newCluster(t, nil)
	erased, other := c.newPerson(t, 20), c.newPerson(t, 20)
	c.erase(t, erased)
	c.soon(t)
	c.work(t, other.subject)
	done := c.cleanUp(t, residue.CleanUpOptions{Patience: 10 * time.Second})
	require.Positive(t, done.Tables)
	require.Empty(t, c.found(t, erased))
	require.NotEmpty(t, c.found(t, other))
}

func TestAVacuumOfTheServersOwnHidesNothing(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 3)
	c.soon(t)
	require.False(t, c.cleanUp(t, residue.CleanUpOptions{}).Covered)
	c.erase(t, erased)
	exec(t, c.super, "vacuum sessions, subjects") // resets the count of dead rows
	c.soon(t)
	require.False(t, c.cleanUp(t, residue.CleanUpOptions{}).Covered, "the one before began too early")
	require.Empty(t, c.found(t, erased))

	// Rows of a transaction that was rolled back were never changed nor deleted.
	ghost := c.newPerson(t, 0)
	c.soon(t)
	exec(t, c.super, "vacuum sessions")
	require.NotEmpty(t, c.found(t, ghost))
	c.cleanUp(t, residue.CleanUpOptions{})
	ghost.patterns = slices.DeleteFunc(ghost.patterns, func(p residue.Pattern) bool { return p.Name == "subject" }) // is registered
	require.Empty(t, c.found(t, ghost))
}

func TestWhatSomebodyStillReadsIsWaitedFor(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 3)
	reader := connect(t, c.URL("meai_backup", "meai"))
	exec(t, reader, "begin isolation level repeatable read")
	require.Zero(t, query[int](t, reader, "select count(*) from backups"), "of another table, as of now")
	c.erase(t, erased)
	c.soon(t)
	_, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{c.owner()}, Patience: time.Second}, nil)
	require.ErrorContains(t, err, "somebody reads as of before")
	require.Zero(t, query[int](t, c.super, "select count(*) from maintenance_runs where ended_at is not null"))
	exec(t, reader, "commit")
	c.cleanUp(t, residue.CleanUpOptions{})
	require.Empty(t, c.found(t, erased))
}

func TestATableThatOthersHoldIsWaitedForBehindTheRest(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 3)
	c.erase(t, erased)
	c.soon(t)
	holder := connect(t, c.URL("meai_owner", "meai"))
	exec(t, holder, "begin")
	exec(t, holder, "lock table only sessions_h3, sessions_h4, sessions_h5, subjects in row exclusive mode")
	_, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{c.owner()}, Patience: time.Second}, nil)
	require.ErrorContains(t, err, "others hold the table")
	exec(t, holder, "commit")
	c.cleanUp(t, residue.CleanUpOptions{})
	require.Empty(t, c.found(t, erased))
}

func TestASlotThatHoldsTheLogBackIsWaitedFor(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 3)
	exec(t, c.super, "select pg_create_physical_replication_slot('behind', true)")
	c.erase(t, erased)
	c.soon(t)
	_, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{c.owner()}, Patience: time.Second}, nil)
	require.ErrorContains(t, err, "slot behind holds back")
	exec(t, c.super, "select pg_drop_replication_slot('behind')")
	c.cleanUp(t, residue.CleanUpOptions{})
	require.Empty(t, c.found(t, erased))
}

func TestOneCleanUpServesAllWhoAskBeforeItBegins(t *testing.T) {
	c := newCluster(t, nil)
	const people = 12
	var all []somebody
	for range people {
		all = append(all, c.newPerson(t, 2))
	}
	var results [people]residue.Cleaned
	var group sync.WaitGroup
	for i, p := range all {
		c.erase(t, p)
		group.Go(func() {
			done, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{c.owner()}}, nil)
			if err != nil {
				t.Error(err)
			}
			results[i] = done
		})
	}
	group.Wait()
	runs := query[int](t, c.super, "select count(*) from maintenance_runs")
	require.LessOrEqual(t, runs, 3)
	covered := 0
	for _, r := range results {
		if r.Covered {
			covered++
		}
	}
	require.Equal(t, people-runs, covered)
	for _, p := range all {
		require.Empty(t, c.found(t, p))
	}
}

func TestWhatARoleMayNotDoIsTold(t *testing.T) {
	c := newCluster(t, map[string]string{"wal_recycle": "on"})
	for _, statement := range []string{
		"revoke pg_checkpoint from meai_owner", "revoke execute on function pg_switch_wal() from meai_owner", "drop schema maintenance cascade",
		"create table theirs as select 1", "analyze theirs", "update theirs set \"?column?\" = 2",
	} {
		exec(t, c.super, statement)
	}
	c.erase(t, c.newPerson(t, 3))
	c.soon(t)
	done := c.cleanUp(t, residue.CleanUpOptions{})
	// The owner of a database may vacuum every table in it.
	require.Equal(t, []string{"checkpoint", "pg_statistic", "pg_switch_wal"}, done.Denied)
	require.True(t, done.Recycled)

	exec(t, c.super, "create role other login")
	exec(t, c.super, "grant connect on database meai to other")
	exec(t, c.super, "alter table theirs owner to other")
	_, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{c.owner(), c.URL("other", "meai")}}, nil)
	require.NoError(t, err)
	report := query[string](t, c.super, "select report::text from maintenance_runs order by id desc limit 1")
	require.Contains(t, report, "pg_statistic")
}

func TestACleanUpThatIsKilledIsDoneAgain(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 3)
	c.erase(t, erased)
	c.soon(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := residue.CleanUp(ctx, residue.CleanUpOptions{URLs: []string{c.owner()}}, func(tables int64) {
		if tables > 0 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	c.cleanUp(t, residue.CleanUpOptions{})
	require.Empty(t, c.found(t, erased))
	require.Equal(t, 2, query[int](t, c.super, "select count(*) from maintenance_runs"))
	require.Equal(t, 1, query[int](t, c.super, "select count(*) from maintenance_runs where ended_at is not null"))
}

// TestACrashBeginsToCountAnew: the server forgets what it has counted.
func TestACrashBeginsToCountAnew(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 3)
	c.soon(t)
	c.cleanUp(t, residue.CleanUpOptions{})
	c.erase(t, erased)
	exec(t, c.super, "checkpoint") // nothing else is under way then
	c.Kill()
	c.start(t, nil)
	c.super = connect(t, c.URL(pgserver.Superuser, "meai"))
	require.Zero(t, query[int](t, c.super, "select coalesce(sum(n_tup_del), 0)::int from pg_stat_user_tables where relname like 'sessions%'"), "it has forgotten")
	c.cleanUp(t, residue.CleanUpOptions{})
	require.Empty(t, c.found(t, erased))
}

// TestWhatAScanFindsIsCleanedUpWhateverWasCounted plants something that no count tells of.
func TestWhatAScanFindsIsCleanedUpWhateverWasCounted(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 3)
	samples := map[string][][]byte{"sessions": {erased.patterns[len(erased.patterns)-1].Bytes}}
	c.erase(t, erased)
	c.soon(t)
	exec(t, c.super, "vacuum")
	exec(t, c.super, `insert into maintenance_tables (database, relation, counted_since, changes, vacuums)
		select current_database(), 'public.' || relname, (select greatest(d.stats_reset, b.stats_reset, '-infinity') from pg_stat_database d, pg_stat_bgwriter b where datname = current_database()),
		  n_tup_upd + n_tup_del, vacuum_count + autovacuum_count from pg_stat_user_tables`)
	files := residue.Files{CleanUpOptions: residue.CleanUpOptions{URLs: []string{c.owner()}}, Folders: []string{c.data}}
	require.NoError(t, files.CleanUp(t.Context(), nil))
	found, searched, err := files.Scan(t.Context(), erased.subject, samples, nil)
	require.NoError(t, err)
	require.True(t, searched)
	require.NotEmpty(t, found)
	require.NoError(t, files.CleanUp(t.Context(), nil))
	found, _, err = files.Scan(t.Context(), erased.subject, samples, nil)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestWithoutSettingsNothingIsCleanedNorSearched(t *testing.T) {
	files := residue.Files{}
	require.NoError(t, files.CleanUp(t.Context(), nil))
	found, searched, err := files.Scan(t.Context(), uuid.New(), nil, nil)
	require.NoError(t, err)
	require.False(t, searched)
	require.Empty(t, found)
}

func TestACleanUpNeedsADatabase(t *testing.T) {
	_, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{}, nil)
	require.ErrorContains(t, err, "privacy.maintenance_urls")
	_, err = residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{"postgres://u:secret@127.0.0.1:1/x"}}, nil)
	require.Error(t, err)
	require.False(t, bytes.Contains([]byte(err.Error()), []byte("secret")), fmt.Sprint("a password is told: ", err))
}
