// Package observe measures what no request tells of: whether engines answer, what waits in
// queues, how the database's memory serves. It asks on its own, time and again, so that an
// outage is seen while nobody uses the system.
//
// What it cannot learn is absent from the metrics, never zero and never what was true
// before: an alert of an absent metric is one of a blind observer.
package observe

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meai/internal/cluster"
	"meai/internal/postgres"
	"meai/internal/telemetry"
)

// Store is an engine that is asked whether it answers.
type Store struct {
	Name string
	// Required: without it people are not served.
	Required bool
	Check    func(ctx context.Context) error
}

// Observer asks. Its fields are set before [Observer.Start]; a function that is nil is not asked.
type Observer struct {
	// Every is the pause between two rounds; each question may take that long, too.
	Every  time.Duration
	Stores []Store
	// Backlogs are the queues' lengths.
	Backlogs func(ctx context.Context) ([]cluster.Backlog, error)
	// Overdue counts open workflows that should have ended by now, by their type.
	Overdue func(ctx context.Context) (map[string]int64, error)
	// Database are PostgreSQL's counters.
	Database func(ctx context.Context) (postgres.Statistics, error)
	Logger   *slog.Logger

	probes metric.Float64Histogram

	mu       sync.Mutex
	backlogs []cluster.Backlog    // nil while not known
	overdue  map[string]int64     // the same
	database *postgres.Statistics // the same
}

// Start makes the instruments and asks until the context ends; then the channel is closed.
func (o *Observer) Start(ctx context.Context, meters metric.MeterProvider) (<-chan struct{}, error) {
	if err := o.instruments(meters.Meter("meai/internal/observe")); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		every := time.NewTicker(o.Every)
		defer every.Stop()
		for {
			o.round(ctx)
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
		}
	}()
	return done, nil
}

func (o *Observer) instruments(meter metric.Meter) (err error) {
	o.probes, err = meter.Float64Histogram("meai.store.probe", metric.WithUnit("s"),
		metric.WithDescription("How long an engine took to say that it is there, by whether it did."),
		metric.WithExplicitBucketBoundaries(telemetry.Latencies...))
	if err != nil {
		return fmt.Errorf("make the histogram of probes: %w", err)
	}
	return o.gauges(meter)
}

// round asks everything once, side by side: what hangs keeps nothing else waiting.
func (o *Observer) round(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, o.Every)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range o.Stores {
		all.Go(func() { o.probe(asking, s) })
	}
	if o.Backlogs != nil {
		all.Go(func() { backlogs, err := o.Backlogs(asking); o.note(ctx, err, func() { o.backlogs = backlogs }) })
	}
	if o.Overdue != nil {
		all.Go(func() { overdue, err := o.Overdue(asking); o.note(ctx, err, func() { o.overdue = overdue }) })
	}
	if o.Database != nil {
		all.Go(func() {
			database, err := o.Database(asking)
			o.note(ctx, err, func() { o.database = known(database, err) })
		})
	}
	all.Wait()
}

func known[T any](value T, err error) *T {
	if err != nil {
		return nil
	}
	return &value
}

// note takes over what was learned, or that it was not.
func (o *Observer) note(ctx context.Context, err error, take func()) {
	if ctx.Err() != nil {
		return // the end of the process says nothing of an engine
	}
	if err != nil {
		o.Logger.Debug("a measurement failed", "error", err)
	}
	o.mu.Lock()
	take()
	o.mu.Unlock()
}

func (o *Observer) probe(ctx context.Context, s Store) {
	began, outcome := time.Now(), "ok"
	if err := s.Check(ctx); err != nil {
		if ctx.Err() == context.Canceled {
			return
		}
		outcome = "failed"
	}
	o.probes.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(
		attribute.String("store", s.Name), attribute.String("outcome", outcome), attribute.Bool("required", s.Required)))
}
