package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// ward tells a guard whom to stop, and how, when the supervisor is gone.
type ward struct {
	PID    int           `json:"pid"`
	Signal int           `json:"signal"`
	Grace  time.Duration `json:"grace"` // from the signal to SIGKILL
}

// guard is the supervisor's handle on a guard process. The guard reads a pipe whose only writer is the
// supervisor: when the pipe ends without a dismissal, the supervisor is gone. A guard that dies is replaced,
// the engine runs on meanwhile.
type guard struct {
	command func() *exec.Cmd
	report  func(string)

	mu        sync.Mutex
	cmd       *exec.Cmd
	pipe      io.WriteCloser
	ward      *ward
	dismissed bool
	gone      chan struct{} // closed when the current guard process has exited
}

func newGuard(command func() *exec.Cmd, report func(string)) *guard {
	return &guard{command: command, report: report}
}

// start runs a guard process that waits to be told its ward.
func (g *guard) start() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.startLocked()
}

func (g *guard) startLocked() error {
	cmd := g.command()
	// A group of its own: Ctrl-C must not take the guard before the engine has stopped.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("open the guard's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the guard: %w", err)
	}
	g.cmd, g.pipe, g.gone = cmd, pipe, make(chan struct{})
	go g.watch(cmd, g.gone)
	g.tellLocked()
	return nil
}

// protect names the ward. Should this guard have died already, its replacement is told instead.
func (g *guard) protect(w ward) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ward = &w
	g.tellLocked()
}

func (g *guard) tellLocked() {
	if g.ward == nil {
		return
	}
	// The pipe breaks only when the guard is dead; watch sees the same, and its replacement is told again.
	_ = json.NewEncoder(g.pipe).Encode(g.ward)
}

// watch replaces a guard that died undismissed.
func (g *guard) watch(cmd *exec.Cmd, gone chan struct{}) {
	// How it ended does not matter, only whether it was meant to.
	_ = cmd.Wait()
	defer close(gone)
	for pause := firstRestart; ; pause = min(2*pause, slowestStart) {
		g.mu.Lock()
		if g.dismissed {
			g.mu.Unlock()
			return
		}
		err := g.startLocked()
		g.mu.Unlock()
		if err == nil {
			g.report("lost its guard; a new one watches over it")
			return
		}
		g.report(err.Error())
		time.Sleep(pause)
	}
}

// dismiss ends the guard process; its ward has stopped or is another's care. It waits for the exit.
func (g *guard) dismiss() {
	g.mu.Lock()
	g.dismissed = true
	pipe, gone := g.pipe, g.gone
	// A guard that is already dead cannot read this, and need not.
	_, _ = io.WriteString(pipe, dismissal)
	_ = pipe.Close()
	g.mu.Unlock()
	<-gone
}

func (g *guard) pid() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cmd.Process.Pid
}
