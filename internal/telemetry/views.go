package telemetry

import (
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Latencies are the upper bounds, in seconds, into which every latency is counted. Each
// threshold that an alert has (deploy/monitoring) is one of them, so that a quantile beside
// it is counted and not guessed. Libraries bring bounds of their own; those of Temporal's
// SDK are OpenTelemetry's default, whose first step is five seconds.
var Latencies = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.8, 1, 2, 5, 10, 30, 60}

// latencyNames are the histograms of libraries that count latencies.
var latencyNames = []string{"http.server.request.duration", "http.client.request.duration", "db.client.operation.duration", "temporal_*_latency"}

// views give the latencies of all libraries the same bounds.
func views() []sdkmetric.View {
	all := make([]sdkmetric.View, len(latencyNames))
	for i, name := range latencyNames {
		all[i] = sdkmetric.NewView(
			sdkmetric.Instrument{Name: name, Kind: sdkmetric.InstrumentKindHistogram, Unit: "s"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: Latencies}},
		)
	}
	return all
}
