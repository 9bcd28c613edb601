package retention_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/retention"
	"meai/internal/alias"
	"meai/internal/postgres/queries"
)

// partition makes the partition of a quarter, such as 2015q1, in the shard of a person, as it
// was made when it was new.
func (s *scene) partition(t *testing.T, table string, subject uuid.UUID, quarter string) string {
	t.Helper()
	begins, err := time.Parse("2006-01", quarter[:4]+"-"+map[string]string{"q1": "01", "q2": "04", "q3": "07", "q4": "10"}[quarter[4:]])
	require.NoError(t, err)
	shard := ""
	for n := range 8 {
		name := fmt.Sprintf("%s_h%d", table, n)
		if one[bool](t, s.owner, "select satisfies_hash_partition($1::text::regclass, 8, $2, $3::uuid)", table, n, subject) {
			shard = name
		}
	}
	part := shard + "_" + quarter
	sql(t, s.owner, fmt.Sprintf("create table %s (like %s including defaults including constraints including storage)", part, shard))
	sql(t, s.owner, "alter table "+part+" enable row level security")
	sql(t, s.owner, fmt.Sprintf("alter table %s attach partition %s for values from ('%s') to ('%s')", shard, part, least(begins), least(begins.AddDate(0, 3, 0))))
	return part
}

// least is the least UUIDv7 of a time.
func least(at time.Time) uuid.UUID {
	id := idOf(at)
	for i := 6; i < len(id); i++ {
		id[i] = 0
	}
	return id
}

func (s *scene) exists(t *testing.T, table string) bool {
	t.Helper()
	return one[bool](t, s.owner, "select to_regclass($1) is not null", table)
}

func TestAPartitionOfWhichEverythingIsOldEnoughGoesAsAWhole(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	then := time.Date(2015, 2, 3, 4, 5, 6, 0, time.UTC)
	old := map[string]string{}
	for _, table := range []string{"interactions", "interaction_steps", "escalations"} {
		old[table] = s.partition(t, table, alice.subject, "2015q1")
	}
	lastYear := time.Now().AddDate(-1, 0, 0)
	recent := s.partition(t, "interactions", alice.subject, fmt.Sprintf("%dq%d", lastYear.Year(), (int(lastYear.Month())-1)/3+1))
	for range 5 {
		alice.plant(t, then)
	}
	alice.plant(t, lastYear)
	alice.plant(t, ago(1))
	require.Equal(t, 5, one[int](t, s.owner, "select count(*) from "+old["interactions"]))

	r := s.retain(t, s.run, alice)
	require.Equal(t, retention.Partitions{Dropped: 3}, r.Partitions)
	for table, part := range old {
		require.False(t, s.exists(t, part), table)
	}
	require.True(t, s.exists(t, recent), "of interactions a year is nothing")
	require.Equal(t, int64(5), deleted(r)["interactions"])
	require.Equal(t, int64(5), deleted(r)["escalations"])
	require.Equal(t, int64(6), deleted(r)["interaction_steps"], "one of last year's went as a row")
	require.Equal(t, 2, alice.count(t, "interactions"))
	created, err := s.DB.EnsurePartitions(t.Context(), time.Now().AddDate(1, 0, 0))
	require.NoError(t, err)
	require.Zero(t, created, "the upkeep makes none of them again")
}

func TestAPartitionWithRowsOfSomebodyHeldStaysAndTheOthersGoRowByRow(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	held := s.newPerson(t)
	for shardOf(t, s, held) != shardOf(t, s, alice) {
		held = s.newPerson(t)
	}
	then := time.Date(2015, 2, 3, 4, 5, 6, 0, time.UTC)
	part := s.partition(t, "interactions", alice.subject, "2015q1")
	alice.plant(t, then)
	item := held.plant(t, then)
	hold := s.hold(t, held, item.interaction)

	r := s.retain(t, s.run, alice, held)
	require.Equal(t, retention.Partitions{Kept: 1}, r.Partitions)
	require.True(t, s.exists(t, part))
	require.Equal(t, 0, alice.count(t, "interactions"))
	require.Equal(t, 1, held.count(t, "interactions"))

	s.release(t, hold)
	r = s.retain(t, retention.Run{ID: uuid.New(), At: s.run.At}, alice, held)
	require.Equal(t, retention.Partitions{Dropped: 1}, r.Partitions)
	require.False(t, s.exists(t, part))
}

func shardOf(t *testing.T, s *scene, p *person) (shard int) {
	t.Helper()
	for n := range 8 {
		if one[bool](t, s.owner, "select satisfies_hash_partition('interactions'::regclass, 8, $1, $2::uuid)", n, p.subject) {
			shard = n
		}
	}
	return shard
}

func TestNoPartitionGoesWhileAMarkIsCountedOrSomebodyReads(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	part := s.partition(t, "interactions", alice.subject, "2015q1")
	counting := connect(t, s.urls.Backup)
	sql(t, counting, "begin")
	sql(t, counting, "select pg_advisory_xact_lock_shared(hashtextextended('meai_drop_partition', 0))")
	require.Equal(t, retention.Partitions{Busy: 1}, perform(t, s, s.DropPartitions, s.run))
	require.True(t, s.exists(t, part))
	sql(t, counting, "commit")

	reader := connect(t, s.urls.App)
	sql(t, reader, "begin")
	sql(t, reader, "select from interactions where subject_id = $1", alice.subject)
	began := time.Now()
	require.Equal(t, retention.Partitions{Busy: 1}, perform(t, s, s.DropPartitions, s.run))
	require.Less(t, time.Since(began), 10*time.Second, "it does not keep others waiting for long")
	sql(t, reader, "commit")
	require.Equal(t, retention.Partitions{Dropped: 1}, perform(t, s, s.DropPartitions, s.run))
}

func TestNoPartitionGoesBesideAHoldThatIsBeingPlaced(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	part := s.partition(t, "interactions", alice.subject, "2015q1")
	alice.plant(t, time.Date(2015, 2, 3, 4, 5, 6, 0, time.UTC))
	who, err := alias.Of(t.Context(), s.Keys, alice.subject)
	require.NoError(t, err)
	require.NoError(t, s.DB.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
		_, err := alias.Ensure(ctx, q, s.Keys, alice.subject)
		return err
	}))
	placing := connect(t, s.urls.App)
	sql(t, placing, "begin")
	sql(t, placing, "insert into legal_holds (id, alias, reason, told, placed_at, expires_at) values (gen_random_uuid(), $1, 'litigation', true, now(), now() + interval '1 day')", who[:])
	require.Equal(t, retention.Partitions{Busy: 1}, perform(t, s, s.DropPartitions, s.run))
	require.True(t, s.exists(t, part))
	sql(t, placing, "commit")
	require.Equal(t, retention.Partitions{Kept: 1}, perform(t, s, s.DropPartitions, s.run))
}

func TestTheDatabaseDropsNoOtherTable(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	current := one[string](t, s.owner, "select max(relname)::text from pg_class where relname ~ '^interactions_h0_[0-9]{4}q[1-4]$'")
	for _, part := range []string{current, "interactions_h0_rest", "interactions_h0", "sessions", "subjects", "nothing"} {
		require.Zero(t, one[int64](t, alice.conn, "select meai_drop_partition('interactions', $1, now(), gen_random_uuid())", part), part)
		require.Equal(t, !strings.Contains(part, "nothing"), s.exists(t, part), part)
	}
}
