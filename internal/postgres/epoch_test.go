package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

const beginQuarantine = "select meai_quarantine_begin('restored', $1, null, '0/3000028', null)"

// beginEpoch takes a database in quarantine into service, as a release does.
func beginEpoch(t *testing.T, owner *pgx.Conn, epoch int, restore string) {
	t.Helper()
	exec(t, owner, "select meai_epoch_begun($1, $2, 0)", epoch, restore)
	require.Equal(t, []bool{true}, query[bool](t, owner, "select meai_quarantine_end($1)", restore))
}

func requireQuarantined(t *testing.T, err error, saying string) {
	t.Helper()
	require.True(t, failure.Is(err, failure.Quarantined), "%v", err)
	require.ErrorContains(t, err, saying)
	for _, permanent := range failure.Permanent {
		require.False(t, failure.Is(err, permanent), "another process goes on: %v", err)
	}
}

func TestANewDatabaseServesInTheFirstEpoch(t *testing.T) {
	db, _, _ := newPerson(t)
	s, err := db.Serving(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Epoch)
	require.False(t, s.Quarantined)
	require.NoError(t, db.Permit(t.Context(), time.Unix(0, 0)), "there is no epoch before the first")
}

func TestNothingIsDoneInQuarantineNorInAnotherEpoch(t *testing.T) {
	db, urls, alice := newDatabase(t)
	require.NoError(t, db.Write(t.Context(), alice, nothing))
	owner := connect(t, urls.Owner)
	ways := map[string]func() error{
		"write":        func() error { return db.Write(t.Context(), alice, nothing) },
		"write hint":   func() error { return db.WriteHint(t.Context(), alice, nothing) },
		"read":         func() error { return db.Read(t.Context(), alice, nothing) },
		"write shared": func() error { return db.WriteShared(t.Context(), nothing) },
		"read shared":  func() error { return db.ReadShared(t.Context(), nothing) },
		"permit":       func() error { return db.Permit(t.Context(), time.Now().Add(time.Hour)) },
		"glance": func() error {
			return db.Glance(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
				_, err := q.SubjectState(ctx, alice)
				return err
			})
		},
		"serving": func() error { _, err := db.Serving(t.Context()); return err },
	}
	exec(t, owner, beginQuarantine, "r1")
	for name, way := range ways {
		t.Run(name+" in quarantine", func(t *testing.T) { requireQuarantined(t, way(), "in quarantine") })
	}
	beginEpoch(t, owner, 2, "r1")
	for name, way := range ways {
		t.Run(name+" in another epoch", func(t *testing.T) {
			requireQuarantined(t, way(), "write epoch 1 is over, the database is in epoch 2")
		})
	}
	fresh, err := postgres.Open(t.Context(), postgres.Options{URL: urls.App})
	require.NoError(t, err)
	defer fresh.Close()
	require.NoError(t, fresh.Write(t.Context(), alice, nothing), "a process that starts now works in the new one")
	require.NoError(t, fresh.Permit(t.Context(), time.Now()))
	old := fresh.Permit(t.Context(), time.Now().Add(-time.Hour))
	require.True(t, failure.Is(old, failure.EpochOver), "%v", old)
}

func TestNoConnectionIsMadeToADatabaseInQuarantine(t *testing.T) {
	db, urls, alice := newDatabase(t)
	exec(t, connect(t, urls.Owner), beginQuarantine, "r1")
	db.Pool().Reset() // as when the server was exchanged under it
	for name, way := range map[string]func() error{
		"transaction": func() error { return db.Read(t.Context(), alice, nothing) },
		"ping":        func() error { return db.Ping(t.Context()) },
		"one statement": func() error {
			_, err := db.KnowsSubject(t.Context(), alice)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			requireQuarantined(t, way(), "in quarantine since 20")
			require.ErrorContains(t, way(), "(restored, r1): `meai quarantine release` ends that")
		})
	}
	looks, err := postgres.Open(t.Context(), postgres.Options{URL: urls.App, Quarantine: true})
	require.NoError(t, err)
	defer looks.Close()
	require.NoError(t, looks.Write(t.Context(), alice, nothing), "who ends it works")
	s, err := looks.State(t.Context())
	require.NoError(t, err)
	require.True(t, s.Quarantined)
	require.Equal(t, "r1", s.Restore)
	require.Equal(t, "0/3000028", s.LSN)
}

