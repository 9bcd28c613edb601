package telemetry

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// tale is a trace of three spans: the outer ends last.
func tale(tracer trace.Tracer, name string, inner func(trace.Span), took time.Duration) {
	now := time.Now()
	ctx, outer := tracer.Start(context.Background(), name, trace.WithTimestamp(now))
	for i := range 2 {
		_, span := tracer.Start(ctx, fmt.Sprintf("%s.%d", name, i), trace.WithTimestamp(now))
		if i == 0 && inner != nil {
			inner(span)
		}
		span.End(trace.WithTimestamp(now))
	}
	outer.End(trace.WithTimestamp(now.Add(took)))
}

func kept(recorder *tracetest.SpanRecorder) (names []string) {
	for _, span := range recorder.Ended() {
		names = append(names, span.Name())
	}
	return names
}

func TestWhatFailsOrTakesLongIsKeptAsAWhole(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	s := newSelective(recorder, 0, time.Second)
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s)).Tracer("test")
	tale(tracer, "dull", nil, time.Millisecond)
	tale(tracer, "slow", nil, time.Second)
	tale(tracer, "failed", func(span trace.Span) { span.SetStatus(codes.Error, "no") }, time.Millisecond)
	require.ElementsMatch(t, []string{"slow", "slow.0", "slow.1", "failed", "failed.0", "failed.1"}, kept(recorder))
	require.Empty(t, s.traces, "nothing stays behind")
	require.Zero(t, s.held)
}

func TestAShareOfTheTracesIsKeptTheSameEverywhere(t *testing.T) {
	one, other := tracetest.NewSpanRecorder(), tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(newSelective(one, 0.25, time.Hour)), sdktrace.WithSpanProcessor(newSelective(other, 0.25, time.Hour))).Tracer("test")
	const all = 2000
	for range all {
		tale(tracer, "dull", nil, time.Millisecond)
	}
	require.Equal(t, kept(one), kept(other))
	require.InDelta(t, 0.25*3*all, len(one.Ended()), 0.05*3*all)
}

func TestSpansThatWaitAreBounded(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	s := newSelective(recorder, 0, time.Hour)
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s)).Tracer("test")
	ctx, endless := tracer.Start(context.Background(), "endless")
	for range mostHeld + 10 {
		_, span := tracer.Start(ctx, "inner")
		span.End()
	}
	require.LessOrEqual(t, s.held, mostHeld)
	endless.End()
	require.Zero(t, s.held)
	require.Empty(t, recorder.Ended())
}
