// Package child runs the programs that a script starts, and makes sure that they end with it.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a running child. It has a process group of its own: Ctrl-C reaches the script
// alone, which then stops its children in order.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// Start runs cmd. On Linux the kernel sends it SIGTERM should this program be killed.
func Start(name string, cmd *exec.Cmd) (*Process, error) {
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the child has ended, whoever ended it.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the child ended: nil for status 0. It is valid once Done is closed.
func (p *Process) Err() error {
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// Stop asks the child to end, waits, and kills it when it takes longer than within.
// It returns an error when the child had to be killed or had ended in failure.
func (p *Process) Stop(within time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return p.Err()
	case <-time.After(within):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return fmt.Errorf("%s did not stop within %v and was killed", p.name, within)
}

// Tail returns the last lines of a log file, for an error message.
func Tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("(the log cannot be read: %v)", err)
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
