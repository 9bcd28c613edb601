package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/internal/enginetest"
	"meai/internal/postgres"
	"meai/internal/ratelimit"
	"meai/internal/ratelimit/ratelimittest"
)

func secret(context.Context) ([]byte, error) { return []byte("one key for all processes"), nil }

// limiter is a process with its metrics and its log.
type limiter struct {
	*ratelimit.Limiter
	reader *sdkmetric.ManualReader
	log    *bytes.Buffer
}

func newLimiter(t testing.TB, store ratelimit.Store, change ...func(*ratelimit.Options)) *limiter {
	t.Helper()
	l := &limiter{reader: sdkmetric.NewManualReader(), log: &bytes.Buffer{}}
	o := ratelimit.Options{
		Store: store, Secret: secret, Timeout: 250 * time.Millisecond, Logger: slog.New(slog.NewJSONHandler(l.log, nil)),
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(l.reader)),
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	l.Limiter, err = ratelimit.New(o)
	require.NoError(t, err)
	return l
}

// outcomes reads the metric: "limit outcome" and how often.
func (l *limiter) outcomes(t *testing.T) map[string]int {
	t.Helper()
	var metrics metricdata.ResourceMetrics
	require.NoError(t, l.reader.Collect(t.Context(), &metrics))
	got := map[string]int{}
	for _, scope := range metrics.ScopeMetrics {
		for _, m := range scope.Metrics {
			require.Equal(t, "meai.rate_limit.decisions", m.Name)
			for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
				limit, _ := point.Attributes.Value("limit")
				outcome, _ := point.Attributes.Value("outcome")
				got[limit.AsString()+" "+outcome.AsString()] = int(point.Value)
			}
		}
	}
	return got
}

var (
	anna = []byte("0192b1a4-anna")
	bert = []byte("0192b1a4-bert")
)

func TestDecisions(t *testing.T) {
	store := &ratelimittest.Store{}
	l := newLimiter(t, store)
	three := ratelimit.Limit{Name: "three", Quota: 3, Window: 3 * time.Hour}
	for remaining := 2; remaining >= 0; remaining-- {
		d := l.Allow(t.Context(), anna, three, ratelimit.FailClosed)
		require.Equal(t, ratelimit.Allowed, d.Outcome)
		require.Equal(t, remaining, d.Remaining)
		require.InDelta(t, time.Hour, d.Next, float64(time.Minute), "one more within the hour")
	}
	require.Zero(t, l.Exhausted(t.Context(), anna, three), "not known before the first refusal")
	d := l.Allow(t.Context(), anna, three, ratelimit.FailClosed)
	require.Equal(t, ratelimit.Refused, d.Outcome)
	require.Zero(t, d.Remaining)
	require.InDelta(t, time.Hour, d.Next, float64(time.Minute))
	require.InDelta(t, time.Hour, l.Exhausted(t.Context(), anna, three), float64(time.Minute))

	require.Equal(t, ratelimit.Allowed, l.Allow(t.Context(), bert, three, ratelimit.FailOpen).Outcome, "others are not concerned")
	other := ratelimit.PerMinute("other", 1)
	require.Equal(t, ratelimit.Allowed, l.Allow(t.Context(), anna, other, ratelimit.FailOpen).Outcome, "nor are other limits")
	require.Equal(t, map[string]int{"three allowed": 4, "three refused": 2, "other allowed": 1}, l.outcomes(t))
}

func TestAFloodAsksTheStoreOnce(t *testing.T) {
	store := &ratelimittest.Store{}
	l := newLimiter(t, store)
	limit := ratelimit.PerMinute("flood", 2)
	for range 1000 {
		l.Allow(t.Context(), anna, limit, ratelimit.FailClosed)
	}
	require.Equal(t, 3, store.Taken(), "two that fit and the first that does not")
	require.Equal(t, map[string]int{"flood allowed": 2, "flood refused": 998}, l.outcomes(t))
}

func TestARefusalIsForgottenInTime(t *testing.T) {
	store := &ratelimittest.Store{}
	l := newLimiter(t, store)
	limit := ratelimit.Limit{Name: "quick", Quota: 20, Window: time.Second}
	for l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome == ratelimit.Allowed {
	}
	require.Eventually(t, func() bool {
		return l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome == ratelimit.Allowed
	}, 10*time.Second, time.Millisecond)
}

