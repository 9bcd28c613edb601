package language

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	nometrics "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	notraces "go.opentelemetry.io/otel/trace/noop"
)

// meter records what calls cost and how they went, in numbers and codes.
type meter struct {
	options  OpenAIOptions
	tracer   trace.Tracer
	tokens   metric.Int64Counter
	cost     metric.Float64Counter
	duration metric.Float64Histogram
}

func (o OpenAIOptions) withTelemetry() OpenAIOptions {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Meters == nil {
		o.Meters = nometrics.NewMeterProvider()
	}
	if o.Tracers == nil {
		o.Tracers = notraces.NewTracerProvider()
	}
	return o
}

func newMeter(o OpenAIOptions) (meter, error) {
	const scope = "meai/internal/language"
	from := o.Meters.Meter(scope)
	tokens, err1 := from.Int64Counter("meai.language_model.tokens", metric.WithUnit("{token}"),
		metric.WithDescription("Tokens that the provider counted, by use and direction."))
	cost, err2 := from.Float64Counter("meai.language_model.cost",
		metric.WithDescription("What those tokens cost at the configured prices, in their currency."))
	duration, err3 := from.Float64Histogram("meai.language_model.duration", metric.WithUnit("s"),
		metric.WithDescription("How long calls took, by use and outcome."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return meter{}, fmt.Errorf("measure the language model: %w", err)
	}
	return meter{options: o, tracer: o.Tracers.Tracer(scope), tokens: tokens, cost: cost, duration: duration}, nil
}

// start begins a call's span; the function that it returns ends it.
func (m meter) start(ctx context.Context) (context.Context, func(Usage, error)) {
	begun := time.Now()
	use := attribute.String("use", m.options.Use)
	ctx, span := m.tracer.Start(ctx, "language_model "+m.options.Use, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("gen_ai.request.model", m.options.Model)))
	return ctx, func(u Usage, err error) {
		outcome := outcomeOf(err)
		span.SetAttributes(attribute.Int("gen_ai.usage.input_tokens", u.Input), attribute.Int("gen_ai.usage.output_tokens", u.Output))
		if err != nil {
			span.SetAttributes(attribute.String("error.type", outcome))
			span.SetStatus(codes.Error, outcome)
		}
		span.End()
		m.count(ctx, use, "input", u.Input, m.options.InputPrice)
		m.count(ctx, use, "output", u.Output, m.options.OutputPrice)
		m.duration.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(use, attribute.String("outcome", outcome)))
	}
}

func (m meter) count(ctx context.Context, use attribute.KeyValue, direction string, tokens int, price float64) {
	if tokens <= 0 {
		return // a provider that counts backwards is not believed
	}
	m.tokens.Add(ctx, int64(tokens), metric.WithAttributes(use, attribute.String("direction", direction)))
	m.cost.Add(ctx, float64(tokens)*price/1e6, metric.WithAttributes(use))
}

// outcomeOf names a failure in metrics.
func outcomeOf(err error) string {
	for _, o := range []struct {
		err  error
		name string
	}{
		{ErrUnavailable, "unavailable"}, {ErrTimeout, "timeout"}, {ErrOverloaded, "overloaded"},
		{ErrRefused, "refused"}, {ErrInvalidOutput, "invalid_output"}, {ErrBudget, "budget"},
	} {
		if errors.Is(err, o.err) {
			return o.name
		}
	}
	if err != nil {
		return "failed"
	}
	return "answered"
}
