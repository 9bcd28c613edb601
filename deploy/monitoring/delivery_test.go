package monitoring_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/promserver/promtest"
)

const critical = `"severity":"critical","about":"test","alertname":`

// TestAnAlertGoesUpUntilSomebodyTakesItOn runs a real Alertmanager with the committed routes.
func TestAnAlertGoesUpUntilSomebodyTakesItOn(t *testing.T) {
	everybody := promtest.NewReceiver(t)
	routes := promtest.Alertmanager(t, ".", everybody)
	promtest.Raise(t, routes, critical+`"NobodyCame"`, "the house burns")
	promtest.Raise(t, routes, critical+`"SomebodyCame"`, "the cellar burns")

	page := everybody.Await(t, "enqueue", `"event_action":"trigger"`, "the house burns", "docs/runbooks/alerts.md", `"routing_key":"0000`)
	require.Contains(t, page.Body, `"severity":"critical"`)
	first := everybody.Await(t, "l1", "SomebodyCame", "the cellar burns")
	require.Equal(t, "Bearer token-of-the-relay", first.Authorization)
	promtest.Silence(t, routes, "SomebodyCame")

	began := everybody.Await(t, "l1", "NobodyCame")
	second, third := everybody.Await(t, "l2", "NobodyCame"), everybody.Await(t, "l3", "NobodyCame")
	const quarter = 15 * time.Minute / promtest.Faster
	require.InDelta(t, quarter.Seconds(), second.At.Sub(began.At).Seconds(), quarter.Seconds()*0.6, "a quarter of an hour after L1")
	require.Greater(t, third.At.Sub(second.At), quarter/2, "and another one")
	require.False(t, slices.ContainsFunc(everybody.Told(), func(m promtest.Message) bool {
		return (m.To == "l2" || m.To == "l3") && len(m.Body) > 0 && containsAlert(m.Body, "SomebodyCame")
	}), "who was taken on goes up no further")
}

func TestWarningsAndNewsAreTold(t *testing.T) {
	everybody := promtest.NewReceiver(t)
	routes := promtest.Alertmanager(t, ".", everybody)
	promtest.Raise(t, routes, `"severity":"warning","about":"test","alertname":"Smoke"`, "it smokes")
	promtest.Raise(t, routes, `"severity":"info","about":"test","alertname":"News"`, "it rains")
	promtest.Raise(t, routes, `"severity":"info","about":"watchdog","alertname":"Watchdog"`, "all is well")

	everybody.Await(t, "slack", "Smoke", "it smokes", "docs/runbooks/alerts.md", "#meai-alerts")
	everybody.Await(t, "mail l1@meai.example", "Smoke")
	everybody.Await(t, "mail meai-news@meai.example", "News")
	everybody.Await(t, "meai", "Watchdog")
	second := everybody.Await(t, "mail l2@meai.example", "Smoke")
	first := everybody.Await(t, "mail l1@meai.example", "Smoke")
	require.Greater(t, second.At.Sub(first.At), 2*time.Hour/promtest.Faster/2)
	for _, m := range everybody.Told() {
		require.NotContains(t, []string{"enqueue", "l1", "l2", "l3"}, m.To, "nobody is woken for these")
	}
}

// TestTheGraverAlertOfOneThingIsEnough: a warning beside it is not told.
func TestTheGraverAlertOfOneThingIsEnough(t *testing.T) {
	everybody := promtest.NewReceiver(t)
	routes := promtest.Alertmanager(t, ".", everybody)
	promtest.Raise(t, routes, critical+`"VerySlow"`, "very slow")
	everybody.Await(t, "enqueue", "very slow")
	promtest.Raise(t, routes, `"severity":"warning","about":"test","alertname":"Lesser"`, "the same, less grave")
	promtest.Raise(t, routes, `"severity":"warning","about":"another","alertname":"Other"`, "another thing")
	promtest.Raise(t, routes, `"severity":"critical","alertname":"ABackup"`, "a backup")
	everybody.Await(t, "enqueue", "a backup")
	promtest.Raise(t, routes, `"severity":"warning","alertname":"AStandby"`, "a standby")
	everybody.Await(t, "slack", "a standby")
	everybody.Await(t, "slack", "another thing")
	everybody.Await(t, "mail l1@meai.example", "AStandby")
	// Slack and mail name an alert without its label's name.
	for _, m := range everybody.Told() {
		require.NotContains(t, m.Body, "Lesser", "%s was told", m.To)
	}
}

func containsAlert(body, name string) bool { return strings.Contains(body, `"alertname":"`+name) }
