// Command withstack runs another command while the engines are up.
//
// It starts PostgreSQL, Temporal and Weaviate through meai-local, names their configuration
// file in MEAI_TEST_CONFIG, runs the command, and stops the engines again, whatever becomes
// of the command. Engines that run already are used and left running. Its exit status is
// the command's.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"meai/scripts/internal/engines"
)

type cli struct {
	Program     string   `default:".local/bin/meai-local" type:"path" help:"Path of meai-local."`
	Data        string   `default:".local/test" type:"path" help:"Folder of the engines' data."`
	FreePorts   bool     `help:"Leave the usual ports to others."`
	Regions     int      `default:"1" help:"2 for a lab of two regions, whose lab.json MEAI_TEST_LAB names."`
	Replication string   `enum:",async,sync" default:"" help:"With two regions: async or sync." placeholder:"MODE"`
	Command     []string `arg:"" help:"What to run, with its arguments, after --."`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("withstack"), kong.Description("Runs a command while the engines are up."))
	if err := c.run(); err != nil {
		fmt.Fprintf(os.Stderr, "withstack: %v\n", err)
		var status exitStatus
		if errors.As(err, &status) {
			os.Exit(int(status))
		}
		os.Exit(1)
	}
}

// exitStatus is an error that decides the program's exit status.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("the command ended with status %d", int(e)) }

func (c cli) run() (err error) {
	// Ctrl-C reaches the command as well; this program has to outlive it to stop the engines.
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer release()
	stack, err := engines.Start(ctx, engines.Options{
		Program: c.Program, Data: c.Data, FreePorts: c.FreePorts, Regions: c.Regions, Replication: c.Replication, Output: os.Stdout,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()
	return c.command(ctx, stack)
}

// command runs the command to its end. A stop signal is passed on, because it may have been
// sent to this program alone.
func (c cli) command(ctx context.Context, stack *engines.Stack) error {
	cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
	variable := "MEAI_TEST_CONFIG="
	if c.Regions > 1 {
		variable = "MEAI_TEST_LAB="
	}
	cmd.Env = append(os.Environ(), variable+stack.Config)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return status(exit)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", c.Command[0], err)
	}
	select {
	case <-stack.Lost():
		return errors.New("the engines ended while the command ran")
	default:
		return nil
	}
}

// status follows the shells' custom for a command that a signal ended.
func status(exit *exec.ExitError) exitStatus {
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return exitStatus(128 + int(ws.Signal()))
	}
	return exitStatus(exit.ExitCode())
}
