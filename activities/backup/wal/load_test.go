package wal_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// load commits rows by several connections at once, and remembers which commits were
// acknowledged, and when.
type load struct {
	stop    context.CancelFunc
	writers sync.WaitGroup

	mu           sync.Mutex
	acknowledged map[row]time.Time
}

type row struct{ writer, n int }

const writers = 4

// startLoad writes until it is stopped, each writer a commit in each interval, or without
// a pause; after a failure it connects again.
func startLoad(t *testing.T, url string, interval time.Duration) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, acknowledged: map[row]time.Time{}}
	for writer := range writers {
		l.writers.Go(func() {
			for n := 0; ctx.Err() == nil; {
				l.write(ctx, url, interval, writer, &n)
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.writers.Wait()
}

func (l *load) write(ctx context.Context, url string, interval time.Duration, writer int, n *int) {
	connecting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(connecting, url)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close(context.Background()) }()
	pace := time.NewTicker(max(interval, 1))
	defer pace.Stop()
	for ctx.Err() == nil {
		<-pace.C
		*n++ // also after a failure: whether that row was committed is not known
		if _, err := conn.Exec(ctx, "insert into acknowledged values ($1, $2)", writer, *n); err != nil {
			return
		}
		l.mu.Lock()
		l.acknowledged[row{writer, *n}] = time.Now()
		l.mu.Unlock()
	}
}

// count is how many commits were acknowledged.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// grow waits for more commits.
func (l *load) grow(t *testing.T, by int) {
	t.Helper()
	before := l.count()
	require.Eventually(t, func() bool { return l.count() >= before+by }, patience, 10*time.Millisecond)
}

// lost compares with a restored server: which acknowledged commits it does not have, and
// when the first of them was acknowledged.
func (l *load) lost(t *testing.T, url string) (lost int, since time.Time) {
	t.Helper()
	conn := connect(t, url)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), "select writer, n from acknowledged")
	require.NoError(t, err)
	present := map[row]bool{}
	var r row
	_, err = pgx.ForEachRow(rows, []any{&r.writer, &r.n}, func() error {
		present[r] = true
		return nil
	})
	require.NoError(t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	for r, at := range l.acknowledged {
		if present[r] {
			continue
		}
		if lost++; since.IsZero() || at.Before(since) {
			since = at
		}
	}
	return lost, since
}

// nothingLost fails when an acknowledged commit is missing.
func (l *load) nothingLost(t *testing.T, url string) {
	t.Helper()
	lost, since := l.lost(t, url)
	require.Zero(t, lost, fmt.Sprintf("of %d acknowledged commits, the first %s ago", l.count(), time.Since(since)))
	require.NotZero(t, l.count())
}
