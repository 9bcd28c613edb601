// Package engines runs PostgreSQL, Temporal and Weaviate through meai-local, for programs
// that need them up for a while.
package engines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meai/scripts/internal/child"
)

const (
	stopWithin = 90 * time.Second
	lookEvery  = 50 * time.Millisecond
)

// Options say which stack to run.
type Options struct {
	// Program is the path of meai-local.
	Program string
	// Data is the folder of everything that lasts.
	Data string
	// FreePorts leaves the usual ports to others.
	FreePorts bool
	// Regions is 2 for a lab of two regions; Config is then its lab.json.
	Regions int
	// Replication between the regions: "async" or "sync"; "" for meai-local's own choice.
	Replication string
	// Output gets what meai-local prints: each step with its seconds, later restarts.
	Output io.Writer
}

// Stack is a healthy set of engines.
type Stack struct {
	// Config is the absolute path of the configuration file for meai.
	Config string

	process *child.Process // nil when the stack belongs to somebody else
}

// Start returns once all engines are healthy. A healthy stack that already runs on the data
// folder is used as it is, and Stop will leave it running.
func Start(ctx context.Context, o Options) (*Stack, error) {
	data, err := filepath.Abs(o.Data)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	running, err := healthy(ctx, o.Program, data)
	if err != nil {
		return nil, err
	}
	if running {
		return &Stack{Config: filepath.Join(data, o.configFile())}, nil
	}
	return launch(ctx, o, data)
}

func (o Options) configFile() string {
	if o.Regions > 1 {
		return "lab.json"
	}
	return "meai.yaml"
}

// healthy asks meai-local. Its status is 0 only when everything runs and answers.
func healthy(ctx context.Context, program, data string) (bool, error) {
	err := exec.CommandContext(ctx, program, "status", "--data", data).Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for the state of the engines: %w", err)
	}
	return true, nil
}

func launch(ctx context.Context, o Options, data string) (*Stack, error) {
	ready := filepath.Join(data, "ready")
	// What a killed stack left behind must not pass for this one's word.
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old ready file: %w", err)
	}
	args := []string{"up", "--data", data, "--ready-file", ready}
	if o.FreePorts {
		args = append(args, "--free-ports")
	}
	if o.Regions > 1 {
		args = append(args, "--regions", strconv.Itoa(o.Regions))
		if o.Replication != "" {
			args = append(args, "--replication", o.Replication)
		}
	}
	cmd := exec.Command(o.Program, args...)
	cmd.Stdout, cmd.Stderr = o.Output, o.Output
	process, err := child.Start("meai-local", cmd)
	if err != nil {
		return nil, err
	}
	s := &Stack{process: process}
	if s.Config, err = awaitReady(ctx, process, ready); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// awaitReady reads the path of the configuration from the ready file once it is there.
func awaitReady(ctx context.Context, process *child.Process, ready string) (config string, err error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-process.Done():
			return "", errors.New("the engines did not start")
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
		text, err := os.ReadFile(ready)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("read the ready file: %w", err)
		}
		// The line's end tells a whole file from one that is being written.
		if config, whole := strings.CutSuffix(string(text), "\n"); whole {
			return config, nil
		}
	}
}

// Lost is closed when the supervisor of a stack that Start started has ended. It is nil,
// so never ready, for a stack of somebody else.
func (s *Stack) Lost() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.Done()
}

// Stop stops what Start started and waits until it is gone.
func (s *Stack) Stop() error {
	if s.process == nil {
		return nil
	}
	return s.process.Stop(stopWithin)
}
