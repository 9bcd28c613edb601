package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	temporallog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// ConnectOptions say how to reach the cluster and what every payload, log line
// and span passes through.
type ConnectOptions struct {
	Address, Namespace string
	APIKey             string
	// TLS encrypts the connection; nil leaves it in the open.
	TLS              *tls.Config
	DataConverter    converter.DataConverter
	FailureConverter converter.FailureConverter
	Logger           *slog.Logger
	Tracers          trace.TracerProvider
	Meters           metric.MeterProvider
}

// Connect dials the cluster. Connecting is lazy: a cluster that is down makes
// calls fail, not the process.
func Connect(_ context.Context, o ConnectOptions) (client.Client, error) {
	tracing, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: o.Tracers.Tracer("meai/temporal"),
	})
	if err != nil {
		return nil, fmt.Errorf("set up Temporal tracing: %w", err)
	}
	options := client.Options{
		HostPort: o.Address, Namespace: o.Namespace,
		DataConverter: o.DataConverter, FailureConverter: o.FailureConverter,
		Logger:       temporallog.NewStructuredLogger(o.Logger.With("part", "temporal")),
		Interceptors: []interceptor.ClientInterceptor{tracing},
		MetricsHandler: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
			Meter: o.Meters.Meter("meai/temporal"), UseMonotonicCounters: true,
			// A metric that cannot be made must not stop a person's answer.
			OnError: func(err error) { o.Logger.Warn("a Temporal metric is not recorded", "error", err) },
		}),
	}
	options.ConnectionOptions.TLS = o.TLS
	// A region's Temporal is away for as long as the other region serves. When it is back,
	// people wait: ten seconds, the SDK's longest pause between two attempts, are too long.
	options.ConnectionOptions.DialOptions = []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
		MinConnectTimeout: 10 * time.Second,
	})}
	if o.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(o.APIKey)
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("set up the Temporal client: %w", err)
	}
	return c, nil
}
