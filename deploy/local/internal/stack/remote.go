package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"meai/deploy/local/internal/filelock"
	"meai/deploy/local/internal/temporal"
)

// TemporalConfig reads what the Temporal child needs from the data folder: passwords must not stand in a command
// line, which every user of the machine can read.
func TemporalConfig(data string) (temporal.Config, error) {
	state, err := readState(data)
	if err != nil {
		return temporal.Config{}, err
	}
	return state.temporal(), nil
}

// Stop asks the supervisor of a data folder to stop and waits until it has.
func Stop(ctx context.Context, data string) error {
	running, err := isRunning(data)
	if err != nil {
		return err
	}
	if !running {
		return fmt.Errorf("nothing runs on %s", data)
	}
	pids, err := readPIDs(data)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pids.Supervisor, syscall.SIGTERM); err != nil {
		return fmt.Errorf("ask the supervisor %d to stop: %w", pids.Supervisor, err)
	}
	for running {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the supervisor %d to stop: %w", pids.Supervisor, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
		if running, err = isRunning(data); err != nil {
			return err
		}
	}
	return nil
}

const lockFile = "lock"

// ErrRunning means that a supervisor runs on the data folder.
var ErrRunning = errors.New("a stack is already running on this data folder")

// patience outlasts a status command, which holds the lock for an instant.
const patience = 500 * time.Millisecond

// acquire takes possession of the data folder for as long as this process lives.
func acquire(ctx context.Context, data string) (*filelock.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock, err := filelock.Wait(ctx, filepath.Join(data, lockFile))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%s: %w (see: meai-local status)", data, ErrRunning)
	}
	return lock, err
}

// isRunning tries the lock that a supervisor holds for as long as it lives.
func isRunning(data string) (bool, error) {
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	lock, err := filelock.Try(filepath.Join(data, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	lock.Release()
	return false, nil
}

func readPIDs(data string) (PIDs, error) {
	var pids PIDs
	text, err := os.ReadFile(filepath.Join(data, pidsFile))
	if err == nil {
		err = json.Unmarshal(text, &pids)
	}
	if err != nil {
		return PIDs{}, fmt.Errorf("read the process ids of %s: %w", data, err)
	}
	return pids, nil
}

// PrintAddresses shows where everything is.
func (s *Stack) PrintAddresses(out io.Writer) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range [][]any{
		{"PostgreSQL", fmt.Sprintf("127.0.0.1:%d", s.state.Ports.Postgres), "database meai"},
		{"Temporal", s.temporalConfig().Address(), "web interface " + s.temporalConfig().UIURL()},
		{"Weaviate", s.weaviateConfig().URL(), "gRPC " + s.weaviateConfig().GRPCAddress()},
		{"Configuration", s.ConfigPath(), ""},
		{"Logs", s.logs(), ""},
	} {
		// A builder in memory takes everything.
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", row...)
	}
	_ = table.Flush()
	// As with all progress, a closed terminal must not stop the engines.
	_, _ = fmt.Fprintf(out, "ready in %.1f s\n\n%s\nCtrl-C stops everything; the data stays.\n",
		s.options.Progress.elapsed().Seconds(), text.String())
}
