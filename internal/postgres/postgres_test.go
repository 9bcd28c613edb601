package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func nothing(context.Context, *queries.Queries) error { return nil }

func TestWritesNeedAnActiveSubject(t *testing.T) {
	db, urls, alice := newPerson(t)
	app := connect(t, urls.App)
	writes := map[string]func(context.Context, uuid.UUID, func(context.Context, *queries.Queries) error) error{
		"write": db.Write, "write hint": db.WriteHint,
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, write(t.Context(), alice, nothing))
			err := write(t.Context(), uuid.New(), nothing)
			require.True(t, failure.Is(err, failure.NotFound), "%v", err)
		})
	}
	for _, state := range []string{"freezing", "erased"} {
		exec(t, app, "update subjects set state = $1 where id = $2", state, alice)
		for name, write := range writes {
			t.Run(name+" while "+state, func(t *testing.T) {
				err := write(t.Context(), alice, func(context.Context, *queries.Queries) error {
					t.Error("nothing may run")
					return nil
				})
				require.True(t, failure.Is(err, failure.SubjectInactive), "%v", err)
			})
		}
		err := db.EnsureSubject(t.Context(), alice)
		require.True(t, failure.Is(err, failure.SubjectInactive), "%v", err)
		require.NoError(t, db.Read(t.Context(), alice, nothing), "reading goes on until the rows are gone")
	}
}

func TestFreezingWaitsForRunningWritesAndNoneBeginsAfterIt(t *testing.T) {
	db, urls, alice := newPerson(t)
	app := connect(t, urls.App)
	frozen := make(chan error, 1)
	err := db.Write(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
		go func() {
			_, err := app.Exec(context.WithoutCancel(ctx), "update subjects set state = 'freezing' where id = $1", alice)
			frozen <- err
		}()
		waitForLock(t, connect(t, urls.App))
		require.Empty(t, frozen, "the freeze waits")
		return addSession(ctx, q, alice, uuid.Must(uuid.NewV7()))
	})
	require.NoError(t, err, "what had begun is completed")
	require.NoError(t, <-frozen)
	err = db.Write(t.Context(), alice, nothing)
	require.True(t, failure.Is(err, failure.SubjectInactive), "%v", err)
}

// waitForLock waits until a statement of this database waits for a lock.
func waitForLock(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting bool
		err := conn.QueryRow(t.Context(), "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')").Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, 5*time.Millisecond)
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	db, _, alice := newPerson(t)
	id := uuid.Must(uuid.NewV7())
	broken := errors.New("broken")
	insert := func(ctx context.Context, q *queries.Queries) error { return addSession(ctx, q, alice, id) }
	failing := map[string]func(context.Context, *queries.Queries) error{
		"error": func(ctx context.Context, q *queries.Queries) error { return errors.Join(insert(ctx, q), broken) },
		"panic": func(ctx context.Context, q *queries.Queries) error { panic(errors.Join(insert(ctx, q), broken)) },
	}
	for name, fn := range failing {
		t.Run(name, func(t *testing.T) {
			err := func() (err error) {
				defer func() {
					if p := recover(); p != nil {
						err = p.(error)
					}
				}()
				return db.Write(t.Context(), alice, fn)
			}()
			require.ErrorIs(t, err, broken)
			require.NoError(t, db.Read(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
				_, err := q.Session(ctx, alice, id)
				require.Error(t, err)
				return nil
			}))
			require.Zero(t, db.Pool().Stat().AcquiredConns(), "the connection is back in the pool")
		})
	}
}

func TestReadingCannotWrite(t *testing.T) {
	db, _, alice := newPerson(t)
	err := db.Read(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
		return addSession(ctx, q, alice, uuid.Must(uuid.NewV7()))
	})
	requireRefused(t, err, readOnlyTransaction)
}

