package main_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/internal/language/languagetest"
	"meai/internal/language/languagetest/script"
	"meai/internal/promserver"
	"meai/internal/promserver/promtest"
)

// monitoring is the folder of the committed configuration.
var monitoring = filepath.Join("..", "..", "deploy", "monitoring")

// TestAKilledApiPagesSomebodyAndItsReturnEndsThat: a real process, scraped by a real
// Prometheus with the committed rules, is killed; a real Alertmanager with the committed
// routes pages. Only times are shorter.
func TestAKilledApiPagesSomebodyAndItsReturnEndsThat(t *testing.T) {
	s := newSite(t)
	up, base := s.serve(t, "up")
	everybody := promtest.NewReceiver(t)
	prometheus := promtest.Prometheus(t, promtest.Options{
		Monitoring: monitoring, Every: 500 * time.Millisecond, Faster: 30,
		Targets:      map[string][]string{"meai-api": {strings.TrimPrefix(base, "http://")}},
		Alertmanager: promtest.Alertmanager(t, monitoring, everybody),
	})
	promtest.AwaitScraped(t, prometheus, 1)
	everybody.Await(t, "meai", "Watchdog")
	about := func(m promtest.Message) bool { return strings.Contains(m.Body, "ApiGone") }
	require.False(t, slices.ContainsFunc(everybody.Told(), about), "all is well")

	up.kill()
	page := everybody.Await(t, "enqueue", `"event_action":"trigger"`, "ApiGone", "No process of the API answers; nobody is served", "docs/runbooks/alerts.md#a-process-is-gone")
	first := everybody.Await(t, "l1", `"status":"firing"`, "ApiGone")
	second, third := everybody.Await(t, "l2", "ApiGone"), everybody.Await(t, "l3", "ApiGone")
	require.True(t, first.At.Before(second.At) && second.At.Before(third.At), "level by level")

	up.launch(t)
	awaitReady(t, strings.TrimPrefix(base, "http://"), within)
	over := everybody.Await(t, "enqueue", `"event_action":"resolve"`, dedupKey(t, page.Body))
	require.True(t, over.At.After(page.At))
	for _, level := range []string{"l1", "l2", "l3"} {
		everybody.Await(t, level, `"status":"resolved"`, "ApiGone")
	}
}

// dedupKey is by what PagerDuty knows that two events are of one case.
func dedupKey(t *testing.T, event string) string {
	t.Helper()
	var e struct {
		Key string `json:"dedup_key"`
	}
	require.NoError(t, json.Unmarshal([]byte(event), &e), event)
	require.NotEmpty(t, e.Key)
	return e.Key
}

// panels are the queries of the committed dashboards, by dashboard and panel. What is of two
// regions needs two.
func panels(t *testing.T, of func(dashboard string) bool) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(monitoring, "dashboards", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 8)
	all := map[string]string{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if !of(name) {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr string }
			}
		}
		require.NoError(t, json.Unmarshal(text, &d))
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all[name+", "+p.Title+", "+target.RefID] = target.Expr
			}
		}
	}
	return all
}

// awaitPanels waits until each query has an answer that is a number.
func awaitPanels(t *testing.T, prometheus *promserver.Server, all map[string]string) {
	t.Helper()
	require.NotEmpty(t, all)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		for name, expression := range all {
			series, err := promserver.Query(t.Context(), prometheus.URL, expression)
			require.NoError(c, err, name)
			shows := slices.ContainsFunc(series, func(s promserver.Series) bool { return !math.IsNaN(s.Points[0].Value) })
			assert.True(c, shows, "%s is empty: %s", name, expression)
		}
	}, within, time.Second)
}

// TestEveryPanelShowsSomething: a system in which everything that is measured happens once.
func TestEveryPanelShowsSomething(t *testing.T) {
	model := languagetest.Start(t, script.Script{Answers: map[string]string{
		"answer": written, "emotions": `{"primary":"anxiety","secondary":[],"intensity":0.7,"confidence":0.9}`, "facts": `{"facts":[]}`,
	}})
	archive := freePort(t)
	b := newBackedUp(t, "MEAI_TELEMETRY_METRICS_LISTEN="+archive, "MEAI_TELEMETRY_OBSERVE_EVERY=1s", "MEAI_LIMITS_SYNTHESIS=100000", "MEAI_LIMITS_READING=100000",
		"MEAI_LANGUAGE_PROVIDER=openai", "MEAI_LANGUAGE_URL="+model.URL(), "MEAI_LANGUAGE_MODEL=served", "MEAI_LANGUAGE_API_KEY=key",
		"MEAI_LANGUAGE_TIMEOUT=2s", "MEAI_LANGUAGE_INPUT_PRICE=1", "MEAI_LANGUAGE_OUTPUT_PRICE=2",
		"MEAI_PRIVACY_MAINTENANCE_URLS=", "MEAI_PRIVACY_SCAN_FOLDERS=")
	prometheus := promtest.Prometheus(t, promtest.Options{
		Monitoring: monitoring, Every: time.Second,
		Targets: map[string][]string{"meai-api": {strings.TrimPrefix(b.base, "http://")}, "meai-archive": {archive}},
	})
	promtest.AwaitScraped(t, prometheus, 2)
	stays, goes := newPerson(t, b.base), newPerson(t, b.base)
	for _, p := range []*person{stays, goes} {
		p.begin(t)
		p.says(t, worried)
	}
	talk, silence := context.WithCancel(t.Context())
	defer silence()
	go b.talks(talk, stays)

	b.run(t, "backup", "take")
	temporal := b.dial(t)
	goes.erases(t, temporal)
	for _, of := range []struct{ workflow, id, queue, input string }{
		{"PrivacyDeadlines", "deadlines-by-hand", "operations", "{}"},
		{"Retention", "privacy/retention", "batch", `{"page_size":100}`},
		{"VerifyEncryption", "privacy/verify-encryption", "batch", "{}"},
	} {
		run, err := temporal.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: of.id, TaskQueue: of.queue}, of.workflow, json.RawMessage(of.input))
		require.NoError(t, err)
		require.NoError(t, run.Get(t.Context(), nil), of.workflow)
	}
	awaitPanels(t, prometheus, panels(t, func(dashboard string) bool { return dashboard != "regions" }))
	draw(t, prometheus)
}

// talks says something now and then, and fails on purpose now and then.
func (b *backedUp) talks(ctx context.Context, p *person) {
	for ctx.Err() == nil {
		_, _ = p.say(ctx, uuid.NewString(), worried, "wait=10") // what comes of it is measured, not asserted
		if request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/v1/sessions/"+uuid.NewString(), nil); err == nil {
			if response, err := http.DefaultClient.Do(request); err == nil {
				_ = response.Body.Close()
			}
		}
	}
}

// draw makes the pictures of docs, where the environment names a folder for them: make pictures.
func draw(t *testing.T, prometheus *promserver.Server) {
	t.Helper()
	folder := os.Getenv("PICTURES")
	if folder == "" {
		return
	}
	require.Never(t, func() bool { return false }, 3*time.Minute, time.Minute) // as long as the pictures show
	cmd := exec.Command("go", "run", "./scripts/monitoring", "pictures", prometheus.URL, folder)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
