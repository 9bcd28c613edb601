package region_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// writer writes over connections that stay open, as fast as it can, and notes when it was
// told for the last time that a write was done.
type writer struct {
	last  atomic.Int64 // fence.Instant
	count atomic.Int64
}

func (l *lab) write(ctx context.Context, name string, from int64) *writer {
	w := &writer{}
	go func() {
		for id := from; ctx.Err() == nil; {
			conn, err := pgx.Connect(ctx, l.url(name, "meai_app"))
			for err == nil {
				id++
				if _, err = conn.Exec(ctx, "insert into interactions values ($1, 'sealed') on conflict do nothing", id); err == nil {
					w.last.Store(int64(fence.BootClock()))
					w.count.Add(1)
				}
			}
			if conn != nil {
				closing, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				_ = conn.Close(closing)
				cancel()
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return w
}

// dies waits until no process of a region's PostgreSQL is left, and says how long that took.
func (l *lab) dies(name string, from fence.Instant) time.Duration {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		pids, err := pgserver.Processes(l.data(name))
		require.NoError(l.t, err)
		if len(pids) == 0 {
			return fence.BootClock().Sub(from)
		}
		require.True(l.t, time.Now().Before(deadline), "PostgreSQL does not die")
	}
}

// postmaster is the first process of a region's PostgreSQL.
func (l *lab) postmaster(name string) int {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.data(name), "postmaster.pid"))
	require.NoError(l.t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(l.t, err)
	return pid
}

// A lease that was renewed right before the mishap ends a TTL after it at the earliest. By
// then PostgreSQL must be dead, whatever hangs.
func TestWithoutALeasePostgreSQLIsDeadBeforeItEnds(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(l *lab)
		within  time.Duration
	}{
		"the register is gone": {func(l *lab) { require.NoError(l.t, l.etcd.Process.Signal(syscall.SIGSTOP)) }, timings.TTL},
		"the agent hangs":      {func(l *lab) { l.agents["a"].signal(syscall.SIGSTOP) }, timings.TTL},
		"the agent is killed":  {func(l *lab) { l.agents["a"].signal(syscall.SIGKILL) }, timings.Kill},
		"agent and PostgreSQL's first process hang": {func(l *lab) {
			l.agents["a"].signal(syscall.SIGSTOP)
			require.NoError(l.t, syscall.Kill(l.postmaster("a"), syscall.SIGSTOP))
		}, timings.TTL},
		"PostgreSQL's first process is killed, and the agent hangs": {func(l *lab) {
			l.agents["a"].signal(syscall.SIGSTOP)
			require.NoError(l.t, syscall.Kill(l.postmaster("a"), syscall.SIGKILL))
		}, timings.TTL},
		"the register is gone, and PostgreSQL's first process hangs": {func(l *lab) {
			require.NoError(l.t, l.etcd.Process.Signal(syscall.SIGSTOP))
			require.NoError(l.t, syscall.Kill(l.postmaster("a"), syscall.SIGSTOP))
		}, timings.TTL},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, fence.Async)
			l.start("a", "")
			l.serves("a", 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := l.write(ctx, "a", 0)
			l.eventually("writes are done", 10*time.Second, func() bool { return w.count.Load() > 100 })
			before := fence.BootClock()
			c.happens(l)
			took := l.dies("a", before)
			wrote := fence.Instant(w.last.Load()).Sub(before)
			t.Logf("PostgreSQL was dead after %v, the last of %d writes was done after %v", took, w.count.Load(), wrote)
			require.Less(t, took, c.within)
			require.Less(t, wrote, c.within)
		})
	}
}

func TestAnAgentThatHungIsEndedAndTheNextOneGoesOnAsWhatItIsByThen(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.say("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	l.hears("b", 1)
	before := fence.BootClock()
	l.agents["a"].signal(syscall.SIGSTOP)
	l.desire("b", "f2", nil)
	died := l.dies("a", before)
	l.serves("b", 2)
	t.Logf("dead after %v, the other one serves after %v", died, fence.BootClock().Sub(before))
	l.say("b", 2)
	l.gone("a") // it never woke up: what it was about to do is not done
	l.start("a", "")
	l.follows("a", 2)
	l.hears("a", 1, 2)
}
