package erasure

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// promise is how soon an erasure ends, from when nothing has to be waited for any more: its
// cooling-off or, where that ended later, a legal hold.
const promise = 72 * time.Hour

// Metrics measure erasures. A nil one measures nothing.
type Metrics struct {
	duration metric.Float64Histogram
	late     metric.Int64Counter
}

// NewMetrics makes the instruments. The counter of late erasures begins at zero, so that
// the first one is seen as a growth of it.
func NewMetrics(meters metric.MeterProvider) (*Metrics, error) {
	meter := meters.Meter("meai/activities/privacy/erasure")
	duration, err := meter.Float64Histogram("meai.erasure.duration", metric.WithUnit("s"),
		metric.WithDescription("How long erasures took from when nothing had to be waited for any more to their certificate."),
		metric.WithExplicitBucketBoundaries(15, 30, 60, 120, 300, 900, 3600, 6*3600, 24*3600, promise.Seconds(), 720*3600))
	if err != nil {
		return nil, fmt.Errorf("make the histogram of durations: %w", err)
	}
	late, err := meter.Int64Counter("meai.erasure.late", metric.WithUnit("{erasure}"),
		metric.WithDescription("Erasures that took longer than the 72 hours that are promised."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of late erasures: %w", err)
	}
	late.Add(context.Background(), 0)
	return &Metrics{duration, late}, nil
}

// Ended counts an erasure that took so long from when nothing had to be waited for any more to
// its certificate.
func (m *Metrics) Ended(ctx context.Context, took time.Duration) {
	if m == nil {
		return
	}
	m.duration.Record(ctx, took.Seconds())
	if took > promise {
		m.late.Add(ctx, 1)
	}
}
