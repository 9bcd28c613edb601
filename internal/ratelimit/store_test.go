package ratelimit_test

import (
	"crypto/rand"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/ratelimit"
)

var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// stores opens every store there is, twice over the same data where it has any:
// as two processes would.
var stores = map[string]func(t testing.TB) (a, b ratelimit.Store){
	"postgres": func(t testing.TB) (a, b ratelimit.Store) {
		db, _ := shared.Database(t)
		first, second := ratelimit.NewPostgres(db, enginetest.Logger(t)), ratelimit.NewPostgres(db, enginetest.Logger(t))
		t.Cleanup(first.Close)
		t.Cleanup(second.Close)
		return first, second
	},
	"redis": func(t testing.TB) (a, b ratelimit.Store) {
		server := enginetest.NewRedis(t)
		return openRedis(t, server.URL), openRedis(t, server.URL)
	},
	"memory": func(testing.TB) (a, b ratelimit.Store) {
		m := &ratelimit.Memory{}
		return m, m
	},
}

func openRedis(t testing.TB, url string) *ratelimit.Redis {
	t.Helper()
	store, err := ratelimit.NewRedis(url)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

func newKey() (key ratelimit.Key) {
	rand.Read(key[:]) // never fails
	return key
}

// TestStores is what every store promises.
func TestStores(t *testing.T) {
	const hour = time.Hour
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			take := func(t *testing.T, s ratelimit.Store, key ratelimit.Key, emission, burst time.Duration) (bool, time.Duration) {
				t.Helper()
				allowed, ahead, err := s.Take(t.Context(), key, emission, burst)
				require.NoError(t, err)
				return allowed, ahead
			}
			t.Run("each request moves the key ahead, at most the burst", func(t *testing.T) {
				key := newKey()
				for n := range 3 {
					allowed, ahead := take(t, a, key, hour, 3*hour)
					require.True(t, allowed)
					require.InDelta(t, time.Duration(n+1)*hour, ahead, float64(time.Minute))
				}
				for range 2 {
					allowed, ahead := take(t, a, key, hour, 3*hour)
					require.False(t, allowed)
					require.InDelta(t, 3*hour, ahead, float64(time.Minute), "a refusal moves nothing")
				}
			})
			t.Run("processes share it", func(t *testing.T) {
				key := newKey()
				take(t, a, key, hour, 2*hour)
				allowed, _ := take(t, b, key, hour, 2*hour)
				require.True(t, allowed)
				allowed, _ = take(t, a, key, hour, 2*hour)
				require.False(t, allowed)
			})
			t.Run("keys are apart", func(t *testing.T) {
				for range 3 {
					allowed, _ := take(t, a, newKey(), hour, hour)
					require.True(t, allowed)
				}
			})
			t.Run("time gives back", func(t *testing.T) {
				key, emission := newKey(), 100*time.Millisecond
				allowed, _ := take(t, a, key, emission, emission)
				require.True(t, allowed)
				begin := time.Now()
				require.Eventually(t, func() bool {
					allowed, _ := take(t, a, key, emission, emission)
					return allowed
				}, 10*time.Second, 5*time.Millisecond)
				require.Greater(t, time.Since(begin), emission/2, "not at once")
			})
			t.Run("a smaller limit holds what was taken under a larger one", func(t *testing.T) {
				key := newKey()
				for range 3 {
					take(t, a, key, hour, 3*hour)
				}
				allowed, ahead := take(t, a, key, hour, 2*hour)
				require.False(t, allowed)
				require.InDelta(t, 3*hour, ahead, float64(time.Minute))
			})
			t.Run("many at once get exactly the quota", func(t *testing.T) {
				key := newKey()
				var got atomic.Int32
				var all sync.WaitGroup
				for n := range 40 {
					all.Go(func() {
						store := a
						if n%2 == 1 {
							store = b
						}
						allowed, _, err := store.Take(t.Context(), key, hour, 25*hour)
						if err != nil {
							t.Error(err)
						}
						if allowed {
							got.Add(1)
						}
					})
				}
				all.Wait()
				require.EqualValues(t, 25, got.Load())
			})
			t.Run("microseconds count", func(t *testing.T) {
				key, emission := newKey(), 8571428*time.Microsecond // 7 a minute
				for range 7 {
					allowed, _ := take(t, a, key, emission, 7*emission)
					require.True(t, allowed)
				}
				allowed, _ := take(t, a, key, emission, 7*emission)
				require.False(t, allowed)
			})
		})
	}
}

func TestSweepKeepsWhatStillLimits(t *testing.T) {
	db, urls := enginetest.Database(t)
	store := ratelimit.NewPostgres(db, enginetest.Logger(t))
	t.Cleanup(store.Close)
	over, running := newKey(), newKey()
	_, _, err := store.Take(t.Context(), over, time.Microsecond, time.Microsecond)
	require.NoError(t, err)
	_, _, err = store.Take(t.Context(), running, time.Hour, time.Hour)
	require.NoError(t, err)

	swept, err := db.SweepRateLimits(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, swept)
	allowed, _, err := store.Take(t.Context(), running, time.Hour, time.Hour)
	require.NoError(t, err)
	require.False(t, allowed)
	requireUnlogged(t, urls.Owner)
}

func TestRedisForgetsWhatNoLongerLimits(t *testing.T) {
	server := enginetest.NewRedis(t)
	store := openRedis(t, server.URL)
	for range 5 {
		_, _, err := store.Take(t.Context(), newKey(), time.Millisecond, time.Millisecond)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return keysIn(t, server.URL) == 0 }, 10*time.Second, 10*time.Millisecond)
}

func TestMemoryIsBounded(t *testing.T) {
	m := &ratelimit.Memory{}
	for range 3 {
		for range 10_000 {
			allowed, _, _ := m.Take(t.Context(), newKey(), time.Nanosecond, time.Nanosecond)
			require.True(t, allowed)
		}
	}
	key := newKey()
	for _, want := range []bool{true, false} { // there is room, since nothing else limits any more
		allowed, _, _ := m.Take(t.Context(), key, time.Hour, time.Hour)
		require.Equal(t, want, allowed)
	}
	for range 10_000 {
		m.Take(t.Context(), newKey(), time.Hour, time.Hour)
	}
	beyond := newKey()
	for range 2 {
		allowed, _, _ := m.Take(t.Context(), beyond, time.Hour, time.Hour)
		require.True(t, allowed, "without room it limits nobody")
	}
}

func TestURLsOfRedisThatCannotBeRead(t *testing.T) {
	for _, url := range []string{"postgres://secret@x", "redis://secret@x/not-a-number", "://secret"} {
		_, err := ratelimit.NewRedis(url)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	}
}
