package monitoring_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/erasure"
	"meai/internal/promserver"
	"meai/internal/promserver/promtest"
	"meai/internal/telemetry"
)

// worker serves the metrics of erasures as a process does.
func worker(t *testing.T, name string) (m *erasure.Metrics, address string) {
	t.Helper()
	process, err := telemetry.Start(t.Context(), telemetry.Options{Service: name, LogLevel: "error", LogFormat: "json"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = process.Stop(context.Background()) }) // nothing is exported
	m, err = erasure.NewMetrics(process.Meters)
	require.NoError(t, err)
	page := httptest.NewServer(process.Metrics)
	t.Cleanup(page.Close)
	return m, strings.TrimPrefix(page.URL, "http://")
}

// TestASingleLateErasureIsSeenOnARealScrape: a real Prometheus with the committed rules asks
// for the format that it likes best, in which bounds are spelled otherwise than in text.
func TestASingleLateErasureIsSeenOnARealScrape(t *testing.T) {
	before, known := worker(t, "known")
	_, calm := worker(t, "calm")
	scrape := func(address string) *promserver.Server {
		p := promtest.Prometheus(t, promtest.Options{Monitoring: ".", Every: 100 * time.Millisecond, Targets: map[string][]string{"meai-worker": {address}}})
		promtest.AwaitScraped(t, p, 1)
		return p
	}
	is := func(p *promserver.Server, expression string) {
		t.Helper()
		require.Eventually(t, func() bool {
			got, err := promserver.Query(t.Context(), p.URL, expression)
			return err == nil && len(got) > 0
		}, 20*time.Second, 50*time.Millisecond, expression)
	}
	const fires = `ALERTS{alertname="ErasureLate", alertstate="firing"}`
	silent := func(p *promserver.Server) {
		t.Helper()
		is(p, `ALERTS{alertname="Watchdog", alertstate="firing"}`) // rules were evaluated
		got, err := promserver.Query(t.Context(), p.URL, fires)
		require.NoError(t, err)
		require.Empty(t, got)
	}

	counted, quiet := scrape(known), scrape(calm)
	is(counted, `sum(meai_erasure_late_total) == 0`)
	before.Ended(t.Context(), 71*time.Hour)
	is(counted, `sum(meai_erasure_duration_seconds_bucket{le="259200.0"}) == 1`)
	silent(counted)
	before.Ended(t.Context(), 73*time.Hour)
	is(counted, fires)

	// Another Prometheus sees the series begin at 1.
	is(scrape(known), fires)
	is(quiet, `count_over_time(meai_erasure_late_total[1m]) > 5`)
	silent(quiet)
}

// TestNothingAsksForABoundByItsSpelling: the text format spells a bound 1, OpenMetrics 1.0,
// and which one a Prometheus asks for is its own choice.
func TestNothingAsksForABoundByItsSpelling(t *testing.T) {
	bound := regexp.MustCompile(`\ble *(=~?|!=|!~) *\\?["']`)
	require.Regexp(t, bound, `x_bucket{le="259200"}`)
	require.Regexp(t, bound, `"x_bucket{a=\"b\", le=~\"1\"}"`)
	dashboards, err := filepath.Glob("dashboards/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, dashboards)
	for _, file := range append(ruleFiles(t), dashboards...) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotRegexp(t, bound, string(text), file)
	}
}
