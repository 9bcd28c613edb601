package main

import (
	"context"
	"os"

	"meai/deploy/local/internal/stack"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
)

type temporalCommand struct{ dataFlag }

// Run is the Temporal child process.
func (c *temporalCommand) Run(ctx context.Context) error {
	config, err := stack.TemporalConfig(c.Data)
	if err != nil {
		return err
	}
	return temporal.Run(ctx, config)
}

type guardCommand struct{}

// Run is the guard process of one engine.
func (guardCommand) Run() error { return supervisor.RunGuard(os.Stdin) }