func TestWhoHangsUpIsCountedAllTheSame(t *testing.T) {
	store := &ratelimittest.Store{}
	l := newLimiter(t, store)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	require.Equal(t, ratelimit.Allowed, l.Allow(gone, anna, ratelimit.PerMinute("x", 1), ratelimit.FailClosed).Outcome)
	require.Equal(t, 1, store.Taken())
}

func TestWithoutTheSecretNothingIsStored(t *testing.T) {
	store, broken := &ratelimittest.Store{}, true
	l := newLimiter(t, store, func(o *ratelimit.Options) {
		o.Secret = func(ctx context.Context) ([]byte, error) {
			if broken {
				return nil, errors.New("no keyring")
			}
			return secret(ctx)
		}
	})
	limit := ratelimit.PerMinute("x", 1)
	require.Equal(t, ratelimit.FailedClosed, l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome)
	require.Zero(t, store.Taken())
	broken = false
	require.Equal(t, ratelimit.Allowed, l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome)
}

// holdOut is what an outage may look like: reads go through, writes do not, soon,
// and both are counted.
func (l *limiter) holdOut(t *testing.T, limit ratelimit.Limit) {
	t.Helper()
	begin := time.Now()
	require.Equal(t, ratelimit.FailedOpen, l.Allow(t.Context(), bert, limit, ratelimit.FailOpen).Outcome)
	d := l.Allow(t.Context(), bert, limit, ratelimit.FailClosed)
	require.Equal(t, ratelimit.FailedClosed, d.Outcome)
	require.Equal(t, time.Second, d.Next)
	require.Less(t, time.Since(begin), 2*time.Second, "nobody hangs with the store")
	got := l.outcomes(t)
	require.NotZero(t, got[limit.Name+" failed_open"])
	require.NotZero(t, got[limit.Name+" failed_closed"])
}

func (l *limiter) awaitRecovery(t *testing.T, limit ratelimit.Limit) {
	t.Helper()
	require.Eventually(t, func() bool {
		return l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome == ratelimit.Allowed
	}, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, 1, strings.Count(l.log.String(), "rate limiter works again"))
}

func TestOutageOfRedis(t *testing.T) {
	limit := ratelimit.PerMinute("outage", 1_000_000)
	outages := map[string]struct {
		begin, end func(*enginetest.Redis, testing.TB)
	}{
		"killed":  {(*enginetest.Redis).Kill, (*enginetest.Redis).Start},
		"hanging": {(*enginetest.Redis).Hang, (*enginetest.Redis).Resume},
	}
	for name, outage := range outages {
		t.Run(name+" under way", func(t *testing.T) {
			server := enginetest.NewRedis(t)
			l := newLimiter(t, openRedis(t, server.URL))
			require.Equal(t, ratelimit.Allowed, l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome)
			outage.begin(server, t)
			for range 3 {
				l.holdOut(t, limit)
			}
			require.Equal(t, 1, strings.Count(l.log.String(), "rate limiter fails"), "told once")
			outage.end(server, t)
			l.awaitRecovery(t, limit)
		})
		t.Run(name+" from the start", func(t *testing.T) {
			server := enginetest.NewRedis(t)
			outage.begin(server, t)
			l := newLimiter(t, openRedis(t, server.URL))
			l.holdOut(t, limit)
			outage.end(server, t)
			l.awaitRecovery(t, limit)
		})
	}
}

// TestACrowdDoesNotHangWithRedis: more callers than the connections have room for
// wait no longer than a few.
func TestACrowdDoesNotHangWithRedis(t *testing.T) {
	limit := ratelimit.PerMinute("outage", 1_000_000)
	server := enginetest.NewRedis(t)
	l := newLimiter(t, openRedis(t, server.URL))
	require.Equal(t, ratelimit.Allowed, l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome)
	server.Hang(t)
	defer server.Resume(t)
	begin := time.Now()
	var all sync.WaitGroup
	for range 10_000 {
		all.Go(func() { l.Allow(t.Context(), anna, limit, ratelimit.FailOpen) })
	}
	all.Wait()
	require.Less(t, time.Since(begin), 6*time.Second)
	require.Equal(t, 10_000, l.outcomes(t)["outage failed_open"])
}

