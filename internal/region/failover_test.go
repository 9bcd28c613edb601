package region_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

func notify(c chan<- os.Signal) { signal.Notify(c, syscall.SIGTERM) }

// intruder tries to get in as the product all the time, and tells what had been begun when
// it did for the first time.
func (l *lab) intruder(name string) (stop func() (begun []string, tries int64)) {
	ctx, cancel := context.WithCancel(l.t.Context())
	first := make(chan []string, 1)
	var tries atomic.Int64
	go func() {
		for ctx.Err() == nil {
			tries.Add(1)
			conn, err := pgx.Connect(ctx, l.url(name, "meai_app"))
			if err != nil {
				select {
				case <-ctx.Done():
				case <-time.After(2 * time.Millisecond):
				}
				continue
			}
			rows, err := conn.Query(ctx, "select what || ' of ' || failover from begun order by 1")
			if err == nil {
				var begun []string
				if begun, err = pgx.CollectRows(rows, pgx.RowTo[string]); err == nil {
					first <- begun
				}
			}
			_ = conn.Close(ctx)
			if err == nil {
				return
			}
		}
	}()
	return func() ([]string, int64) {
		defer cancel()
		select {
		case begun := <-first:
			return begun, tries.Load()
		case <-time.After(time.Minute):
			require.Fail(l.t, "nobody gets in")
			return nil, 0
		}
	}
}

func TestAnOldPrimaryComesBackWithRowsOfItsOwnWhichAreKept(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.say("a", 1, 2)
	l.start("b", "")
	l.follows("b", 1)
	l.hears("b", 1, 2)
	require.Error(t, try(t.Context(), l.url("b", "meai_app"), "select"), "the product does not get into a standby")

	// What is said now never reaches the other region.
	l.stop("b")
	l.say("a", 3, 4)
	l.agents["a"].signal(syscall.SIGKILL)
	l.gone("a")
	in := l.intruder("b")
	l.start("b", "")
	l.desire("b", "f2", nil)
	l.serves("b", 2)
	begun, tries := in()
	require.Equal(t, []string{"quarantine of f2"}, begun, "nobody gets in before, in %d tries", tries)
	t.Logf("%d tries to get in", tries)
	l.say("b", 5)

	l.start("a", "")
	l.follows("a", 2)
	l.hears("a", 1, 2, 5)
	message := l.status("a").Message
	files, err := filepath.Glob(l.home("a") + "/diverged/*.jsonl")
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Contains(t, message, files[0])
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, 3, "%s", text)
	require.Contains(t, lines[0], `"commits":2`)
	for i, id := range []int{3, 4} {
		require.Contains(t, lines[i+1], fmt.Sprintf(`"row":{"id":%d,"said_sealed":"sealed"},"table":"public.interactions"`, id))
	}
	l.say("b", 6)
	l.hears("a", 1, 2, 5, 6)
	l.requireGauges("a", false, 1)
	l.requireGauges("b", true, 0)
}
