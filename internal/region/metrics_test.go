package region_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/internal/region"
)

// tellGauges has an agent's process write what it shows into a file, again and again.
func tellGauges(ctx context.Context, agent *region.Agent, home string) error {
	reader := metric.NewManualReader()
	if err := agent.Observe(metric.NewMeterProvider(metric.WithReader(reader))); err != nil {
		return err
	}
	go func() {
		for ctx.Err() == nil {
			var all metricdata.ResourceMetrics
			shown := map[string]float64{}
			if reader.Collect(ctx, &all) == nil && len(all.ScopeMetrics) > 0 {
				for _, m := range all.ScopeMetrics[0].Metrics {
					switch data := m.Data.(type) {
					case metricdata.Gauge[float64]:
						shown[m.Name] = data.DataPoints[0].Value
					case metricdata.Gauge[int64]:
						shown[m.Name] = float64(data.DataPoints[0].Value)
					}
				}
			}
			if text, err := json.Marshal(shown); err == nil {
				path := filepath.Join(home, "gauges")
				if os.WriteFile(path+".new", text, 0o600) == nil {
					_ = os.Rename(path+".new", path) // the next one comes soon
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return nil
}

// requireGauges waits until an agent shows how long its lease lasts, or that it has none,
// and how many files hold what its region alone has.
func (l *lab) requireGauges(name string, serves bool, diverged int) {
	l.t.Helper()
	var text []byte
	require.Eventually(l.t, func() bool {
		var shown map[string]float64
		text, _ = os.ReadFile(filepath.Join(l.home(name), "gauges"))
		if json.Unmarshal(text, &shown) != nil {
			return false
		}
		left, holds := shown["meai.region.lease_left"]
		files, counted := shown["meai.region.diverged"]
		return holds == serves && (!serves || left > 0 && left <= timings.TTL.Seconds()) && counted && int(files) == diverged
	}, time.Minute, 50*time.Millisecond, "%s shows %s", name, text)
}
