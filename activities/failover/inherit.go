package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Inherit looks once a second for a failover whose runner is gone, and adopts it, until ctx
// ends. Nobody need be awake for that: beyond the commit point no region serves until it has
// gone through its steps, and before it no other one can be begun. driven says whether
// something else goes on with failovers, such as a workflow that runs; for 5 s it must not,
// which is longer than a workflow takes to be found. tell is told of each attempt at a step.
func (c *Controller) Inherit(ctx context.Context, driven func(context.Context) bool, tell func(name string, done Done, err error)) error {
	ticks := time.NewTicker(10 * c.every())
	defer ticks.Stop()
	seen, since := "", time.Now()
	for {
		claimed, err := c.Register.Claimed(ctx)
		switch {
		case err != nil, claimed == "", claimed != seen, driven(ctx):
			// Without the register nobody can go on with anything.
			seen, since = claimed, time.Now()
		case time.Since(since) > 50*c.every():
			if err := c.inherit(ctx, claimed, tell); err != nil && ctx.Err() == nil {
				c.Logger.Warn("a failover that nobody runs was not brought to its end", "id", claimed, "error", err)
			}
			since = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}

func (c *Controller) inherit(ctx context.Context, claimed string, tell func(string, Done, error)) error {
	id, err := uuid.Parse(claimed)
	if err != nil {
		return fmt.Errorf("read whose claim it is: %w", err)
	}
	c.Logger.Warn("a failover is adopted, which nobody has gone on with", "id", claimed)
	if err := c.Adopt(ctx, Input{ID: id}, tell); !errors.Is(err, ErrOver) {
		return err
	}
	return nil // somebody else has ended it, or it never began
}