func TestAQuarantineBeginsOnceNoTransactionIsUnderWay(t *testing.T) {
	db, urls, alice := newDatabase(t)
	owner := connect(t, urls.Owner)
	begun := make(chan error, 1)
	err := db.Write(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
		go func() {
			_, err := owner.Exec(context.WithoutCancel(ctx), beginQuarantine, "r1")
			begun <- err
		}()
		app := connect(t, urls.App)
		require.Eventually(t, func() bool {
			return query[bool](t, app, "select exists (select from pg_locks where relation = 'cluster_state'::regclass and not granted)")[0]
		}, 10*time.Second, 5*time.Millisecond)
		require.Empty(t, begun, "it waits")
		return addSession(ctx, q, alice, uuid.Must(uuid.NewV7()))
	})
	require.NoError(t, err, "what had begun is completed")
	require.NoError(t, <-begun)
	requireQuarantined(t, db.Write(t.Context(), alice, nothing), "in quarantine")
}

func TestTheSameRestoreBeginsOneQuarantine(t *testing.T) {
	_, urls, _ := newDatabase(t)
	owner := connect(t, urls.Owner)
	begin := func(restore string) bool { return query[bool](t, owner, beginQuarantine, restore)[0] }
	since := func() time.Time { return query[time.Time](t, owner, "select since from cluster_state")[0] }
	require.True(t, begin("r1"))
	first := since()
	require.False(t, begin("r1"))
	require.Equal(t, first, since())
	require.True(t, begin("r2"), "another restore, of what was never released")
	require.Equal(t, []bool{false}, query[bool](t, owner, "select meai_quarantine_end('r2')"), "without an epoch there is no end")
	beginEpoch(t, owner, 2, "r2")
	require.False(t, begin("r2"), "its quarantine was ended")
	require.Equal(t, []string{"serving"}, query[string](t, owner, "select state from cluster_state"))
}

func TestADatabaseThatServesIsLeftBehindByAnEpochOfAnother(t *testing.T) {
	_, urls, _ := newDatabase(t)
	app := connect(t, urls.App)
	exec(t, app, "select meai_epoch_begun(2, 'r9', 7)")
	require.Equal(t, []string{"quarantined left_behind left-2 2 7"},
		query[string](t, app, "select concat_ws(' ', state, reason, restore_id, epoch, audit_kept) from cluster_state"))
	require.Equal(t, []bool{false}, query[bool](t, connect(t, urls.Owner), "select meai_quarantine_end('left-2')"))
}

func TestTheApplicationCannotEndAQuarantine(t *testing.T) {
	_, urls, _ := newDatabase(t)
	exec(t, connect(t, urls.Owner), beginQuarantine, "r1")
	app := connect(t, urls.App)
	for _, statement := range []string{
		"select meai_quarantine_end('r1')", "select meai_quarantine_begin('restored', 'r2', null, null, null)",
		"update cluster_state set state = 'serving'", "delete from cluster_state", "insert into cluster_state default values", "truncate cluster_state",
	} {
		_, err := app.Exec(t.Context(), statement)
		requireRefused(t, err, insufficientPrivilege)
	}
	owner := connect(t, urls.Owner)
	for _, statement := range []string{"delete from cluster_state", "truncate cluster_state"} {
		_, err := owner.Exec(t.Context(), statement)
		requireRefused(t, err, insufficientPrivilege)
	}
	exec(t, app, "select meai_epoch_begun(3, 'r1', 0)")
	_, err := owner.Exec(t.Context(), "update cluster_state set epoch = 2")
	requireRefused(t, err, checkViolation)
}

