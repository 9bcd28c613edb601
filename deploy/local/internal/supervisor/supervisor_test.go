package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test program plays every role itself: with one of these as its first argument it is a child process.
const (
	roleGuard  = "play-guard"
	roleEngine = "play-engine" // with a file to make once it serves and the signals that it ignores
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case roleGuard:
			if err := RunGuard(os.Stdin); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case roleEngine:
			playEngine(os.Args[2], os.Args[3:])
		}
	}
	os.Exit(m.Run())
}

// playEngine writes its process id to the file and then only waits for a signal.
func playEngine(ready string, ignored []string) {
	for _, s := range ignored {
		number, err := strconv.Atoi(s)
		if err != nil {
			panic(err)
		}
		signal.Ignore(syscall.Signal(number))
	}
	stop := make(chan os.Signal, 1)
	// Without cgo nothing else keeps the runtime from calling this a deadlock, and
	// an engine that ends by itself proves nothing about how it is stopped.
	signal.Notify(stop, syscall.SIGUSR1)
	if len(ignored) == 0 {
		signal.Notify(stop, syscall.SIGTERM)
	}
	if err := os.WriteFile(ready, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		panic(err)
	}
	<-stop
	os.Exit(0)
}

func engineCommand(ready string, ignored ...syscall.Signal) *exec.Cmd {
	args := []string{roleEngine, ready}
	for _, s := range ignored {
		args = append(args, strconv.Itoa(int(s)))
	}
	return exec.Command(os.Args[0], args...)
}

func guardCommand() *exec.Cmd { return exec.Command(os.Args[0], roleGuard) }

// fixture supervises one engine and remembers what was reported.
type fixture struct {
	*Process
	ready string

	mu      sync.Mutex
	reports []string
}

func supervise(t *testing.T, change func(*Engine)) *fixture {
	t.Helper()
	f := &fixture{ready: filepath.Join(t.TempDir(), "ready")}
	engine := Engine{
		Name: "engine",
		Command: func(context.Context) (*exec.Cmd, error) {
			// A leftover of the killed run would count as healthy.
			if err := os.Remove(f.ready); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
			return engineCommand(f.ready), nil
		},
		Healthy: func(context.Context) error {
			_, err := os.Stat(f.ready)
			return err
		},
		StopSignal: syscall.SIGTERM, StopWithin: 5 * time.Second, OrphanSignal: syscall.SIGTERM, StartWithin: 20 * time.Second,
	}
	if change != nil {
		change(&engine)
	}
	f.Process = New(engine, Options{
		Guard:   guardCommand,
		LogDir:  t.TempDir(),
		Changed: func() {},
		Report: func(engine, message string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.reports = append(f.reports, engine+" "+message)
		},
	})
	t.Cleanup(f.Stop)
	return f
}

func (f *fixture) reported(part string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Contains(strings.Join(f.reports, "\n"), part)
}

func (f *fixture) start(t *testing.T) PIDs {
	t.Helper()
	require.NoError(t, f.Start(t.Context()))
	return f.PIDs()
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 15*time.Second, 10*time.Millisecond, what)
}

func running(t *testing.T, pid int) bool {
	t.Helper()
	process, err := os.FindProcess(pid)
	require.NoError(t, err)
	return alive(process)
}

func TestStopEndsEngineAndGuard(t *testing.T) {
	f := supervise(t, nil)
	pids := f.start(t)
	require.True(t, running(t, pids.Engine))
	require.True(t, running(t, pids.Guard))

	f.Stop()

	require.False(t, running(t, pids.Engine))
	require.False(t, running(t, pids.Guard))
	require.Zero(t, f.PIDs())
	require.Empty(t, f.reports, "a stop that was asked for is nothing to report")
}

func TestEngineThatIgnoresTheStopSignalIsKilled(t *testing.T) {
	f := supervise(t, nil)
	f.engine.Command = func(context.Context) (*exec.Cmd, error) { return engineCommand(f.ready, syscall.SIGTERM), nil }
	f.engine.StopWithin = 200 * time.Millisecond
	pids := f.start(t)

	f.Stop()

	require.False(t, running(t, pids.Engine))
	require.True(t, f.reported("did not stop within 200ms and was killed"), f.reports)
}

func TestDeadEngineIsRestartedAndSaidSo(t *testing.T) {
	f := supervise(t, nil)
	before := f.start(t)

	require.NoError(t, syscall.Kill(before.Engine, syscall.SIGKILL))

	eventually(t, "the engine is back", func() bool { return f.reported("engine is back after") })
	after := f.PIDs()
	require.NotEqual(t, before.Engine, after.Engine)
	require.True(t, running(t, after.Engine))
	require.True(t, f.reported("stopped unexpectedly (signal: killed); restarting"), f.reports)
	eventually(t, "the dead engine's guard goes too", func() bool { return !running(t, before.Guard) })
}

func TestPausesBetweenRestartsGrowWhileDeathsFollowEachOther(t *testing.T) {
	f := supervise(t, nil)
	f.start(t)
	f.backoff.RandomizationFactor = 0
	first := f.backoff.NextBackOff()
	require.Less(t, first, f.backoff.NextBackOff())
	f.backoff.Reset()
	require.Equal(t, first, f.backoff.NextBackOff())
}

func TestDeadGuardIsReplacedWhileTheEngineRunsOn(t *testing.T) {
	f := supervise(t, nil)
	before := f.start(t)

	require.NoError(t, syscall.Kill(before.Guard, syscall.SIGKILL))

	eventually(t, "a new guard", func() bool { return f.reported("lost its guard; a new one watches over it") })
	after := f.PIDs()
	require.Equal(t, before.Engine, after.Engine, "the engine is not disturbed")
	require.NotEqual(t, before.Guard, after.Guard)
	require.True(t, running(t, after.Guard))
}

func TestEngineThatEndsAtOnceFailsTheStartWithItsLastWords(t *testing.T) {
	f := supervise(t, func(e *Engine) {
		e.Command = func(context.Context) (*exec.Cmd, error) {
			return exec.Command("/bin/sh", "-c", "echo port 1 is taken >&2; exit 3"), nil
		}
	})
	err := f.Start(t.Context())
	var startError *StartError
	require.ErrorAs(t, err, &startError)
	require.Contains(t, startError.Log, "port 1 is taken")
	require.ErrorContains(t, err, "exit status 3")
	require.Zero(t, f.PIDs())
}

func TestEngineThatNeverBecomesHealthyIsEnded(t *testing.T) {
	f := supervise(t, func(e *Engine) {
		e.Healthy = func(context.Context) error { return errors.New("not yet") }
		e.StartWithin = 500 * time.Millisecond
	})
	require.ErrorContains(t, f.Start(t.Context()), "not yet")
	pid, err := os.ReadFile(f.ready)
	require.NoError(t, err)
	number, err := strconv.Atoi(string(pid))
	require.NoError(t, err)
	require.False(t, running(t, number))
}

func TestCommandThatCannotRunFailsTheStart(t *testing.T) {
	f := supervise(t, func(e *Engine) {
		e.Command = func(context.Context) (*exec.Cmd, error) { return exec.Command("/no/such/program"), nil }
	})
	require.ErrorContains(t, f.Start(t.Context()), "run /no/such/program")
}

func TestFullLogIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "engine.log")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), logLimit+1), 0o600))
	log, err := openLog(dir, "engine")
	require.NoError(t, err)
	defer log.close()
	require.Zero(t, log.start)
	require.FileExists(t, path+".1")
	require.Empty(t, log.tail(), "the tail shows this run only")
}
