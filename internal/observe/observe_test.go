package observe

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/internal/cluster"
	"meai/internal/postgres"
)

const within = 10 * time.Second

// shownBy are the values of all metrics, by name and labels; a histogram's is its count.
func shownBy(t *testing.T, reader sdkmetric.Reader) map[string]float64 {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &collected))
	values := map[string]float64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					values[m.Name+" "+p.Attributes.Encoded(attributeText{})] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					values[m.Name+" "+p.Attributes.Encoded(attributeText{})] = p.Value
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					values[m.Name+" "+p.Attributes.Encoded(attributeText{})] = float64(p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					values[m.Name+" "+p.Attributes.Encoded(attributeText{})] = float64(p.Count)
				}
			}
		}
	}
	return values
}

func begin(t *testing.T, o *Observer) sdkmetric.Reader {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	reader := sdkmetric.NewManualReader()
	ctx, cancel := context.WithCancel(t.Context())
	done, err := o.Start(ctx, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	t.Cleanup(func() { cancel(); <-done })
	return reader
}

func TestWhatIsLearnedIsShownAndWhatIsNotIsAbsent(t *testing.T) {
	var broken atomic.Bool
	fail := func() error {
		if broken.Load() {
			return errors.New("away")
		}
		return nil
	}
	o := &Observer{
		Every:  20 * time.Millisecond,
		Stores: []Store{{Name: "first", Required: true, Check: func(context.Context) error { return fail() }}},
		Backlogs: func(context.Context) ([]cluster.Backlog, error) {
			if err := fail(); err != nil {
				return nil, err
			}
			return []cluster.Backlog{{Queue: "mirror", Kind: "activity", Tasks: 7, Oldest: 1500 * time.Millisecond, Pollers: 2}}, nil
		},
		Overdue: func(context.Context) (map[string]int64, error) {
			if err := fail(); err != nil {
				return nil, err
			}
			return map[string]int64{"Interaction": 3}, nil
		},
		Database: func(context.Context) (postgres.Statistics, error) {
			return postgres.Statistics{Hits: 90, Reads: 10, Connections: 4, Most: 100, Bytes: 5000}, fail()
		},
	}
	reader := begin(t, o)
	gauges := map[string]float64{
		"meai.queue.backlog kind=activity,task_queue=mirror": 7, "meai.queue.backlog_age kind=activity,task_queue=mirror": 1.5,
		"meai.queue.pollers kind=activity,task_queue=mirror": 2, "meai.workflow.overdue workflow_type=Interaction": 3,
		"meai.postgres.blocks outcome=hit": 90, "meai.postgres.blocks outcome=read": 10, "meai.postgres.connections ": 4,
		"meai.postgres.connections_limit ": 100, "meai.postgres.size ": 5000,
	}
	require.Eventually(t, func() bool {
		shown := shownBy(t, reader)
		for name, want := range gauges {
			if got, there := shown[name]; !there || got != want {
				return false
			}
		}
		return shown["meai.store.probe outcome=ok,required=true,store=first"] > 1
	}, within, 5*time.Millisecond)

	broken.Store(true)
	require.Eventually(t, func() bool {
		shown := shownBy(t, reader)
		for name := range gauges {
			if _, there := shown[name]; there {
				return false
			}
		}
		return shown["meai.store.probe outcome=failed,required=true,store=first"] > 1
	}, within, 5*time.Millisecond, "nothing old is shown")

	broken.Store(false)
	require.Eventually(t, func() bool {
		return shownBy(t, reader)["meai.queue.backlog kind=activity,task_queue=mirror"] == 7
	}, within, 5*time.Millisecond)
}

func TestAnEngineThatHangsIsDownAndKeepsNothingElseWaiting(t *testing.T) {
	o := &Observer{Every: 50 * time.Millisecond, Stores: []Store{
		{Name: "hangs", Check: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{Name: "answers", Check: func(context.Context) error { return nil }},
	}}
	reader := begin(t, o)
	require.Eventually(t, func() bool {
		shown := shownBy(t, reader)
		return shown["meai.store.probe outcome=failed,required=false,store=hangs"] > 2 &&
			shown["meai.store.probe outcome=ok,required=false,store=answers"] > 2
	}, within, 5*time.Millisecond)
	require.NotContains(t, shownBy(t, reader), "meai.store.probe outcome=ok,required=false,store=hangs")
}

func TestTwoCachesAreCountedApart(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	require.NoError(t, Cache(meters, "keys", func() (uint64, uint64) { return 5, 2 }))
	require.NoError(t, Cache(meters, "accounts", func() (uint64, uint64) { return 1, 9 }))
	require.Equal(t, map[string]float64{
		"meai.cache.lookups cache=keys,outcome=hit": 5, "meai.cache.lookups cache=keys,outcome=load": 2,
		"meai.cache.lookups cache=accounts,outcome=hit": 1, "meai.cache.lookups cache=accounts,outcome=load": 9,
	}, shownBy(t, reader))
}
