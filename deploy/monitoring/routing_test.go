package monitoring_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// routed asks amtool who is told of an alert, and in which order.
func routed(t *testing.T, labels ...string) string {
	t.Helper()
	out, err := exec.Command(tool(t, "amtool"), append([]string{"config", "routes", "test", "--config.file=alertmanager.yaml"}, labels...)...).Output()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

// TestEveryAlertGoesWhereTheRequirementsSay: critical to PagerDuty and SMS up to L3, warnings
// to Slack and mail up to L2, news to mail.
func TestEveryAlertGoesWhereTheRequirementsSay(t *testing.T) {
	told := map[string]string{
		"critical": "pagerduty,sms-l1,sms-l2,sms-l3", "warning": "warning-l1,warning-l2", "info": "info",
	}
	seen := map[string]bool{}
	for name, r := range alerts(t) {
		want := told[r.Labels["severity"]]
		if name == "Watchdog" {
			want = "watchdog"
		}
		labels := []string{"alertname=" + name}
		for label, value := range r.Labels {
			labels = append(labels, label+"="+value)
		}
		require.Equal(t, want, routed(t, labels...), name)
		seen[want] = true
	}
	require.Len(t, seen, 4)
	require.Equal(t, "info", routed(t, "alertname=SomebodyElses"), "what names no severity is not lost")
}

// route and configuration are Alertmanager's, as far as this house uses them.
type route struct {
	Receiver       string   `yaml:"receiver"`
	Matchers       []string `yaml:"matchers"`
	GroupBy        []string `yaml:"group_by"`
	GroupWait      string   `yaml:"group_wait"`
	GroupInterval  string   `yaml:"group_interval"`
	RepeatInterval string   `yaml:"repeat_interval"`
	Continue       bool     `yaml:"continue"`
	Routes         []route  `yaml:"routes"`
}

type configuration struct {
	Global    map[string]any   `yaml:"global"`
	Route     route            `yaml:"route"`
	Inhibit   []map[string]any `yaml:"inhibit_rules"`
	Receivers []map[string]any `yaml:"receivers"`
}

func readConfiguration(t *testing.T) (c configuration, text string) {
	t.Helper()
	content, err := os.ReadFile("alertmanager.yaml")
	require.NoError(t, err)
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&c))
	return c, string(content)
}

// TestEscalationTakesItsTime: who is told when of an alert that nobody ends.
func TestEscalationTakesItsTime(t *testing.T) {
	c, _ := readConfiguration(t)
	waits := map[string]string{}
	var walk func(r route, inherited string)
	walk = func(r route, inherited string) {
		wait := inherited
		if r.GroupWait != "" {
			wait = r.GroupWait
		}
		for _, child := range r.Routes {
			walk(child, wait)
		}
		waits[r.Receiver] = wait
		if strings.HasSuffix(r.Receiver, "-l2") || strings.HasSuffix(r.Receiver, "-l3") {
			require.Equal(t, []string{"..."}, r.GroupBy, "%s: a second alert of a group that is known would not wait", r.Receiver)
		}
	}
	walk(c.Route, "")
	require.Equal(t, "10s", waits["pagerduty"])
	require.Equal(t, "10s", waits["sms-l1"])
	require.Equal(t, "15m", waits["sms-l2"])
	require.Equal(t, "30m", waits["sms-l3"])
	require.Equal(t, "30s", waits["warning-l1"])
	require.Equal(t, "2h", waits["warning-l2"])
}

// TestSecretsAreInFiles: the file is public, and what opens a service is not in it.
func TestSecretsAreInFiles(t *testing.T) {
	out, err := exec.Command(tool(t, "amtool"), "check-config", "alertmanager.yaml").CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, text := readConfiguration(t)
	secret := regexp.MustCompile(`(?m)^[^#]*\b\w*(password|routing_key|service_key|api_url|credentials|bearer_token|auth_secret|api_key|slack_api_url): `)
	require.Empty(t, secret.FindAllString(text, -1))
	require.Regexp(t, secret, "  smtp_auth_password: x")
	for _, file := range regexp.MustCompile(`\w+_file: (\S+?)[,}\s]`).FindAllStringSubmatch(text, -1) {
		require.True(t, strings.HasPrefix(file[1], "/etc/alertmanager/secrets/"), file[1])
	}
}
