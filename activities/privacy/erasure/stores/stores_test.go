package stores_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/datamap"
	"meai/activities/privacy/erasure/stores"
	"meai/internal/enginetest"
	"meai/internal/objects"
)

func pgxCollect(rows pgx.Rows) ([]column, error) {
	return pgx.CollectRows(rows, pgx.RowToStructByPos[column])
}

// onStack is a scene on the engines that the tests of all packages share, with a database
// of its own.
func onStack(t *testing.T) *scene {
	t.Helper()
	urls := enginetest.EmptyDatabase(t, true)
	cfg := enginetest.Config(t)
	temporal := withDatabase(t, enginetest.Superuser(t, urls), "temporal")
	return newScene(t, places{
		app: urls.App, super: enginetest.Superuser(t, urls), temporal: temporal, config: cfg, dir: t.TempDir(), namespace: "stores-test",
	})
}

func (s *scene) store(t *testing.T, name string) stores.Store {
	t.Helper()
	i := slices.IndexFunc(s.stores, func(store stores.Store) bool { return store.Name() == name })
	require.GreaterOrEqual(t, i, 0, "no store %s", name)
	return s.stores[i]
}

// inOrder are the stores as an erasure empties them.
func (s *scene) inOrder() []stores.Store {
	early := func(store stores.Store) int {
		if e, ok := store.(stores.Early); ok && e.Early() {
			return 0
		}
		return 1
	}
	return slices.SortedStableFunc(slices.Values(s.stores), func(a, b stores.Store) int { return early(a) - early(b) })
}

func TestEveryStoreIsEmptiedOfOnePersonAndOfNobodyElse(t *testing.T) {
	s := onStack(t)
	alice, bob := s.newPerson(t), s.newPerson(t)
	before := s.holds(t, bob)
	require.Len(t, before.Files, 3)
	for store, n := range s.counts(t, alice) {
		require.Positive(t, n, "the person has something in %s", store)
	}
	for _, store := range s.stores {
		samples, err := store.Sample(t.Context(), alice, 20)
		require.NoError(t, err, store.Name())
		require.LessOrEqual(t, len(samples), 20)
		for _, sample := range samples {
			require.GreaterOrEqual(t, len(sample), 8)
			require.LessOrEqual(t, len(sample), 64)
		}
	}
	s.die(t, alice)
	for _, store := range s.inOrder() {
		t.Run(store.Name(), func(t *testing.T) {
			had, err := store.Count(t.Context(), alice)
			require.NoError(t, err)
			var beats []int64
			begun := time.Now()
			n, err := store.Delete(t.Context(), alice, func(done int64) { beats = append(beats, done) })
			require.NoError(t, err)
			t.Logf("%d of %d in %s", n, had, time.Since(begun).Round(time.Millisecond))
			left, err := store.Count(t.Context(), alice)
			require.NoError(t, err)
			require.Zero(t, left)
			n, err = store.Delete(t.Context(), alice, func(int64) {})
			require.NoError(t, err, "twice is harmless")
			require.Zero(t, n)
			if had > 0 { // what hangs on a memory goes with it
				require.NotEmpty(t, beats, "it shows that it goes on")
			}
		})
	}
	s.remove(t, alice)
	require.Equal(t, before, s.holds(t, bob), "to the last row, vector and word")
}

func TestNothingOfSomebodyWhoIsNotErasedIsDeleted(t *testing.T) {
	s := onStack(t)
	alice := s.newPerson(t)
	for _, store := range s.stores {
		if _, table := store.(*stores.Table); !table && stores.InMap(store.Name()) != "principals" && stores.InMap(store.Name()) != "approvals" {
			continue // the others know no state; an erasure asks them last
		}
		had, err := store.Count(t.Context(), alice)
		require.NoError(t, err)
		_, err = store.Delete(t.Context(), alice, func(int64) {})
		require.Error(t, err, store.Name())
		left, err := store.Count(t.Context(), alice)
		require.NoError(t, err)
		require.Equal(t, had, left)
	}
}

// TestEveryStoreOfTheDataMapIsEmptied: what is to be deleted, or emptied, is.
func TestEveryStoreOfTheDataMapIsEmptied(t *testing.T) {
	s := onStack(t)
	elsewhere := map[string]string{
		"subjects":         "the registry, which an erasure takes the person out of at its end",
		"privacy_requests": "the register, which forgets the person in the same transaction",
		"erasures":         "the erasure's own row, which forgets the person when it ends",
	}
	emptied := map[string]bool{}
	for _, store := range s.stores {
		emptied[stores.InMap(store.Name())] = true
		if c, ok := store.(stores.Covering); ok {
			for _, other := range c.Covers() {
				emptied[stores.InMap(other)] = true
			}
		}
	}
	inventory, err := datamap.Load()
	require.NoError(t, err)
	looked := 0
	for _, in := range inventory.Stores {
		if in.Erase != datamap.Delete && in.Erase != datamap.Scrub {
			continue
		}
		looked++
		require.True(t, emptied[in.Name] || elsewhere[in.Name] != "", "nothing empties %s, which the data map has as %q", in.Name, in.Erase)
	}
	require.Greater(t, looked, 20)
}

func TestAStoreThatKeepsWhatItWasGivenIsTold(t *testing.T) {
	s := onStack(t)
	alice := s.newPerson(t)
	archive := s.store(t, "backups.archive")
	had, err := archive.Count(t.Context(), alice)
	require.NoError(t, err)
	require.EqualValues(t, 1, had)
	objectsOf(t, archive).Bucket = keeps{s.archives.Store}
	s.die(t, alice)
	require.Eventually(t, func() bool {
		n, err := archive.Count(t.Context(), alice)
		return err == nil && n == 0
	}, 10*time.Second, 200*time.Millisecond, "what is kept and unreadable does not count, once the lease is over")
	n, err := archive.Delete(t.Context(), alice, func(int64) {})
	require.NoError(t, err)
	require.Zero(t, n)
	kept, err := archive.(stores.Keeper).Kept(t.Context(), alice)
	require.NoError(t, err)
	require.EqualValues(t, 1, kept.Objects)
	require.WithinDuration(t, time.Now().AddDate(7, 0, 0), kept.Until, time.Hour)
}

// TestADeletionThatIsStoppedGoesOnWhereItWas stops it after its first page.
func TestADeletionThatIsStoppedGoesOnWhereItWas(t *testing.T) {
	s := onStack(t)
	alice := s.newPerson(t)
	s.exec(t, `insert into sessions (subject_id, id, created_at, expires_at) select $1, gen_random_uuid(), now(), now() from generate_series(1, 1200)`, alice)
	s.die(t, alice)
	sessions := s.store(t, "postgres.sessions")
	ctx, stop := context.WithCancel(t.Context())
	_, err := sessions.Delete(ctx, alice, func(int64) { stop() })
	require.ErrorIs(t, err, context.Canceled)
	left, err := sessions.Count(t.Context(), alice)
	require.NoError(t, err)
	require.Positive(t, left)
	require.Less(t, left, int64(1201))
	n, err := sessions.Delete(t.Context(), alice, func(int64) {})
	require.NoError(t, err)
	require.Equal(t, left, n, "what was deleted stays deleted")
}

// keeps is a bucket that keeps what it is given.
type keeps struct{ objects.Erasable }

func (keeps) Remove(context.Context, string) error { return objects.ErrKept }

func objectsOf(t *testing.T, store stores.Store) *stores.Objects {
	t.Helper()
	o, is := store.(*stores.Objects)
	require.True(t, is)
	return o
}
