package main

import (
	"context"
	"os"

	"meai/deploy/local/internal/lab"
	"meai/deploy/local/internal/stack"
)

type statusCommand struct{ dataFlag }

// unhealthy is the exit status of status when something does not run; 1 and 2 are errors of the command itself.
const unhealthy exitStatus = 3

// Run prints one line per engine.
func (c *statusCommand) Run(ctx context.Context) error {
	print := stack.PrintStatus
	if lab.Exists(c.Data) {
		print = lab.PrintStatus
	}
	healthy, err := print(ctx, os.Stdout, c.Data)
	if err == nil && !healthy {
		return unhealthy
	}
	return err
}

type downCommand struct{ dataFlag }

// Run asks the supervisor to stop and waits until it has.
func (c *downCommand) Run(ctx context.Context) error {
	if lab.Exists(c.Data) {
		return lab.Stop(ctx, c.Data)
	}
	return stack.Stop(ctx, c.Data)
}
