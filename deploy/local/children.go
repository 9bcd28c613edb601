package main

import (
	"context"
	"os"

	"meai/deploy/local/internal/lab"
	"meai/deploy/local/internal/stack"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
)

type temporalCommand struct {
	dataFlag
	Site string `help:"The site of a lab whose server this is."`
}

// Run is the Temporal child process.
func (c *temporalCommand) Run(ctx context.Context) error {
	read := stack.TemporalConfig
	if c.Site != "" {
		read = func(data string) (temporal.Config, error) { return lab.TemporalConfig(data, c.Site) }
	}
	config, err := read(c.Data)
	if err != nil {
		return err
	}
	return temporal.Run(ctx, config)
}

type guardCommand struct{}

// Run is the guard process of one engine.
func (guardCommand) Run() error { return supervisor.RunGuard(os.Stdin) }
