package marks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/marks"
	"meai/activities/backup/repository"
	"meai/internal/pgserver"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func openApp(t *testing.T, c *cluster) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: c.URL("meai_app", "meai")})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

// write is one transaction as the product's: rows come, change and go in several tables.
func write(ctx context.Context, db *postgres.DB, subject uuid.UUID) error {
	session, now := uuid.Must(uuid.NewV7()), time.Now()
	return db.WriteHint(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		err := q.InsertSession(ctx, queries.InsertSessionParams{SubjectID: subject, ID: session, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
		if err != nil {
			return err
		}
		_, err = q.AppendAuditEntry(ctx, append(session[:], make([]byte, 49)...))
		return err
	})
}

// crowd writes with several people at once until it is told to stop, and says how many
// transactions that were by now.
func crowd(t *testing.T, c *cluster) (written *atomic.Int64, stop func()) {
	t.Helper()
	db := openApp(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	written = &atomic.Int64{}
	var group sync.WaitGroup
	for range 4 {
		subject := uuid.New()
		require.NoError(t, db.EnsureSubject(t.Context(), subject))
		group.Go(func() {
			for ctx.Err() == nil {
				if err := write(ctx, db, subject); err == nil {
					written.Add(1)
				} else if ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	return written, func() { cancel(); group.Wait() }
}

func TestRecoveryToAMarkLeadsToExactlyWhatItSays(t *testing.T) {
	c := newCluster(t)
	base := c.base(t)
	written, stop := crowd(t, c)
	var taken []repository.Mark
	for range 3 {
		before := written.Load()
		require.Eventually(t, func() bool { return written.Load() > before+50 }, time.Minute, time.Millisecond)
		mark, err := marks.Take(t.Context(), c.backupURL())
		require.NoError(t, err)
		taken = append(taken, mark)
	}
	before := written.Load()
	require.Eventually(t, func() bool { return written.Load() > before+50 }, time.Minute, time.Millisecond, "writing goes on")
	stop()
	archive := c.archive(t)
	for i, mark := range taken {
		require.GreaterOrEqual(t, mark.Tables["sessions"].Rows, int64(50*(i+1)))
		require.Equal(t, mark.Tables["sessions"].Rows, mark.Tables["audit_log"].Rows, "a transaction is counted whole")
		require.NotContains(t, mark.Tables, "rate_limits")
		require.EqualValues(t, 1, mark.Timeline)
		restored := c.restore(t, base, archive, mark.LSN)
		problems, err := marks.Compare(t.Context(), restored.backupURL(), mark)
		require.NoError(t, err)
		require.Empty(t, problems)
		again, err := marks.Take(t.Context(), restored.backupURL())
		require.NoError(t, err)
		require.Equal(t, mark.System, again.System)
		require.Equal(t, mark.Tables, again.Tables)
		require.EqualValues(t, 2, again.Timeline, "it was promoted")
		problems, err = marks.Compare(t.Context(), restored.backupURL(), taken[(i+1)%3])
		require.NoError(t, err)
		require.Contains(t, fmt.Sprint(problems), "table sessions: ", "another mark says something else")
		require.NoError(t, restored.Stop())
	}
}

// TestWithoutTheLocksAMarkWouldMissWhatRecoveryBrings has a commit wait for a standby that
// is away: it is in the log, and to be seen by nobody yet.
func TestWithoutTheLocksAMarkWouldMissWhatRecoveryBrings(t *testing.T) {
	c := newCluster(t)
	base := c.base(t)
	super := connect(t, c.URL(pgserver.Superuser, "meai"))
	run(t, super, "alter system set synchronous_standby_names = 'away'")
	run(t, super, "select pg_reload_conf()")
	var released atomic.Bool
	committed := make(chan error, 1)
	writer := connect(t, c.URL("meai_app", "meai"))
	go func() {
		var err error
		for err == nil && !released.Load() { // the server may not have read its settings at first
			_, err = writer.Exec(context.Background(), "insert into subjects (id) values (gen_random_uuid())")
		}
		committed <- err
	}()
	require.Eventually(t, func() bool {
		return query[bool](t, super, "select exists (select from pg_stat_activity where wait_event = 'SyncRep')")
	}, 10*time.Second, 10*time.Millisecond)

	unguarded, err := marks.TakeUnguarded(t.Context(), c.backupURL())
	require.NoError(t, err)
	seen := unguarded.Tables["subjects"].Rows
	type result struct {
		mark repository.Mark
		err  error
	}
	guarded := make(chan result, 1)
	go func() {
		mark, err := marks.Take(context.Background(), c.backupURL())
		guarded <- result{mark, err}
	}()
	require.Eventually(t, func() bool {
		return query[bool](t, super, "select exists (select from pg_stat_activity where usename = 'meai_backup' and wait_event_type = 'Lock')")
	}, 10*time.Second, time.Millisecond)
	require.Empty(t, guarded, "a mark waits for the commit, and is tried again")
	released.Store(true)
	run(t, super, "alter system reset synchronous_standby_names")
	run(t, super, "select pg_reload_conf()")
	require.NoError(t, <-committed)
	good := <-guarded
	require.NoError(t, good.err)
	require.Equal(t, seen+1, good.mark.Tables["subjects"].Rows)

	archive := c.archive(t)
	restored := c.restore(t, base, archive, unguarded.LSN)
	problems, err := marks.Compare(t.Context(), restored.backupURL(), unguarded)
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprintf("table subjects: %d rows instead of %d", seen+1, seen)}, problems, "the log has what the snapshot had not")
	require.NoError(t, restored.Stop())
	restored = c.restore(t, base, archive, good.mark.LSN)
	problems, err = marks.Compare(t.Context(), restored.backupURL(), good.mark)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestAMarkHoldsUpWritingForMilliseconds shows in its log for how long a crowd waits.
func TestAMarkHoldsUpWritingForMilliseconds(t *testing.T) {
	c := newCluster(t)
	written, stop := crowd(t, c)
	defer stop()
	conn := connect(t, c.backupURL())
	var waited, held []time.Duration
	for range 20 {
		before := written.Load()
		require.Eventually(t, func() bool { return written.Load() > before+20 }, time.Minute, time.Millisecond)
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		began := time.Now()
		_, err = tx.Exec(t.Context(), "select meai_lock_for_mark()")
		require.NoError(t, err, "at the first attempt")
		locked := time.Now()
		require.NoError(t, tx.Commit(t.Context()))
		waited, held = append(waited, locked.Sub(began)), append(held, time.Since(locked))
	}
	slices.Sort(waited)
	slices.Sort(held)
	t.Logf("until all tables are locked: median %s, longest %s; and until they are free again: median %s, longest %s",
		waited[10], waited[19], held[10], held[19])
	require.Less(t, waited[10], 500*time.Millisecond)
}

func TestAMarkIsGivenUpWhenSomebodyNeverStopsWriting(t *testing.T) {
	c := newCluster(t)
	tx, err := connect(t, c.URL("meai_app", "meai")).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "insert into subjects (id) values (gen_random_uuid())")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err = marks.Take(ctx, c.backupURL())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, tx.Rollback(t.Context()))
	_, err = marks.Take(t.Context(), c.backupURL())
	require.NoError(t, err)
}

func TestEveryChangeIsNamedWithItsTable(t *testing.T) {
	c := newCluster(t)
	db := openApp(t, c)
	subject := uuid.New()
	require.NoError(t, db.EnsureSubject(t.Context(), subject))
	for range 3 {
		require.NoError(t, write(t.Context(), db, subject))
	}
	super, err := marks.Connect(t.Context(), c.URL(pgserver.Superuser, "meai"))
	require.NoError(t, err)
	defer func() { require.NoError(t, super.Close(t.Context())) }()
	// Types that have no hash, or only their parts have one.
	run(t, super, `set role meai_owner; create domain meai_word as text check (value <> '');
		create table oddities (id int, j json, x xml, a text[], aj json[], e float8, r int4range, "Odd name" meai_word, v varchar(9), b bit(3), gone int);
		alter table oddities drop column gone;
		insert into oddities values (1, '{"a": 1}', '<a/>', '{a,null}', array['1'::json], 0.1, '[1,3)', 'w', 'v', '101');
		insert into oddities values (2);
		create table nothing (); reset role`)
	mark, err := marks.Take(t.Context(), c.backupURL())
	require.NoError(t, err)
	require.EqualValues(t, 2, mark.Tables["oddities"].Rows)
	problems, err := marks.Compare(t.Context(), c.backupURL(), mark)
	require.NoError(t, err)
	require.Equal(t, []string{"table backup_heartbeats: 1 rows instead of 0"}, problems, "of the mark itself")

	heartbeat := problems[0]
	for change, want := range map[string]string{
		"update sessions set interactions = 1 where id = (select min(id::text)::uuid from sessions)": "table sessions: not the same contents in its 3 rows",
		"delete from sessions where id = (select min(id::text)::uuid from sessions)":                 "table sessions: 2 rows instead of 3",
		"update oddities set j = '{\"a\": 2}' where id = 1":                                          "table oddities: not the same contents in its 2 rows",
		"update oddities set a = '{a,b}' where id = 1":                                               "table oddities: not the same contents in its 2 rows",
		"update oddities set e = 0.10000000000000002 where id = 1":                                   "table oddities: not the same contents in its 2 rows",
		`update oddities set "Odd name" = 'x' where id = 1`:                                          "table oddities: not the same contents in its 2 rows",
		"drop table oddities":            "table oddities: it is missing, with 2 rows",
		"create table fresh as select 1": "table fresh: it was not there, and has 1 rows",
		"update subjects set created_at = created_at + interval '1 microsecond'": "table subjects: not the same contents in its 1 rows",
		"update sessions set interactions = interactions":                        "",
	} {
		t.Run(change, func(t *testing.T) {
			tx, err := super.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), change)
			require.NoError(t, err)
			problems, err := marks.CompareIn(t.Context(), tx, mark)
			require.NoError(t, err)
			expected := []string{heartbeat}
			if want != "" {
				expected = append(expected, want)
			}
			require.ElementsMatch(t, expected, problems)
			require.NoError(t, tx.Rollback(t.Context()))
		})
	}
	run(t, super, "vacuum full sessions")
	problems, err = marks.Compare(t.Context(), c.backupURL(), mark)
	require.NoError(t, err)
	require.Equal(t, []string{heartbeat}, problems, "where rows lie is nobody's business")
}

func TestARoleThatDoesNotSeeEveryRowIsRefused(t *testing.T) {
	c := newCluster(t)
	for _, role := range []string{"meai_app", "meai_reader", "meai_owner"} {
		_, err := marks.Compare(t.Context(), c.URL(role, "meai"), repository.Mark{})
		require.Error(t, err, role)
	}
	_, err := marks.Take(t.Context(), c.URL("meai_app", "meai"))
	require.ErrorContains(t, err, "permission denied for function meai_lock_for_mark")
	_, err = marks.Take(t.Context(), "postgres://meai_backup:hunter2@host:notaport/meai")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestHeartbeatsTellHowOldAnArchiveIs(t *testing.T) {
	c := newCluster(t)
	_, _, err := marks.Lag(t.Context(), c.backupURL(), "FFFFFFFF/0")
	require.ErrorIs(t, err, marks.ErrNoHeartbeat)
	var beats []marks.Beat
	for range 3 {
		b, err := marks.Heartbeat(t.Context(), c.backupURL())
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), b.At, time.Minute)
		beats = append(beats, b)
	}
	for i, b := range beats {
		covered, lag, err := marks.Lag(t.Context(), c.backupURL(), b.LSN)
		require.NoError(t, err)
		require.Equal(t, beats[i], covered)
		require.Greater(t, lag, time.Since(b.At)-time.Minute)
		require.Positive(t, lag)
	}
	covered, _, err := marks.Lag(t.Context(), c.backupURL(), "FFFFFFFF/0")
	require.NoError(t, err)
	require.Equal(t, beats[2], covered)
	super, err := pgx.Connect(t.Context(), c.URL(pgserver.Superuser, "meai"))
	require.NoError(t, err)
	defer func() { require.NoError(t, super.Close(t.Context())) }()
	insert := func(values string) {
		_, err := super.Exec(t.Context(), "insert into backup_heartbeats values "+values)
		require.NoError(t, err)
	}
	// Positions are numbers: 10/10 comes after 9/10.
	insert("(8000, 8000, now(), '9/10'), (8001, 8001, now(), '10/10')")
	covered, _, err = marks.Lag(t.Context(), c.backupURL(), "10/20")
	require.NoError(t, err)
	require.Equal(t, "10/10", covered.LSN)
	_, _, err = marks.Lag(t.Context(), c.backupURL(), "0/1")
	require.ErrorIs(t, err, marks.ErrNoHeartbeat, "it reaches to none of them")
	_, _, err = marks.Lag(t.Context(), c.backupURL(), "no lsn")
	require.Error(t, err)
	require.False(t, errors.Is(err, pgx.ErrNoRows))
}
