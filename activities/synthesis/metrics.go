package synthesis

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Metrics measure how long people wait. A nil one measures nothing.
type Metrics struct {
	duration metric.Float64Histogram
}

// The thresholds of the alerts are among the bounds, and what an outage of an hour or a day
// makes of an answer.
var answerBounds = []float64{0.1, 0.2, 0.3, 0.5, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600, 86400}

// NewMetrics makes the instrument.
func NewMetrics(meters metric.MeterProvider) (*Metrics, error) {
	duration, err := meters.Meter("meai/activities/synthesis").Float64Histogram("meai.interaction.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from the acceptance of a message to the moment from which its answer can be read."),
		metric.WithExplicitBucketBoundaries(answerBounds...))
	if err != nil {
		return nil, fmt.Errorf("make the histogram of answers: %w", err)
	}
	return &Metrics{duration}, nil
}

// answered counts an answer once, by whether it went without a part.
func (m *Metrics) answered(ctx context.Context, in DeliverInput, at time.Time) {
	if m == nil {
		return
	}
	outcome := "whole"
	if len(in.Answer.Degraded) > 0 {
		outcome = "degraded"
	}
	// Two machines' clocks: a negative time is none.
	waited := max(0, at.Sub(in.AcceptedAt))
	m.duration.Record(ctx, waited.Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
}
