package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func TestLogLineLeadsToItsTrace(t *testing.T) {
	var out bytes.Buffer
	logger, err := newLogger(&out, Options{Service: "meai-test", LogLevel: "info", LogFormat: "json"})
	require.NoError(t, err)
	ctx, span := sdktrace.NewTracerProvider().Tracer("test").Start(context.Background(), "work")
	logger.With("step", "delivery").InfoContext(ctx, "done")
	logger.DebugContext(ctx, "too fine")

	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), "one JSON line, the debug line left out")
	require.Equal(t, span.SpanContext().TraceID().String(), line["trace_id"])
	require.Equal(t, "delivery", line["step"])
	require.Equal(t, "meai-test", line["service"])
}

func TestUnknownLevelIsRefused(t *testing.T) {
	_, err := newLogger(&bytes.Buffer{}, Options{LogLevel: "loud"})
	require.ErrorContains(t, err, `log level "loud"`)
}

func TestMetricsAreServed(t *testing.T) {
	tel, err := Start(context.Background(), Options{Service: "meai-test", LogLevel: "error"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tel.Stop(context.Background())) })
	counter, err := tel.Meters.Meter("test").Int64Counter("meai_test_things")
	require.NoError(t, err)
	counter.Add(context.Background(), 3)

	w := httptest.NewRecorder()
	tel.Metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Contains(t, w.Body.String(), "meai_test_things_total")
	require.Contains(t, w.Body.String(), "process_resident_memory_bytes")
}

// TestLatenciesOfLibrariesAreCountedAtTheThresholds: the names are those that the libraries
// use; a test of cmd/meai sees them of a running system.
func TestLatenciesOfLibrariesAreCountedAtTheThresholds(t *testing.T) {
	tel, err := Start(context.Background(), Options{Service: "meai-test", LogLevel: "error"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tel.Stop(context.Background())) })
	for _, name := range []string{"http.server.request.duration", "db.client.operation.duration", "temporal_activity_execution_latency"} {
		histogram, err := tel.Meters.Meter("test").Float64Histogram(name, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(7))
		require.NoError(t, err)
		histogram.Record(context.Background(), 0.21)
	}
	w := httptest.NewRecorder()
	tel.Metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, name := range []string{"http_server_request_duration_seconds", "db_client_operation_duration_seconds", "temporal_activity_execution_latency_seconds"} {
		require.Regexp(t, name+`_bucket\{.*le="0.2"\} 0`, w.Body.String())
		require.Regexp(t, name+`_bucket\{.*le="0.25"\} 1`, w.Body.String())
		require.NotRegexp(t, name+`_bucket\{.*le="7`, w.Body.String())
	}
}

// TestALatencyLeadsToATrace: where traces are exported, a bucket names one that fell into it.
func TestALatencyLeadsToATrace(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	tel, err := Start(context.Background(), Options{Service: "meai-test", LogLevel: "error"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tel.Stop(context.Background())) })
	histogram, err := tel.Meters.Meter("test").Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	require.NoError(t, err)
	ctx, span := tel.Tracers.Tracer("test").Start(context.Background(), "work")
	histogram.Record(ctx, 0.21)
	span.End()

	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	tel.Metrics.ServeHTTP(w, request)
	require.Regexp(t, `_bucket\{.*le="0.25"\} 1 # \{.*trace_id="`+span.SpanContext().TraceID().String()+`"`, w.Body.String())
}
