// Package telemetry sets up logs, traces and metrics for one process.
//
// Exporters follow the standard OTEL_* variables; metrics are always readable in
// Prometheus format as well. Nobody hands a person's words to it: logs carry
// codes, ids and durations. Should somebody do it all the same, logs and spans
// pass through lists of what is known to be harmless, and the rest is withheld.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	prometheusexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
)

// Telemetry is what a process hands to its parts.
type Telemetry struct {
	Logger  *slog.Logger
	Tracers *sdktrace.TracerProvider
	Meters  *sdkmetric.MeterProvider
	// Metrics serves the metrics in Prometheus or OpenMetrics format.
	Metrics http.Handler
}

// Options choose how telemetry is written.
type Options struct {
	// Service names the process, such as "meai-api".
	Service, Version string
	LogLevel         string
	LogFormat        string
	// TraceShare of the traces is exported, from 0 to 1, and all in which something fails or
	// takes TraceSlow. Zero exports all.
	TraceShare float64
	TraceSlow  time.Duration
}

// Start sets up telemetry and makes it the default of the OpenTelemetry API and
// of slog. The caller stops it last.
func Start(ctx context.Context, o Options) (*Telemetry, error) {
	logger, err := newLogger(os.Stderr, o)
	if err != nil {
		return nil, err
	}
	about := resource.NewSchemaless(semconv.ServiceName(o.Service), semconv.ServiceVersion(o.Version))
	tracers, err := newTracers(ctx, about, o)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := prometheusexporter.New(prometheusexporter.WithRegisterer(registry))
	if err != nil {
		return nil, fmt.Errorf("set up the metrics endpoint: %w", err)
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(about), sdkmetric.WithView(views()...))
	if err := runtime.Start(runtime.WithMeterProvider(meters)); err != nil {
		return nil, fmt.Errorf("measure the Go runtime: %w", err)
	}
	otel.SetTracerProvider(tracers)
	otel.SetMeterProvider(meters)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("telemetry is not recorded", "error", err) }))
	slog.SetDefault(logger)
	return &Telemetry{
		Logger: logger, Tracers: tracers, Meters: meters,
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}),
	}, nil
}

// newTracers exports spans where OTEL_TRACES_EXPORTER says, by default nowhere:
// trace ids still go into logs and problem details.
func newTracers(ctx context.Context, about *resource.Resource, o Options) (*sdktrace.TracerProvider, error) {
	if os.Getenv("OTEL_TRACES_EXPORTER") == "" {
		return sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.NeverSample())), nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up the trace exporter: %w", err)
	}
	exported := sdktrace.NewBatchSpanProcessor(safeExporter{exporter})
	if o.TraceShare > 0 && o.TraceShare < 1 {
		exported = newSelective(exported, o.TraceShare, o.TraceSlow)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSpanProcessor(exported)), nil
}

// Stop flushes what has not been exported yet.
func (t *Telemetry) Stop(ctx context.Context) error {
	return errors.Join(t.Tracers.Shutdown(ctx), t.Meters.Shutdown(ctx))
}
