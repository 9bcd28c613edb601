// Package supervisor keeps child processes running: it starts each one, waits until it is healthy,
// restarts it when it dies, stops it cleanly, and leaves none behind when the supervisor itself is killed.
package supervisor

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// Engine says how one child process is run. It holds everything the supervisor must know about it.
type Engine struct {
	// Name appears in reports and names the log file.
	Name string

	// Command prepares one start: it clears what an earlier run left behind and returns the command, not
	// yet started. It is called again for every restart. Output goes to the engine's log file.
	Command func(ctx context.Context) (*exec.Cmd, error)

	// Healthy probes the running engine once; nil means that it serves. The context bounds one probe.
	Healthy func(ctx context.Context) error

	// StopSignal asks for a clean stop. When the engine is still there after StopWithin it is killed.
	StopSignal syscall.Signal
	StopWithin time.Duration

	// OrphanSignal is what the engine gets when nobody supervises it any more. After StopWithin it is killed.
	OrphanSignal syscall.Signal

	// StartWithin bounds the time from start to the first healthy probe.
	StartWithin time.Duration

	// Once: when it dies it stays dead; who started it may start it again.
	Once bool
}

// PIDs are the process ids of a running engine and of its guard; zero while it is down.
type PIDs struct {
	Engine int
	Guard  int
}

// Options are shared by all processes of one supervisor.
type Options struct {
	// Guard returns the command that runs [RunGuard] in a process of its own.
	Guard func() *exec.Cmd
	// LogDir is the folder of the engines' log files.
	LogDir string
	// Report is told in a sentence about everything that was not asked for: deaths, restarts, kills.
	Report func(engine, message string)
	// Changed is called after process ids have changed.
	Changed func()
}

// StartError is returned when an engine did not become healthy; Log is the end of what it printed.
type StartError struct {
	Engine string
	Err    error
	Log    string
}

// Error tells what failed and the engine's own last words, which usually name the cause.
func (e *StartError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("start %s: %v", e.Engine, e.Err)
	}
	return fmt.Sprintf("start %s: %v; its log ends with:\n%s", e.Engine, e.Err, e.Log)
}

// Unwrap gives the cause.
func (e *StartError) Unwrap() error { return e.Err }
