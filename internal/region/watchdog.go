package region

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

const (
	watchEvery = 20 * time.Millisecond
	dismissal  = "dismissed"
)

// Watch is the whole life of a watchdog. It reads deadlines from the pipe, one in a line,
// and answers each with the same line. PostgreSQL is ended at the deadline and kept dead
// until another one is told; 0 is none. When the pipe ends, because the agent is gone,
// PostgreSQL is ended whatever the deadline. It returns then, or when it is dismissed.
//
// An agent that let the deadline pass is killed first: it hangs, and would go on with what
// it was about to do, such as a promotion, when it wakes up.
func Watch(pipe io.Reader, answers io.Writer, data string, t fence.Timings, clock fence.Clock) error {
	// Only the pipe decides: neither a terminal that closes nor a stray signal must remove
	// the last watch.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	agent := os.Getppid()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(pipe); in.Scan(); {
			lines <- in.Text()
		}
	}()
	var deadline fence.Instant
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case line, told := <-lines:
			if !told {
				return end(data, t)
			}
			if line == dismissal {
				return nil
			}
			next, err := strconv.ParseInt(line, 10, 64)
			if err != nil {
				return errors.Join(errors.New("the agent told no deadline"), end(data, t))
			}
			deadline = fence.Instant(next)
			_, _ = fmt.Fprintln(answers, line) // an agent that is gone is seen by the pipe's end
		case <-tick.C:
			// Timers may stand still while the machine sleeps; this clock does not.
			if deadline != 0 && clock() >= deadline {
				if os.Getppid() == agent {
					_ = syscall.Kill(agent, syscall.SIGKILL) // one that has ended meanwhile is as good
				}
				_ = end(data, t) // it is tried again
			}
		}
	}
}

// end ends PostgreSQL within [fence.Timings.Kill].
func end(data string, t fence.Timings) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*t.Kill)
	defer cancel()
	return pgserver.End(ctx, data, t.Kill/2)
}

// watchdog is the agent's end of the pipe. One that dies, or does not answer, is replaced.
type watchdog struct {
	command  func() *exec.Cmd
	patience time.Duration

	mu       sync.Mutex
	cmd      *exec.Cmd
	pipe     io.WriteCloser
	answers  chan string
	deadline fence.Instant
}

func startWatchdog(command func() *exec.Cmd, patience time.Duration) (*watchdog, error) {
	w := &watchdog{command: command, patience: patience}
	return w, w.start()
}

// start needs the lock, or nobody else who knows the watchdog.
func (w *watchdog) start() error {
	cmd := w.command()
	// A group of its own: Ctrl-C must not take it before PostgreSQL has stopped.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("open the watchdog's pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("open the watchdog's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the watchdog: %w", err)
	}
	answers := make(chan string, 64)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case answers <- lines.Text():
			default: // nobody has waited for so many
			}
		}
		close(answers)
		_ = cmd.Wait() // how it ended does not matter: without answers it is replaced
	}()
	w.cmd, w.pipe, w.answers = cmd, in, answers
	return nil
}

// tell tells the deadline and returns once the watchdog has it.
func (w *watchdog) tell(deadline fence.Instant) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = deadline
	if w.cmd != nil {
		if err := w.ask(); err == nil {
			return nil
		}
		_ = w.cmd.Process.Kill() // a stopped one would hold on to an old deadline
	}
	if err := w.start(); err != nil {
		return err
	}
	return w.ask()
}

func (w *watchdog) ask() error {
	line := strconv.FormatInt(int64(w.deadline), 10)
	wrote := make(chan error, 1)
	go func(pipe io.Writer) {
		_, err := fmt.Fprintln(pipe, line)
		wrote <- err
	}(w.pipe)
	late := time.After(w.patience)
	for {
		select {
		case err := <-wrote:
			if err != nil {
				return fmt.Errorf("tell the watchdog: %w", err)
			}
		case answer, there := <-w.answers:
			if !there {
				return errors.New("the watchdog has ended")
			}
			if strings.TrimSpace(answer) == line {
				return nil
			}
		case <-late:
			return errors.New("the watchdog does not answer")
		}
	}
}

// told is the deadline that the watchdog has.
func (w *watchdog) told() fence.Instant {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deadline
}

// dismiss ends the watchdog: PostgreSQL is dead.
func (w *watchdog) dismiss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintln(w.pipe, dismissal)
	_ = w.pipe.Close()
}