func TestWorkGoesOnInAnEpochThatContinuesItsOwn(t *testing.T) {
	db, urls, alice := newDatabase(t)
	require.NoError(t, db.Write(t.Context(), alice, nothing))
	since := func() time.Time { s, err := db.State(t.Context()); require.NoError(t, err); return s.Since }
	before := since()
	require.NoError(t, postgres.BeginEpoch(t.Context(), urls.Owner, 3, "f1"))
	require.NoError(t, db.Write(t.Context(), alice, nothing), "nothing was lost")
	require.NoError(t, db.Permit(t.Context(), before), "nor is anything over")
	require.Equal(t, before, since())
	require.NoError(t, postgres.BeginEpoch(t.Context(), urls.Owner, 2, "f0"), "an epoch does not go back")
	s, err := db.State(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, s.Epoch)
	require.EqualValues(t, 1, s.Continues)

	exec(t, connect(t, urls.Owner), beginQuarantine, "r1")
	require.NoError(t, postgres.BeginEpoch(t.Context(), urls.Owner, 4, "f2"))
	requireQuarantined(t, db.Write(t.Context(), alice, nothing), "in quarantine")
	beginEpoch(t, connect(t, urls.Owner), 4, "r1")
	requireQuarantined(t, db.Write(t.Context(), alice, nothing), "write epoch 3 is over, the database is in epoch 4")
	_, err = connect(t, urls.App).Exec(t.Context(), "select meai_epoch_continued(9, 'f9')")
	requireRefused(t, err, insufficientPrivilege)
}

func TestWhoHasMetAHigherEpochDoesNotGoBack(t *testing.T) {
	db, urls, alice := newDatabase(t)
	require.NoError(t, postgres.BeginEpoch(t.Context(), urls.Owner, 5, "f1"))
	require.NoError(t, db.Write(t.Context(), alice, nothing))
	// The other copy comes back as it was.
	owner := connect(t, urls.Owner)
	exec(t, owner, "alter table cluster_state disable trigger one_row")
	exec(t, owner, "update cluster_state set epoch = 4")
	for name, way := range map[string]func() error{
		"transaction": func() error { return db.Write(t.Context(), alice, nothing) },
		"connection":  func() error { db.Pool().Reset(); return db.Ping(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			requireQuarantined(t, way(), "in write epoch 4 and was left behind: another serves in epoch 5")
		})
	}
}

// guard is what somebody knows from elsewhere.
type guard struct {
	newest int64
	// after is in how many further looks another has taken over; 0 for never.
	after int
}

func (g *guard) Check(epoch int64) error {
	if g.after > 0 {
		if g.after--; g.after == 0 {
			defer func() { g.newest = epoch + 1 }()
		}
	}
	if epoch < g.newest {
		return failure.New(failure.Quarantined, "another has taken over", nil)
	}
	return nil
}

func TestAGuardIsAskedBeforeTransactionsAndBeforeTheyCommit(t *testing.T) {
	_, urls, alice := newDatabase(t)
	g := &guard{newest: 1}
	db, err := postgres.Open(t.Context(), postgres.Options{URL: urls.App, Guard: g})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Write(t.Context(), alice, nothing))
	err = db.Write(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
		g.newest = 2
		return addSession(ctx, q, alice, uuid.Must(uuid.NewV7()))
	})
	requireQuarantined(t, err, "another has taken over")
	requireQuarantined(t, db.Write(t.Context(), alice, nothing), "another has taken over")
	g.newest = 1
	g.after = 2 // it is halted right before the commit
	requireQuarantined(t, db.Write(t.Context(), alice, nothing), "after the commit: another has taken over")
	g.newest = 1
	sessions, err := db.CountRows(t.Context(), alice, "sessions")
	require.NoError(t, err)
	require.Zero(t, sessions, "what was not committed is not there")
}
