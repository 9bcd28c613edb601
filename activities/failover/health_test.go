package failover_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/activities/failover"
	"meai/internal/fence"
)

func TestTheWorstCopyIsWhatWouldBeLost(t *testing.T) {
	postgres := func(lag float64) failover.Copied { return failover.Copied{Store: failover.StorePostgres, Lag: lag} }
	objects := func(lag float64) failover.Copied { return failover.Copied{Store: failover.StoreObjects, Lag: lag} }
	index := failover.Copied{Store: failover.StoreIndex, Lag: 9000, Derived: true}
	for name, c := range map[string]struct {
		mode   failover.Mode
		stores []failover.Copied
		rpo    float64
		worst  string
	}{
		"nothing":                       {failover.Asynchronous, []failover.Copied{postgres(0), objects(0)}, 0, ""},
		"the worst":                     {failover.Asynchronous, []failover.Copied{postgres(2), objects(40)}, 40, "objects"},
		"unknown is worse than any":     {failover.Asynchronous, []failover.Copied{postgres(2), objects(-1)}, -1, "objects"},
		"what is made anew is not lost": {failover.Asynchronous, []failover.Copied{postgres(2), index}, 2, "postgres"},
		"synchronous":                   {failover.Synchronous, []failover.Copied{postgres(7), objects(1)}, 1, "objects"},
		"degraded promises nothing":     {failover.Degraded, []failover.Copied{postgres(7)}, 7, "postgres"},
	} {
		rpo, worst := failover.RPOOf(c.mode, c.stores)
		require.InDelta(t, c.rpo, rpo, 0, name)
		require.Equal(t, c.worst, worst, name)
	}
}

func TestReplicationIsMeasuredByHeartbeatsThatAreFoundAgain(t *testing.T) {
	s := newScene(t, fence.Async)
	c, _ := s.controller(0)
	h := &failover.Health{Controller: c, Others: map[string]failover.Glance{
		failover.StoreObjects: func(_ context.Context, serving, other string) (failover.Copied, error) {
			require.Equal(t, "ab", serving+other)
			return failover.Copied{Lag: 3, Looked: 10, Missing: 1}, nil
		},
		failover.StoreKeyring: func(context.Context, string, string) (failover.Copied, error) {
			return failover.Copied{}, errors.New("away")
		},
	}}
	reader := metric.NewManualReader()
	require.NoError(t, h.Observe(metric.NewMeterProvider(metric.WithReader(reader))))
	measure := func() failover.Replication {
		r, err := h.Measure(t.Context())
		require.NoError(t, err)
		return r
	}
	r := measure()
	require.Equal(t, "not_looked_yet", r.Stores[1].Reason)
	require.InDelta(t, failover.Unknown, r.RPO, 0, "what nobody has looked at is not known")

	require.NoError(t, h.LookAtOthers(t.Context()))
	s.servers["a"].replica.Newest, s.servers["b"].replica.Newest = at(10), at(8)
	r = measure()
	require.InDelta(t, 2, r.Stores[0].Lag, 0)
	require.Equal(t, "unreachable", r.Stores[2].Reason)
	require.Equal(t, failover.StoreKeyring, r.Worst)
	require.Equal(t, map[string]float64{"meai.replication.lag/postgres": 2, "meai.replication.lag/objects": 3,
		"meai.replication.missing/postgres": 0, "meai.replication.missing/objects": 1, "meai.replication.missing/keyring": 0,
		"meai.replication.lag_bytes/": 0, "meai.replication.unknown/": 1}, gauges(t, reader), "no number stands for what is not known")

	h.Others = nil
	s.servers["b"].err = errors.New("away")
	require.Equal(t, "standby", measure().Stores[0].Reason)
	s.servers["b"].err = nil
	s.servers["b"].replica = failover.Replica{}
	require.Equal(t, "no_heartbeat", measure().Stores[0].Reason)
}

func gauges(t *testing.T, reader metric.Reader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	found := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					found[m.Name+"/"+of(p.Attributes)] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					found[m.Name+"/"+of(p.Attributes)] = float64(p.Value)
				}
			}
		}
	}
	return found
}

// of is the store or the region that a number is of; empty for none.
func of(attributes attribute.Set) string {
	store, _ := attributes.Value("store")
	region, _ := attributes.Value("region")
	return store.AsString() + region.AsString()
}
