package postgres_test

import (
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func TestProcessesThatMigrateTogetherTakeTurns(t *testing.T) {
	urls := enginetest.EmptyDatabase(t, false)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := postgres.Migrate(context.Background(), urls.Owner, enginetest.Logger(t)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	owner := connect(t, urls.Owner)
	require.Equal(t, []int64{1}, query[int64](t, owner, "select count(*) from goose_db_version where version_id = 1"))
	before := query[int64](t, owner, "select count(*) from pg_class")
	require.NoError(t, postgres.Migrate(t.Context(), urls.Owner, enginetest.Logger(t)), "again, with nothing to do")
	require.Equal(t, before, query[int64](t, owner, "select count(*) from pg_class"))
}

func TestTimePartitionsReachAYearAhead(t *testing.T) {
	_, urls, _ := newPerson(t)
	owner := connect(t, urls.Owner)
	last := time.Now().UTC().AddDate(1, 0, 0)
	quarter := last.Format("2006") + "q" + string(rune('1'+(last.Month()-1)/3))
	for _, table := range []string{"interactions", "interaction_steps", "escalations"} {
		partitions := partitionsOf(t, owner, table)
		require.Contains(t, partitions, table+"_h0_"+quarter)
		require.Contains(t, partitions, table+"_h7_"+quarter)
		require.Contains(t, partitions, table+"_h7_rest")
	}
}

// idAt is a UUIDv7 of the given time.
func idAt(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli())<<16)
	copy(id[:6], ms[:6])
	return id
}

func TestRowsBeyondThePartitionsMoveWhenTheirQuarterIsMade(t *testing.T) {
	db, urls, alice := newDatabase(t)
	far := time.Now().AddDate(2, 0, 0)
	ids := []uuid.UUID{idAt(far), idAt(far.AddDate(1, 0, 0)), idAt(time.Now())}
	session := newSession(t, db, alice)
	for _, id := range ids {
		accept(t, db, alice, session, id)
	}
	owner := connect(t, urls.Owner)
	require.Len(t, restOf(t, owner, alice), 2, "the default partition caught them")

	// The application extends the partitions through the owner's function.
	created, err := db.EnsurePartitions(t.Context(), far.AddDate(0, 3, 0))
	require.NoError(t, err)
	require.Positive(t, created)
	created, err = db.EnsurePartitions(t.Context(), far.AddDate(0, 3, 0))
	require.NoError(t, err)
	require.Zero(t, created, "a repeat finds nothing to do")
	require.Len(t, restOf(t, owner, alice), 1, "the one beyond stays")
	for _, id := range ids {
		require.NoError(t, db.Read(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
			_, err := q.Interaction(ctx, alice, session, id)
			return err
		}), "each is found where it is now")
	}
}

func accept(t *testing.T, db *postgres.DB, subject, session, id uuid.UUID) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.AcceptInteraction(ctx, queries.AcceptInteractionParams{
			SubjectID: subject, SessionID: session, ID: id, WorkflowID: "w", AcceptedAt: time.Now(),
			KeyHmac: append(id[:], id[:]...), BodyHmac: make([]byte, 32),
		})
		return err
	}))
}

// restOf lists the interactions in the default partitions, as the owner may:
// partitions are guarded from the other roles.
func restOf(t *testing.T, owner *pgx.Conn, subject uuid.UUID) []string {
	t.Helper()
	var ids []string
	for _, partition := range partitionsOf(t, owner, "interactions") {
		if strings.HasSuffix(partition, "_rest") {
			ids = append(ids, query[string](t, owner, "select id::text from "+partition+" where subject_id = $1", subject)...)
		}
	}
	return ids
}

func TestPartitionsAreNotMadeForTheFarFuture(t *testing.T) {
	db, _, _ := newPerson(t)
	_, err := db.EnsurePartitions(t.Context(), time.Now().AddDate(6, 0, 0))
	require.ErrorContains(t, err, "at most 5 years")
}

func TestAnInteractionIsFoundInOnePartition(t *testing.T) {
	_, urls, alice := newPerson(t)
	conn := connect(t, urls.App)
	id := idAt(time.Now())
	exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
	exec(t, conn, "set plan_cache_mode = force_custom_plan")
	statements := map[string]string{
		"read":    "select from interactions where subject_id = $1 and id = $2",
		"confirm": "update interactions set state = 'accepted' where subject_id = $1 and id = $2",
		"steps":   "select from interaction_steps where subject_id = $1 and interaction_id = $2",
	}
	for name, statement := range statements {
		t.Run(name, func(t *testing.T) {
			plan := strings.Join(query[string](t, conn, "explain (costs off) "+statement, alice, id), "\n")
			require.Equal(t, 1, strings.Count(plan, "Scan"), plan)
			require.Contains(t, plan, "q", "a quarter, not the rest")
		})
	}
}
