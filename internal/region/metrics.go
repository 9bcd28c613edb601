package region

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/metric"

	"meai/internal/fence"
)

// setDeadline is until when PostgreSQL may serve; zero for not at all.
func (t *told) setDeadline(deadline fence.Instant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deadline = deadline
}

// leaseLeft is how long PostgreSQL may go on without a renewal; false where it does not serve.
func (a *Agent) leaseLeft() (time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(0, a.deadline.Sub(a.Clock())), a.deadline != 0
}

// Observe makes the agent's instruments. They are asked for at the agent, and so tell also
// when it cannot reach the register.
func (a *Agent) Observe(meters metric.MeterProvider) error {
	meter := meters.Meter("meai/internal/region")
	lease, err := meter.Float64ObservableGauge("meai.region.lease_left", metric.WithUnit("s"),
		metric.WithDescription("How long this region's PostgreSQL may go on serving without a renewal of its lease; absent where it does not serve."))
	if err != nil {
		return fmt.Errorf("make the gauge of the lease: %w", err)
	}
	diverged, err := meter.Int64ObservableGauge("meai.region.diverged",
		metric.WithDescription("How many files hold what was committed in this region alone, before it was rewound, and how many damaged clusters were set aside whole. They are kept for 30 days."))
	if err != nil {
		return fmt.Errorf("make the gauge of what is here alone: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if left, serves := a.leaseLeft(); serves {
			o.ObserveFloat64(lease, left.Seconds())
		}
		files, err := filepath.Glob(a.cluster.path("diverged/*.jsonl"))
		whole, wrong := filepath.Glob(a.cluster.path("diverged/" + wholePrefix + "*"))
		o.ObserveInt64(diverged, int64(len(files)+len(whole)))
		return errors.Join(err, wrong)
	}, lease, diverged)
	if err != nil {
		return fmt.Errorf("register the agent's gauges: %w", err)
	}
	return nil
}
