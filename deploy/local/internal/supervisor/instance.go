package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// instance is one run of an engine: from its start to its exit.
type instance struct {
	engine  Engine
	cmd     *exec.Cmd
	guard   *guard
	log     *logFile
	started time.Time
	exited  chan struct{}
	waitErr error // valid once exited is closed
}

// launch starts the guard first, so that there is no moment in which the engine runs unguarded.
func launch(engine Engine, cmd *exec.Cmd, options Options) (*instance, error) {
	log, err := openLog(options.LogDir, engine.Name)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log.file, log.file
	detach(cmd, engine.OrphanSignal)

	g := newGuard(options.Guard, func(message string) {
		options.Report(engine.Name, message)
		options.Changed()
	})
	if err := g.start(); err != nil {
		return nil, errors.Join(err, log.close())
	}
	inst := &instance{engine: engine, cmd: cmd, guard: g, log: log, started: time.Now(), exited: make(chan struct{})}
	if err := inst.start(); err != nil {
		g.dismiss()
		return nil, errors.Join(fmt.Errorf("run %s: %w", cmd.Path, err), log.close())
	}
	g.protect(ward{PID: inst.pid(), Signal: int(engine.OrphanSignal), Grace: engine.StopWithin})
	return inst, nil
}

// start runs the command and its wait on one locked thread: the kernel's parent-death signal is tied to the
// thread that forked, so that thread has to live exactly as long as the engine.
func (i *instance) start() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := i.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		i.waitErr = i.cmd.Wait()
		close(i.exited)
	}()
	return <-started
}

func (i *instance) pid() int { return i.cmd.Process.Pid }

// exit says how the engine ended; only valid once exited is closed.
func (i *instance) exit() string { return i.cmd.ProcessState.String() }

// awaitHealthy probes until the engine serves, exits or ctx ends.
func (i *instance) awaitHealthy(ctx context.Context, healthy func(context.Context) error) error {
	for {
		probe, cancel := context.WithTimeout(ctx, probeTimeout)
		err := healthy(probe)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-i.exited:
			return fmt.Errorf("it ended before it was ready: %s", i.exit())
		case <-ctx.Done():
			return fmt.Errorf("it was not ready after %.0f s: %w", time.Since(i.started).Seconds(), err)
		case <-time.After(probeEvery):
		}
	}
}

// stop ends the engine and then its guard, and reports whether the engine had to be killed.
func (i *instance) stop() (killed bool) {
	i.signal(i.engine.StopSignal)
	select {
	case <-i.exited:
	case <-time.After(i.engine.StopWithin):
		i.signal(syscall.SIGKILL)
		<-i.exited
		killed = true
	}
	i.release()
	return killed
}

// release gives back what an exited engine leaves: its guard and its log.
func (i *instance) release() {
	i.guard.dismiss()
	// Only the engine wrote to the file, so a failing close loses nothing.
	_ = i.log.close()
}

// signal ignores the one possible error, that the engine has already exited: every caller waits for the exit.
func (i *instance) signal(s syscall.Signal) { _ = i.cmd.Process.Signal(s) }
