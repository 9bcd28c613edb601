package requests

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meai/internal/postgres/queries"
)

// Gauges show how many open requests there are, by kind and by how their time stands, as
// [Activities.WatchDeadlines] last found it.
type Gauges struct {
	mu      sync.Mutex
	counts  []queries.CountRequestsRow
	counted time.Time
}

// stale is how old a count is shown at most: another process may have counted since.
const stale = 2 * time.Hour

// NewGauges makes the instruments.
func NewGauges(meters metric.MeterProvider) (*Gauges, error) {
	g := &Gauges{}
	meter := meters.Meter("meai/activities/privacy/requests")
	open, err := meter.Int64ObservableGauge("meai.privacy.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Open requests of people for their rights, by kind and by how their time stands: open, due_soon or overdue."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of requests: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		if time.Since(g.counted) > stale {
			return nil
		}
		for _, c := range g.counts {
			o.ObserveInt64(open, c.Requests, metric.WithAttributes(attribute.String("kind", c.Kind), attribute.String("standing", c.Standing)))
		}
		return nil
	}, open)
	if err != nil {
		return nil, fmt.Errorf("register the gauge of requests: %w", err)
	}
	return g, nil
}

// show takes over what was counted. What is not there any more is shown as none, so that an
// alarm ends.
func (g *Gauges) show(counts []queries.CountRequestsRow) {
	if g == nil {
		return
	}
	all := map[[2]string]int64{}
	for _, kind := range Kinds {
		for _, standing := range []Standing{Opened, DueSoon, Overdue} {
			all[[2]string{string(kind), string(standing)}] = 0
		}
	}
	for _, c := range counts {
		all[[2]string{c.Kind, c.Standing}] = c.Requests
	}
	rows := make([]queries.CountRequestsRow, 0, len(all))
	for key, n := range all {
		rows = append(rows, queries.CountRequestsRow{Kind: key[0], Standing: key[1], Requests: n})
	}
	g.mu.Lock()
	g.counts, g.counted = rows, time.Now()
	g.mu.Unlock()
}
