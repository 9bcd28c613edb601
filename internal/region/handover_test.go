package region_test

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

// caller writes as a client with retry does: to one region after the other until one says
// that it is done. It keeps what it was told.
type caller struct {
	mu    sync.Mutex
	done  []int64
	pause time.Duration // the longest from one answer to the next
}

func (l *lab) call(ctx context.Context, from int64) (c *caller, wait func()) {
	c = &caller{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		last := time.Now()
		for id := from; ctx.Err() == nil; id++ {
			for turn := 0; ; turn++ {
				name := []string{"a", "b"}[turn%2]
				err := try(ctx, l.url(name, "meai_app")+"&connect_timeout=2", "insert into interactions values ($1, 'sealed') on conflict do nothing", id)
				if ctx.Err() != nil {
					return
				}
				if err == nil {
					break
				}
			}
			c.mu.Lock()
			c.done = append(c.done, id)
			c.pause, last = max(c.pause, time.Since(last)), time.Now()
			c.mu.Unlock()
		}
	}()
	return c, func() { <-ended }
}

func (c *caller) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.done)
}

func TestAHandoverLosesNothingUnderWrites(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, wait := l.call(ctx, 1)
	l.eventually("some writes are done", 20*time.Second, func() bool { return c.count() > 20 })
	in := l.intruder("b")
	l.desire("b", "s2", func(d *fence.Desired) { d.Handover = true })
	l.serves("b", 2)
	begun, tries := in()
	require.Equal(t, []string{"epoch 2 of s2"}, begun, "nobody gets in before, in %d tries", tries)
	some := c.count()
	l.eventually("more writes are done", 20*time.Second, func() bool { return c.count() > some+20 })
	l.follows("a", 2)

	// And back.
	l.desire("a", "s3", func(d *fence.Desired) { d.Handover = true })
	l.serves("a", 3)
	some = c.count()
	l.eventually("more writes are done", 20*time.Second, func() bool { return c.count() > some+20 })
	l.follows("b", 3)
	cancel()
	wait()
	for _, id := range c.done {
		require.Contains(t, l.heard("a"), id, "it was told to be done")
	}
	t.Logf("%d writes; the longest pause was %v", len(c.done), c.pause)
	require.NotContains(t, l.status("a").Message+l.status("b").Message, "diverged", "nothing was written by one alone")
}

func (l *lab) mode() fence.Replication {
	read, err := l.register.Read(l.t.Context())
	if err != nil {
		return ""
	}
	return read.Mode.Value.Replication
}

// replayer is the process of a standby that applies the log.
func (l *lab) replayer(name string) (pid int) {
	l.t.Helper()
	conn, err := pgx.Connect(l.t.Context(), l.url(name, "postgres"))
	require.NoError(l.t, err)
	defer func() { require.NoError(l.t, conn.Close(l.t.Context())) }()
	require.NoError(l.t, conn.QueryRow(l.t.Context(), "select pid from pg_stat_activity where backend_type = 'startup'").Scan(&pid))
	return pid
}

func TestCommitsWaitForTheStandbyUntilItIsRecordedThatTheyDoNot(t *testing.T) {
	l := newLab(t, fence.Sync)
	l.start("a", "")
	l.serves("a", 1)
	require.Equal(t, fence.Degraded, l.mode(), "there is no standby yet")
	l.say("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	l.eventually("commits wait for the standby", time.Minute, func() bool { return l.mode() == fence.Sync })

	// A standby that does not answer for a moment holds commits up, and no more.
	replayer := l.replayer("b")
	require.NoError(t, syscall.Kill(replayer, syscall.SIGSTOP))
	said := make(chan error, 1)
	go func() {
		said <- try(t.Context(), l.url("a", "meai_app"), "insert into interactions values (2, 'sealed')")
	}()
	select {
	case err := <-said:
		require.Fail(t, "a commit did not wait for the standby", "%v", err)
	case <-time.After(l.setup.Patience / 2):
	}
	require.NoError(t, syscall.Kill(replayer, syscall.SIGCONT))
	require.NoError(t, <-said)
	require.Equal(t, fence.Sync, l.mode())
	require.Contains(t, l.heard("b"), int64(2))

	// One that is gone does until that is recorded.
	l.agents["b"].signal(syscall.SIGKILL)
	l.gone("b")
	began := time.Now()
	l.say("a", 3)
	require.Equal(t, fence.Degraded, l.mode(), "it is recorded before a commit is done")
	t.Logf("a commit waited %v for a standby that was gone", time.Since(began))
	l.start("b", "")
	l.eventually("commits wait for the standby again", time.Minute, func() bool { return l.mode() == fence.Sync })
	require.Equal(t, []int64{1, 2, 3}, l.heard("b"), "and it has what was done meanwhile")

	// A failover that says it loses nothing loses nothing.
	l.say("a", 4)
	l.agents["a"].signal(syscall.SIGKILL)
	l.desire("b", "f2", func(d *fence.Desired) { d.Lossless = true })
	l.serves("b", 2)
	require.Equal(t, fence.Degraded, l.mode())
	require.Equal(t, []int64{1, 2, 3, 4}, l.heard("b"))
	l.say("b", 5)
	l.gone("a")
	l.start("a", "")
	l.eventually("commits wait for the other standby", time.Minute, func() bool { return l.mode() == fence.Sync })
}