func TestOutageOfPostgres(t *testing.T) {
	limit := ratelimit.PerMinute("outage", 1_000_000)
	for name, outage := range map[string]func(*gate){"cut": (*gate).cut, "hanging": (*gate).hang} {
		t.Run(name, func(t *testing.T) {
			_, urls := shared.Database(t)
			g, through := newGate(t, urls.App)
			db, err := postgres.Open(t.Context(), postgres.Options{URL: through, MaxConns: 2, Logger: enginetest.Logger(t)})
			require.NoError(t, err)
			t.Cleanup(db.Close)
			store := ratelimit.NewPostgres(db, enginetest.Logger(t))
			t.Cleanup(store.Close)
			l := newLimiter(t, store)
			l.awaitFirst(t, limit)
			outage(g)
			for range 3 {
				l.holdOut(t, limit)
			}
			g.restore()
			l.awaitRecovery(t, limit)
		})
	}
}

// awaitFirst waits until the first connection is made: that may take longer than
// a decision.
func (l *limiter) awaitFirst(t *testing.T, limit ratelimit.Limit) {
	t.Helper()
	require.Eventually(t, func() bool {
		return l.Allow(t.Context(), anna, limit, ratelimit.FailClosed).Outcome == ratelimit.Allowed
	}, 30*time.Second, 10*time.Millisecond)
	l.log.Reset()
}

// gate is the network between a process and PostgreSQL.
type gate struct {
	target string

	mu          sync.Mutex
	connections []net.Conn
	refuse      bool
	open        chan struct{} // closed while bytes may pass
}

// newGate returns the URL that leads through the gate.
func newGate(t *testing.T, connection string) (*gate, string) {
	t.Helper()
	u, err := url.Parse(connection)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{target: u.Host, open: make(chan struct{})}
	close(g.open)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	t.Cleanup(g.cut)
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go g.pass(in)
		}
	}()
	u.Host = listener.Addr().String()
	return g, u.String()
}

func (g *gate) pass(in net.Conn) {
	defer func() { _ = in.Close() }() // closed by cut, perhaps
	out, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	g.mu.Lock()
	if g.refuse {
		g.mu.Unlock()
		return
	}
	g.connections = append(g.connections, in, out)
	g.mu.Unlock()
	go g.copy(out, in)
	g.copy(in, out)
}

func (g *gate) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		<-open
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// cut breaks all connections and takes no more.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse = true
	for _, c := range g.connections {
		_ = c.Close() // the process may have closed it
	}
	g.connections = nil
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

// hang swallows every byte until restore.
func (g *gate) hang() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) restore() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse = false
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

func requireUnlogged(t *testing.T, owner string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	var persistence string
	require.NoError(t, conn.QueryRow(t.Context(), "select relpersistence::text from pg_class where relname = 'rate_limits'").Scan(&persistence))
	require.Equal(t, "u", persistence)
}

func keysIn(t *testing.T, url string) int64 {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	require.NoError(t, err)
	client, err := rueidis.NewClient(option)
	require.NoError(t, err)
	defer client.Close()
	n, err := client.Do(t.Context(), client.B().Dbsize().Build()).AsInt64()
	require.NoError(t, err)
	return n
}

func BenchmarkAllow(b *testing.B) {
	limit := ratelimit.PerMinute("bench", 1_000_000)
	for name, open := range stores {
		if name == "memory" {
			continue
		}
		store, _ := open(b)
		l := newLimiter(b, store)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.Allow(b.Context(), anna, limit, ratelimit.FailClosed)
			}
		})
		b.Run(name+"/callers of their own", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				id := newKey()
				for pb.Next() {
					l.Allow(b.Context(), id[:], limit, ratelimit.FailClosed)
				}
			})
		})
	}
	l := newLimiter(b, &ratelimittest.Store{})
	b.Run("exhausted", func(b *testing.B) {
		one := ratelimit.Limit{Name: "one", Quota: 1, Window: 24 * time.Hour}
		l.Allow(b.Context(), bert, one, ratelimit.FailClosed)
		for b.Loop() {
			l.Allow(b.Context(), bert, one, ratelimit.FailClosed)
		}
	})
}
