package observe

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Cache shows what a cache of this process has done, which lookups tells: how often what was
// looked for was there, and how often it had to be loaded.
func Cache(meters metric.MeterProvider, name string, lookups func() (hits, loads uint64)) error {
	meter := meters.Meter("meai/internal/observe")
	counter, err := meter.Int64ObservableCounter("meai.cache.lookups", metric.WithUnit("{lookup}"),
		metric.WithDescription("What was looked for in a cache, by outcome: hit, or load."))
	if err != nil {
		return fmt.Errorf("make the counter of lookups: %w", err)
	}
	as := func(outcome string) metric.MeasurementOption {
		return metric.WithAttributes(attribute.String("cache", name), attribute.String("outcome", outcome))
	}
	_, err = meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		hits, loads := lookups()
		to.ObserveInt64(counter, int64(hits), as("hit"))
		to.ObserveInt64(counter, int64(loads), as("load"))
		return nil
	}, counter)
	if err != nil {
		return fmt.Errorf("register the counter of lookups: %w", err)
	}
	return nil
}
