package erasure_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/activities/privacy/erasure"
)

// TestALateErasureIsCounted, and one that a legal hold kept waiting is not late.
func TestALateErasureIsCounted(t *testing.T) {
	s := newScene(t)
	reader := sdkmetric.NewManualReader()
	var err error
	s.Metrics, err = erasure.NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	require.Equal(t, []int64{0}, late(t, reader), "it is there before anything was late")

	owner := connect(t, s.urls.Owner)
	exec(t, owner, "alter table erasures disable trigger user") // they let nobody change what has been
	for _, c := range []struct {
		waited string
		late   int64
	}{
		{"cooling_until = now() - interval '71 hours'", 0},
		{"cooling_until = now() - interval '90 hours', released_at = now() - interval '1 hour'", 0},
		{"cooling_until = now() - interval '73 hours'", 1},
	} {
		ref := s.request(t, s.newPerson(t))
		s.prepare(t, ref)
		exec(t, owner, "update erasures set requested_at = requested_at - interval '30 days', "+c.waited+" where id = $1", ref.ID)
		s.destroy(t, ref)
		s.empty(t, ref)
		s.finish(t, ref)
		require.Equal(t, []int64{c.late}, late(t, reader), c.waited)
	}
}

// late are the counter's values.
func late(t *testing.T, reader sdkmetric.Reader) (values []int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "meai.erasure.late" {
				continue
			}
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				values = append(values, p.Value)
			}
		}
	}
	return values
}
