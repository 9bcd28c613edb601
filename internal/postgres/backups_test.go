package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/pgserver"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func TestTheRoleForBackupsReadsEverythingAndWritesNothing(t *testing.T) {
	db, urls, alice := newDatabase(t)
	newSession(t, db, alice)
	backup, owner := connect(t, urls.Backup), connect(t, urls.Owner)
	require.Equal(t, []int64{1}, query[int64](t, backup, "select count(*) from sessions"), "whoever's they are")
	require.Equal(t, []int64{1}, query[int64](t, backup, "select count(*) from sessions_h0 full join sessions_h1 using (id) full join sessions_h2 using (id) full join sessions_h3 using (id)"+
		" full join sessions_h4 using (id) full join sessions_h5 using (id) full join sessions_h6 using (id) full join sessions_h7 using (id)"))
	require.Empty(t, query[string](t, owner, `select c.relname || ': ' || privilege from pg_class c, unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) privilege
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and has_table_privilege('meai_backup', c.oid, privilege)`))
	require.Empty(t, query[string](t, owner, `select p.proname::text from pg_proc p where p.pronamespace = 'public'::regnamespace
		and has_function_privilege('meai_backup', p.oid, 'execute') <> (p.proname in ('meai_heartbeat', 'meai_lock_for_mark'))`))
	for name, url := range map[string]string{"application": urls.App, "reader": urls.Reader} {
		for _, function := range []string{"meai_heartbeat", "meai_lock_for_mark"} {
			_, err := connect(t, url).Exec(t.Context(), "select "+function+"()")
			requireRefused(t, err, insufficientPrivilege)
			require.ErrorContains(t, err, function, name)
		}
	}
}

// begin opens a transaction that is rolled back at the latest when the test ends.
func begin(t *testing.T, conn *pgx.Conn) pgx.Tx {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // it has ended, as a rule
	return tx
}

const (
	lockForMark      = "select meai_lock_for_mark()"
	lockNotAvailable = "55P03"
)

func TestWhileAMarkIsMadeNobodyWritesAndEverybodyReads(t *testing.T) {
	db, urls, alice := newDatabase(t)
	tx := begin(t, connect(t, urls.Backup))
	var locked int
	require.NoError(t, tx.QueryRow(t.Context(), lockForMark).Scan(&locked))
	_, err := tx.Exec(t.Context(), "set local idle_in_transaction_session_timeout = 0") // what follows takes its time
	require.NoError(t, err)
	owner := connect(t, urls.Owner)
	require.Equal(t, query[string](t, owner, `select relname::text from pg_class where relnamespace = 'public'::regnamespace
		and relkind in ('r', 'p') and not relispartition and relname <> 'rate_limits' order by 1`),
		query[string](t, owner, `select c.relname::text from pg_locks l join pg_class c on c.oid = l.relation
		where l.mode = case c.relname when 'subjects' then 'ExclusiveLock' else 'ShareLock' end and l.granted and l.database = (select oid from pg_database where datname = current_database()) order by 1`),
		"every table, its partitions by their parent alone; the one that no crash survives is left out")
	require.Greater(t, locked, 30)
	require.NoError(t, db.Read(t.Context(), alice, nothing), "reading goes on")
	_, err = db.SweepRateLimits(t.Context())
	require.NoError(t, err, "requests are counted")

	written := make(chan error, 1)
	go func() {
		written <- db.Write(context.Background(), alice, func(ctx context.Context, q *queries.Queries) error {
			return addSession(ctx, q, alice, idAt(time.Now()))
		})
	}()
	waitForLock(t, connect(t, urls.Backup)) // who may see what others wait for
	require.Empty(t, written, "a write waits")
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-written)
}

// lockInTheBackground has another session lock for a mark, and returns once it waits.
func lockInTheBackground(t *testing.T, urls enginetest.URLs) (ended chan error) {
	t.Helper()
	backup := connect(t, urls.Backup)
	ended = make(chan error, 1)
	go func() {
		_, err := backup.Exec(context.Background(), lockForMark)
		ended <- err
	}()
	waitForLock(t, connect(t, urls.Backup))
	return ended
}

