package supervisor

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// guarded is an engine without a supervisor, and the pipe to a guard process that watches over it.
type guarded struct {
	engine, guard *exec.Cmd
	pipe          io.WriteCloser
	engineDone    chan struct{}
}

func startGuarded(t *testing.T, grace time.Duration, ignored ...syscall.Signal) guarded {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	g := guarded{engine: engineCommand(ready, ignored...), guard: guardCommand(), engineDone: make(chan struct{})}
	require.NoError(t, g.engine.Start())
	go func() {
		// How the engine ended does not matter to these tests, only whether.
		_ = g.engine.Wait()
		close(g.engineDone)
	}()
	t.Cleanup(func() {
		// Usually it has ended long before.
		_ = g.engine.Process.Kill()
		<-g.engineDone
	})
	eventually(t, "the engine serves", func() bool { _, err := os.Stat(ready); return err == nil })

	var err error
	g.pipe, err = g.guard.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, g.guard.Start())
	order := ward{PID: g.engine.Process.Pid, Signal: int(syscall.SIGTERM), Grace: grace}
	require.NoError(t, json.NewEncoder(g.pipe).Encode(order))
	return g
}

func (g guarded) requireEngineEnds(t *testing.T) {
	t.Helper()
	select {
	case <-g.engineDone:
	case <-time.After(15 * time.Second):
		t.Fatal("the engine outlived its supervisor")
	}
}

func TestGuardStopsItsWardWhenThePipeEnds(t *testing.T) {
	g := startGuarded(t, 10*time.Second)
	require.NoError(t, g.pipe.Close())
	g.requireEngineEnds(t)
	require.True(t, g.engine.ProcessState.Success(), "it could stop by itself")
	require.NoError(t, g.guard.Wait())
}

func TestGuardKillsAWardThatDoesNotStop(t *testing.T) {
	g := startGuarded(t, 300*time.Millisecond, syscall.SIGTERM)
	require.NoError(t, g.pipe.Close())
	g.requireEngineEnds(t)
	require.Equal(t, syscall.SIGKILL, g.engine.ProcessState.Sys().(syscall.WaitStatus).Signal())
	require.NoError(t, g.guard.Wait())
}

func TestDismissedGuardLeavesTheWardAlone(t *testing.T) {
	g := startGuarded(t, 10*time.Second)
	_, err := io.WriteString(g.pipe, dismissal)
	require.NoError(t, err)
	require.NoError(t, g.guard.Wait())
	require.True(t, running(t, g.engine.Process.Pid))
}

func TestGuardOutlivesTerminalSignals(t *testing.T) {
	g := startGuarded(t, 10*time.Second)
	// More than the pipe holds: once this is written the guard reads, so it has begun its watch.
	_, err := io.WriteString(g.pipe, strings.Repeat(" ", 1<<18))
	require.NoError(t, err)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		require.NoError(t, g.guard.Process.Signal(s))
	}
	require.NoError(t, g.pipe.Close())
	g.requireEngineEnds(t)
	require.NoError(t, g.guard.Wait())
}

func TestGuardWithoutAWardEndsWithThePipe(t *testing.T) {
	guard := guardCommand() // its standard input is empty
	require.NoError(t, guard.Run())
}
