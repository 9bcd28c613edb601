package retention

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Gauges show how the last runs of this process ended: alarms are for ages that grow, for
// what is kept for long, and for anything that lies in the open.
type Gauges struct {
	mu       sync.Mutex
	last     Report
	verified Verification
}

// NewGauges makes the instruments.
func NewGauges(meters metric.MeterProvider) (*Gauges, error) {
	g := &Gauges{}
	meter := meters.Meter("meai/activities/privacy/retention")
	age, err := meter.Float64ObservableGauge("meai.retention.age", metric.WithUnit("s"), metric.WithDescription("Time since the last run of retention that completed."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of ages: %w", err)
	}
	deleted, err := meter.Int64ObservableGauge("meai.retention.deleted", metric.WithUnit("{row}"), metric.WithDescription("Rows that the last run of retention deleted, by rule."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of deleted rows: %w", err)
	}
	kept, err := meter.Int64ObservableGauge("meai.retention.kept", metric.WithUnit("{row}"), metric.WithDescription("Rows that are old enough and stayed, by rule and reason."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of kept rows: %w", err)
	}
	looked, err := meter.Float64ObservableGauge("meai.encryption.age", metric.WithUnit("s"), metric.WithDescription("Time since encryption was last verified."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of ages: %w", err)
	}
	found, err := meter.Int64ObservableGauge("meai.encryption.findings", metric.WithDescription("What the last look at encryption found: 0, or somebody has to look."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of findings: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.observeRetention(o, age, deleted, kept)
		if !g.verified.EndedAt.IsZero() {
			o.ObserveFloat64(looked, time.Since(g.verified.EndedAt).Seconds())
			o.ObserveInt64(found, int64(len(g.verified.Findings)))
		}
		return nil
	}, age, deleted, kept, looked, found)
	if err != nil {
		return nil, fmt.Errorf("register the gauges of retention: %w", err)
	}
	return g, nil
}

func (g *Gauges) observeRetention(o metric.Observer, age metric.Float64Observable, deleted, kept metric.Int64Observable) {
	if g.last.EndedAt.IsZero() {
		return
	}
	o.ObserveFloat64(age, time.Since(g.last.EndedAt).Seconds())
	for _, r := range g.last.Rules {
		o.ObserveInt64(deleted, r.Deleted, metric.WithAttributes(attribute.String("rule", r.Rule)))
		for why, n := range r.Kept {
			o.ObserveInt64(kept, n, metric.WithAttributes(attribute.String("rule", r.Rule), attribute.String("reason", string(why))))
		}
	}
}

// show takes over a report; of a dry run, and of one that did not complete, nothing.
func (g *Gauges) show(r Report) {
	if g == nil || r.DryRun || r.State != Completed {
		return
	}
	g.mu.Lock()
	g.last = r
	g.mu.Unlock()
}

func (g *Gauges) showVerification(v Verification) {
	if g == nil {
		return
	}
	g.mu.Lock()
	g.verified = v
	g.mu.Unlock()
}