func TestACallerWhoGivesUpReturnsTheConnection(t *testing.T) {
	db, _, alice := newPerson(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(ctx, alice, func(context.Context, *queries.Queries) error {
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return db.Pool().Stat().AcquiredConns() == 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, db.Write(t.Context(), alice, nothing))
}

func TestARestartOfTheServerIsSurvivedByTheNextTransaction(t *testing.T) {
	db, urls, alice := newDatabase(t)
	killer := connect(t, urls.App)
	for range 20 {
		fillPool(t, db, alice)
		// The server ends every connection of the pool, as its restart would.
		query[bool](t, killer, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and usename = current_user")
		require.NoError(t, db.Write(t.Context(), alice, nothing))
		require.NoError(t, db.Read(t.Context(), alice, nothing))
	}
}

// fillPool makes the pool open several connections at once.
func fillPool(t *testing.T, db *postgres.DB, subject uuid.UUID) {
	t.Helper()
	const several = 4
	var all, running sync.WaitGroup
	running.Add(several)
	for range several {
		all.Go(func() {
			err := db.Read(t.Context(), subject, func(context.Context, *queries.Queries) error {
				running.Done()
				running.Wait()
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestSubjectsAreListedInPagesWhileActive(t *testing.T) {
	db, urls, alice := newDatabase(t)
	all := map[uuid.UUID]bool{alice: true}
	for range 6 {
		all[newSubject(t, db)] = true
	}
	exec(t, connect(t, urls.App), "update subjects set state = 'freezing' where id = $1", alice)
	delete(all, alice)

	found := map[uuid.UUID]bool{}
	var after uuid.UUID
	for {
		page, err := db.ActiveSubjects(t.Context(), after, 4)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, s := range page {
			require.NotContains(t, found, s)
			found[s] = true
		}
		after = page[len(page)-1]
	}
	require.Equal(t, all, found)

	known, err := db.KnowsSubject(t.Context(), alice)
	require.NoError(t, err)
	require.True(t, known, "in any state")
	known, err = db.KnowsSubject(t.Context(), uuid.New())
	require.NoError(t, err)
	require.False(t, known)
	require.True(t, failure.Is(db.EnsureSubject(t.Context(), uuid.Nil), failure.InvalidInput))
}

func TestTheFirstRecordedSettingStays(t *testing.T) {
	db, _, _ := newPerson(t)
	for _, value := range []string{"use-lite-int8-1", "something else"} {
		recorded, err := db.RecordSetting(t.Context(), "embedding_model", value)
		require.NoError(t, err)
		require.Equal(t, "use-lite-int8-1", recorded)
	}
}

func TestSpansShowStatementsButNoParameters(t *testing.T) {
	_, urls, alice := newPerson(t)
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	db, err := postgres.Open(t.Context(), postgres.Options{URL: urls.App, TracerProvider: provider})
	require.NoError(t, err)
	defer db.Close()
	ctx, request := provider.Tracer("test").Start(t.Context(), "request")
	require.Error(t, db.Read(ctx, alice, func(ctx context.Context, q *queries.Queries) error {
		return addSession(ctx, q, alice, uuid.Must(uuid.NewV7()))
	}))
	request.End()

	var text strings.Builder
	for _, span := range spans.GetSpans() {
		text.WriteString(span.Name)
		for _, a := range span.Attributes {
			text.WriteString(" " + string(a.Key) + "=" + a.Value.String())
		}
		for _, event := range span.Events {
			for _, a := range event.Attributes {
				text.WriteString(" " + a.Value.String())
			}
		}
		text.WriteString(" " + span.Status.Description + "\n")
	}
	require.Contains(t, text.String(), "insert into sessions")
	require.NotContains(t, text.String(), alice.String())
	require.NotContains(t, text.String(), "meai_app:")
}

func TestAnURLThatIsNoneIsRefusedWithoutItsPassword(t *testing.T) {
	_, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://app:hunter2@host:notaport/db"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestAServerThatIsAwayIsAnErrorNotAFailure(t *testing.T) {
	db, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://meai_app:x@127.0.0.1:1/meai"})
	require.NoError(t, err, "opening does not wait for the server")
	defer db.Close()
	require.Error(t, db.Ping(t.Context()))
	err = db.Write(t.Context(), uuid.New(), nothing)
	require.Error(t, err)
	for _, permanent := range failure.Permanent {
		require.False(t, failure.Is(err, permanent), "an activity must try again: %v", err)
	}
}
