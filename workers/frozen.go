package workers

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/worker"
)

// frozenInterval is how often a process looks for people who were frozen.
const frozenInterval = 2 * time.Second

// DropFrozen forgets the workflows that this process has cached whenever inactive
// counts more people than before, until ctx ends. A cached workflow holds a
// person's words in memory after it was ended on the server, which tells no
// worker of it. All go, because the SDK drops all or none; those that still run
// are replayed with their next task.
func DropFrozen(ctx context.Context, inactive func(context.Context) (int64, error), log *slog.Logger) {
	dropFrozen(ctx, inactive, worker.PurgeStickyWorkflowCache, time.NewTicker(frozenInterval).C, log)
}

func dropFrozen(ctx context.Context, inactive func(context.Context) (int64, error), drop func(), tick <-chan time.Time, log *slog.Logger) {
	before := int64(-1)
	for {
		now, err := inactive(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			// Somebody may have been frozen meanwhile.
			log.Warn("whether somebody was frozen is not known", "error", err)
			before = -2
		case err == nil:
			if now != before && before != -1 {
				drop()
			}
			before = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}
