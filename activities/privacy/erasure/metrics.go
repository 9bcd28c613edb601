package erasure

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// Metrics measure erasures. A nil one measures nothing.
type Metrics struct {
	duration metric.Float64Histogram
}

// NewMetrics makes the instrument.
func NewMetrics(meters metric.MeterProvider) (*Metrics, error) {
	meter := meters.Meter("meai/activities/privacy/erasure")
	duration, err := meter.Float64Histogram("meai.erasure.duration", metric.WithUnit("s"),
		metric.WithDescription("How long erasures took from the end of their cooling-off to their certificate."),
		metric.WithExplicitBucketBoundaries(15, 30, 60, 120, 300, 900, 3600, 6*3600, 24*3600, 72*3600, 720*3600))
	if err != nil {
		return nil, fmt.Errorf("make the histogram of durations: %w", err)
	}
	return &Metrics{duration}, nil
}

func (m *Metrics) ended(ctx context.Context, took time.Duration) {
	if m != nil {
		m.duration.Record(ctx, took.Seconds())
	}
}
