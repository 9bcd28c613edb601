package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dismissal is what the supervisor writes when the ward needs no guard any more. As JSON, it follows the ward.
const dismissal = `{"dismissed":true}` + "\n"

type order struct {
	ward
	Dismissed bool `json:"dismissed"`
}

// RunGuard is the whole life of a guard process. It reads orders until it is dismissed (nil) or the pipe ends
// because the supervisor is gone; then it stops its ward and returns once that is dead.
func RunGuard(pipe io.Reader) error {
	// Only the pipe decides: a terminal that closes or a stray signal must not remove the last watch.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)

	var process *os.Process
	var current ward
	orders := json.NewDecoder(pipe)
	for {
		var o order
		switch err := orders.Decode(&o); {
		case err == nil && o.Dismissed:
			return nil
		case err == nil:
			current = o.ward
			// Held from now on: where the system offers it this is a handle on the process itself, so a
			// later process with the same id is never hit.
			if process, err = os.FindProcess(o.PID); err != nil {
				return fmt.Errorf("find the process %d to guard: %w", o.PID, err)
			}
		case process == nil:
			return nil // the supervisor went before it had started anything
		default:
			return end(process, current)
		}
	}
}

// end signals the ward, waits and at last kills it.
func end(process *os.Process, w ward) error {
	if err := process.Signal(syscall.Signal(w.Signal)); err != nil {
		return ignoreGone(err)
	}
	deadline := time.Now().Add(w.Grace)
	for time.Now().Before(deadline) {
		if !alive(process) {
			return nil
		}
		time.Sleep(probeEvery)
	}
	return ignoreGone(process.Kill())
}

// alive is false also for a process that has ended but that nobody has collected: its parent, the supervisor, is
// gone, and in some containers the first process collects nothing.
func alive(process *os.Process) bool {
	if err := process.Signal(syscall.Signal(0)); err != nil {
		return false
	}
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(process.Pid)).Output()
	var said *exec.ExitError
	if err != nil && !errors.As(err, &said) {
		return true // there is no ps here; it took the signal
	}
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

func ignoreGone(err error) error {
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