func TestAMarkWaitsForWhoWritesForAPersonAndLocksNothingOfTheirs(t *testing.T) {
	db, urls, alice := newDatabase(t)
	var ended chan error
	require.NoError(t, db.Write(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
		ended = lockInTheBackground(t, urls)
		if err := addSession(ctx, q, alice, idAt(time.Now())); err != nil {
			return err
		}
		_, err := q.AppendAuditEntry(ctx, make([]byte, 65))
		return err
	}), "nobody waits for the mark who has begun")
	if err := <-ended; err != nil { // on a slow machine all this took longer than a mark waits
		requireRefused(t, err, lockNotAvailable)
	}
}

func TestAMarkGivesWayBeforeAnybodyIsADeadlocksVictim(t *testing.T) {
	_, urls, _ := newDatabase(t)
	tx := begin(t, connect(t, urls.App))
	_, err := tx.Exec(t.Context(), "insert into settings (key, value) values ('a', 'b')")
	require.NoError(t, err)
	ended := lockInTheBackground(t, urls)
	// Now this waits for the mark, which locked "principals" before, and the mark for this.
	_, err = tx.Exec(t.Context(), "insert into principals (identity_hmac, id) values (sha256(''), gen_random_uuid())")
	require.NoError(t, err)
	requireRefused(t, <-ended, lockNotAvailable) // and not 40P01, by a search for deadlocks
	require.NoError(t, tx.Commit(t.Context()))
}

func TestAMarkThatStandsStillHoldsUpNobodyForLong(t *testing.T) {
	db, urls, alice := newDatabase(t)
	tx := begin(t, connect(t, urls.Backup))
	_, err := tx.Exec(t.Context(), lockForMark)
	require.NoError(t, err)
	require.NoError(t, db.Write(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
		return addSession(ctx, q, alice, idAt(time.Now()))
	}), "within the 5 seconds that a write waits for a lock")
	require.Error(t, tx.Commit(t.Context()), "who had the locks no longer has")
}

func TestHeartbeatsGoRoundADay(t *testing.T) {
	_, urls, _ := newDatabase(t)
	backup, owner := connect(t, urls.Backup), connect(t, urls.Owner)
	exec(t, owner, "select setval('backup_heartbeat_numbers', 8638)")
	for range 4 {
		exec(t, backup, "select meai_heartbeat()")
	}
	exec(t, owner, "select setval('backup_heartbeat_numbers', 2 * 8640 - 1)")
	exec(t, backup, "select meai_heartbeat()")
	require.Equal(t, []string{"8639:8639", "1:8641", "2:8642", "0:17280"},
		query[string](t, owner, "select slot || ':' || number from backup_heartbeats order by at"))
	require.Equal(t, []bool{true}, query[bool](t, owner, `select bool_and(rising) from
		(select lsn > lag(lsn) over (order by number) and at > lag(at) over (order by number) as rising from backup_heartbeats) b`))
	require.Equal(t, []bool{true}, query[bool](t, owner, "select max(lsn) < pg_current_wal_insert_lsn() from backup_heartbeats"))
}

func TestMigratingWithoutTheRoleForBackupsSaysWhatToDo(t *testing.T) {
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "meai-postgres-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	data := filepath.Join(dir, "data")
	require.NoError(t, b.Init(t.Context(), account, data))
	server, err := pgserver.Start(t.Context(), b, account, data, map[string]string{"fsync": "off"})
	require.NoError(t, err)
	t.Cleanup(server.Kill)
	super := connect(t, server.URL(pgserver.Superuser, "postgres"))
	exec(t, super, "create role meai_owner login; create role meai_app login; create role meai_reader login")
	exec(t, super, "create database meai owner meai_owner")
	err = postgres.Migrate(t.Context(), server.URL("meai_owner", "meai"), enginetest.Logger(t))
	require.ErrorContains(t, err, "create the role meai_backup first")
	exec(t, super, "create role meai_backup login replication bypassrls; grant pg_read_all_data, pg_monitor to meai_backup")
	require.NoError(t, postgres.Migrate(t.Context(), server.URL("meai_owner", "meai"), enginetest.Logger(t)))
}
