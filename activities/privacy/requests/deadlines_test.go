package requests_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/activities/privacy/requests"
)

// watch runs the watch once, as the workflow does, and returns what it told.
func (o *office) watch(t *testing.T) requests.Watched {
	t.Helper()
	watched, err := o.WatchDeadlines(t.Context(), struct{}{})
	require.NoError(t, err)
	for _, w := range watched.Warnings {
		for range 2 { // a worker may die before it can say so
			if err := o.Warn(t.Context(), w); err != nil {
				require.ErrorIs(t, err, o.told.fails)
			}
		}
	}
	return watched
}

func (o *office) titles() (titles []string) {
	for _, m := range o.told.got {
		titles = append(titles, m.Title)
	}
	return titles
}

func TestEachLevelOfATimeLimitIsToldOnce(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	id := o.asks(t, subject)
	r, err := o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, o.watch(t).Warnings, "there is time")
	for level, before := range []time.Duration{1: 7 * 24 * time.Hour, 2: 2 * 24 * time.Hour, 3: 0} {
		if level == 0 {
			continue
		}
		o.clock = r.DueAt.Add(-before)
		for range 3 {
			o.watch(t)
		}
		require.Len(t, o.told.got, level)
	}
	require.Equal(t, []string{
		"MeAi: the time of a request (access) ends soon (level 1)", "MeAi: the time of a request (access) ends soon (level 2)",
		"MeAi: the time of a request (access) is over (level 3)",
	}, o.titles())
	for i, m := range o.told.got {
		require.Equal(t, id.String(), m.Key)
		require.Equal(t, i == 2, m.Urgent)
		require.Equal(t, "https://meai.example/v1/privacy/register", m.Link)
		require.Contains(t, m.Text, r.DueAt.Format(time.RFC3339))
		for _, secret := range []string{subject.String(), r.Alias.String()} {
			require.NotContains(t, m.Text+m.Title, secret)
		}
	}
	require.Equal(t, 3, strings.Count(o.log.String(), "a time limit of a request"), "the log is told as well")
	require.Equal(t, 1, strings.Count(o.log.String(), "level=ERROR"))
	require.Equal(t, 1, o.watch(t).Overdue)
	warned := 0
	for _, act := range o.trail(t) {
		if strings.HasPrefix(act, "privacy_request.warned") {
			warned++
		}
	}
	require.Equal(t, 6, warned)

	require.NoError(t, o.Store.Finish(t.Context(), id, requests.Completed, ""))
	o.clock = o.clock.AddDate(1, 0, 0)
	require.Equal(t, requests.Watched{}, o.watch(t))
}

func TestAnExtensionBeginsAnew(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	id := o.asks(t, subject)
	r, err := o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	o.clock = r.DueAt.Add(-time.Hour)
	stale := o.watch(t).Warnings
	require.Len(t, o.told.got, 1, "the level that it has come to, and none below")
	r, err = o.Store.Extend(t.Context(), requests.Who{ID: uuid.New(), Role: "privacy_officer"}, id, "complexity")
	require.NoError(t, err)
	require.Empty(t, o.watch(t).Warnings)
	for _, w := range stale { // a run that is late
		w.Level = 3
		require.NoError(t, o.Warn(t.Context(), w))
	}
	require.Len(t, o.told.got, 1)
	o.clock = r.DueAt.Add(-time.Hour)
	o.watch(t)
	require.Len(t, o.told.got, 2)
}

func TestWhatCannotBeToldIsTriedAgain(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	o.asks(t, subject, func(n *requests.New) { n.At = o.clock.AddDate(0, -2, 0) })
	o.told.fails = errors.New("down")
	for range 2 {
		o.watch(t)
	}
	require.Equal(t, 1, strings.Count(o.log.String(), "a time limit of a request"), "the log was told")
	o.told.fails = nil
	for range 2 {
		o.watch(t)
	}
	require.Len(t, o.told.got, 1)
	require.NotContains(t, strings.Join(o.trail(t), " "), "down")
}

func TestMeAisPromiseAndTheConfirmationAreWatchedToo(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	o.asks(t, subject, toErase)
	letter := o.asks(t, subject, func(n *requests.New) {
		n.Law, n.Unconfirmed, n.At = requests.CCPA, true, o.clock.AddDate(0, 0, -20)
	})
	o.watch(t)
	require.Len(t, o.told.got, 1)
	require.Contains(t, o.told.got[0].Text, "the time to tell the person that it has arrived ends")
	require.Equal(t, letter.String(), o.told.got[0].Key)
	o.clock = o.clock.Add(73 * time.Hour)
	o.watch(t)
	require.Len(t, o.told.got, 2)
	require.Contains(t, o.told.got[1].Text, "that is promised for it")
	require.True(t, o.told.got[1].Urgent)
}

func TestMetricsShowHowManyAndNotWhose(t *testing.T) {
	o := newOffice(t)
	reader := metric.NewManualReader()
	var err error
	o.Gauges, err = requests.NewGauges(metric.NewMeterProvider(metric.WithReader(reader)))
	require.NoError(t, err)
	shown := func() map[string]int64 {
		var all metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(t.Context(), &all))
		found := map[string]int64{}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				require.Equal(t, "meai.privacy.requests", m.Name)
				for _, point := range m.Data.(metricdata.Gauge[int64]).DataPoints {
					require.Equal(t, 2, point.Attributes.Len())
					kind, _ := point.Attributes.Value(attribute.Key("kind"))
					standing, _ := point.Attributes.Value(attribute.Key("standing"))
					if point.Value > 0 {
						found[kind.AsString()+" "+standing.AsString()] = point.Value
					}
				}
			}
		}
		return found
	}
	subject, _ := o.somebody(t, 0)
	for _, days := range []int{0, 0, 26, 40} {
		o.asks(t, subject, func(n *requests.New) { n.At = o.clock.AddDate(0, 0, -days) })
	}
	late := o.asks(t, subject, toErase, func(n *requests.New) { n.At = o.clock.AddDate(0, 0, -4) })
	o.watch(t)
	require.Equal(t, map[string]int64{"access open": 2, "access due_soon": 1, "access overdue": 1, "erasure overdue": 1}, shown())
	require.NoError(t, o.Store.Finish(t.Context(), late, requests.Completed, ""))
	o.watch(t)
	require.NotContains(t, shown(), "erasure overdue", "an alarm ends")
}
