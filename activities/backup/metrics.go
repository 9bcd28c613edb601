package backup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meai/activities/backup/repository"
)

// Gauges show how the newest backups are. What they show was last read by
// [Activities.Sync]; ages go on by themselves.
type Gauges struct {
	mu     sync.Mutex
	newest map[repository.Kind]newest
}

type newest struct {
	provenAt time.Time
	restored float64 // seconds of the last proof
	problems int
}

// NewGauges makes the instruments.
func NewGauges(meters metric.MeterProvider) (*Gauges, error) {
	g := &Gauges{newest: map[repository.Kind]newest{}}
	meter := meters.Meter("meai/activities/backup")
	age, err := meter.Float64ObservableGauge("meai.backup.proven_age", metric.WithUnit("s"),
		metric.WithDescription("Age of the newest backup that was proven by restoring it."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of ages: %w", err)
	}
	duration, err := meter.Float64ObservableGauge("meai.backup.restore_duration", metric.WithUnit("s"),
		metric.WithDescription("How long the restore of the last proof took."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of durations: %w", err)
	}
	problems, err := meter.Int64ObservableGauge("meai.backup.problems", metric.WithDescription("How many things the newest look at the newest backup found wrong."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of problems: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		for kind, n := range g.newest {
			of := metric.WithAttributes(attribute.String("kind", string(kind)))
			o.ObserveInt64(problems, int64(n.problems), of)
			if !n.provenAt.IsZero() {
				o.ObserveFloat64(age, time.Since(n.provenAt).Seconds(), of)
				o.ObserveFloat64(duration, n.restored, of)
			}
		}
		return nil
	}, age, duration, problems)
	if err != nil {
		return nil, fmt.Errorf("register the gauges of backups: %w", err)
	}
	return g, nil
}

// show takes over what a catalogue says.
func (g *Gauges) show(entries []repository.Entry) {
	if g == nil {
		return
	}
	found := map[repository.Kind]newest{}
	for _, e := range entries { // oldest first
		n := found[e.Kind]
		n.problems = 0
		for _, report := range e.Reports {
			switch report.State {
			case repository.Proven:
				n.provenAt, n.restored, n.problems = e.EndedAt, total(report.Seconds), 0
			case repository.Failed:
				n.problems = len(report.Problems)
			}
		}
		found[e.Kind] = n
	}
	g.mu.Lock()
	g.newest = found
	g.mu.Unlock()
}

func total(seconds map[string]float64) (sum float64) {
	for _, s := range seconds {
		sum += s
	}
	return sum
}
