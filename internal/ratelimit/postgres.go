package ratelimit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"meai/internal/postgres"
)

// sweepEvery is how often one process removes rows that limit nothing any more.
const sweepEvery = time.Minute

// Postgres is the store in the product's own database. Give it a pool of its own:
// whoever waits for a slow query must not hold up the limiter.
type Postgres struct {
	db  *postgres.DB
	log *slog.Logger

	stop context.CancelFunc
	done sync.WaitGroup
}

// NewPostgres makes the store and begins to sweep; [Postgres.Close] ends that.
func NewPostgres(db *postgres.DB, log *slog.Logger) *Postgres {
	ctx, stop := context.WithCancel(context.Background())
	p := &Postgres{db: db, log: log, stop: stop}
	p.done.Go(func() { p.sweep(ctx) })
	return p
}

// Close ends the sweeping. The pool stays the caller's.
func (p *Postgres) Close() {
	p.stop()
	p.done.Wait()
}

// Take implements [Store].
func (p *Postgres) Take(ctx context.Context, key Key, emission, burst time.Duration) (bool, time.Duration, error) {
	return p.db.TakeRateLimit(ctx, key[:], emission, burst)
}

func (p *Postgres) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := p.db.SweepRateLimits(ctx); err != nil && ctx.Err() == nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "rate limits not swept", slog.Any("error", err))
		}
	}
}
