// Package promtest runs the committed configuration of Prometheus and Alertmanager for
// tests: the same rules, routes and levels, with everybody who is told replaced by a
// receiver of the test, and hours by seconds.
package promtest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/internal/promserver"
)

// Faster is how much shorter Alertmanager's times are: 15 minutes are two seconds.
const Faster = 450

// within bounds what should happen at once.
const within = time.Minute

// Alertmanager runs the committed routes, and tells the receiver instead of everybody.
func Alertmanager(t testing.TB, monitoring string, r *Receiver) *promserver.Server {
	t.Helper()
	dir := t.TempDir()
	for name, secret := range map[string]string{
		"smtp-password": "none", "slack-url": r.URL + "/slack", "pagerduty-routing-key": strings.Repeat("0", 32), "sms-token": "token-of-the-relay",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "secrets"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", name), []byte(secret), 0o600))
	}
	config := change(t, filepath.Join(monitoring, "alertmanager.yaml"), func(key string, value any) any {
		text, _ := value.(string)
		switch {
		case strings.HasSuffix(key, "_file"):
			return filepath.Join(dir, "secrets", filepath.Base(text))
		case key == "url":
			return r.URL + "/" + text[strings.LastIndex(text, "/")+1:]
		case key == "smtp_smarthost":
			return r.mail
		case key == "group_wait" || key == "group_interval" || key == "repeat_interval":
			return shorter(t, text, Faster)
		}
		return value
	})
	global := config["global"].(map[string]any)
	global["smtp_require_tls"] = false // the receiver's mail server knows no passwords either
	delete(global, "smtp_auth_username")
	delete(global, "smtp_auth_password_file")
	file := write(t, dir, "alertmanager.yaml", config)
	s, err := promserver.Alertmanager(t.Context(), file, filepath.Join(dir, "data"))
	require.NoError(t, err)
	stop(t, s)
	return s
}

// Options say what a Prometheus scrapes and whom it tells.
type Options struct {
	// Monitoring is the folder with the committed configuration.
	Monitoring string
	// Targets are addresses, by the name of the job.
	Targets map[string][]string
	// Every is the time between two scrapes, and between two evaluations.
	Every time.Duration
	// Faster is how much shorter alerts wait before they fire; zero: as committed.
	Faster int
	// Alertmanager is told; nil: nobody is.
	Alertmanager *promserver.Server
}

// Prometheus runs the committed rules on what is scraped from targets of the test.
func Prometheus(t testing.TB, o Options) *promserver.Server {
	t.Helper()
	dir := t.TempDir()
	config := change(t, filepath.Join(o.Monitoring, "prometheus.yaml"), func(key string, value any) any {
		switch key {
		case "scrape_interval", "scrape_timeout", "evaluation_interval":
			return milliseconds(o.Every)
		case "alertmanagers":
			if o.Alertmanager == nil {
				return []any{}
			}
			return []any{map[string]any{"static_configs": []any{map[string]any{"targets": []string{strings.TrimPrefix(o.Alertmanager.URL, "http://")}}}}}
		}
		return value
	})
	var files []string
	for _, name := range config["rule_files"].([]any) {
		files = append(files, rules(t, filepath.Join(o.Monitoring, name.(string)), dir, o.Faster))
	}
	config["rule_files"] = files
	var jobs []any
	for _, job := range config["scrape_configs"].([]any) {
		job := job.(map[string]any)
		targets, scraped := o.Targets[job["job_name"].(string)]
		if !scraped {
			continue
		}
		path := filepath.Join(dir, job["job_name"].(string)+".json")
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `[{"targets": ["%s"]}]`, strings.Join(targets, `", "`)), 0o600))
		job["file_sd_configs"] = []any{map[string]any{"files": []string{path}}}
		jobs = append(jobs, job)
	}
	require.Len(t, jobs, len(o.Targets), "each job of the test is one of the committed configuration")
	config["scrape_configs"] = jobs
	s, err := promserver.Prometheus(t.Context(), write(t, dir, "prometheus.yaml", config), filepath.Join(dir, "data"))
	require.NoError(t, err)
	stop(t, s)
	return s
}

// rules copies a file of rules, of which alerts wait shorter.
func rules(t testing.TB, path, dir string, faster int) string {
	t.Helper()
	content := change(t, path, func(key string, value any) any {
		if key == "for" && faster > 0 {
			return shorter(t, value.(string), faster)
		}
		return value
	})
	return write(t, dir, filepath.Base(path), content)
}

// change reads a file and replaces values by their keys.
func change(t testing.TB, path string, replace func(key string, value any) any) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var content map[string]any
	require.NoError(t, yaml.Unmarshal(text, &content))
	return walk(content, replace).(map[string]any)
}

func walk(value any, replace func(string, any) any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = walk(replace(key, inner), replace)
		}
	case []any:
		for i, inner := range value {
			value[i] = walk(inner, replace)
		}
	}
	return value
}

func write(t testing.TB, dir, name string, content map[string]any) string {
	t.Helper()
	text, err := yaml.Marshal(content)
	require.NoError(t, err)
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// shorter divides one of Prometheus' durations, which know days.
func shorter(t testing.TB, text string, by int) string {
	t.Helper()
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		_, err := fmt.Sscanf(days, "%d", &n)
		require.NoError(t, err)
		text = fmt.Sprintf("%dh", 24*n)
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return milliseconds(d / time.Duration(by))
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	return fmt.Sprintf("%dms", max(1, d.Milliseconds()))
}

func stop(t testing.TB, s *promserver.Server) {
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", s.URL, s.Log())
		}
	})
}

// healthy reports whether every target was scraped.
func healthy(t testing.TB, s *promserver.Server, targets int) bool {
	up, err := promserver.Query(t.Context(), s.URL, "sum(up)")
	return err == nil && len(up) == 1 && up[0].Points[0].Value == float64(targets)
}

// AwaitScraped waits until so many targets answer.
func AwaitScraped(t testing.TB, s *promserver.Server, targets int) {
	t.Helper()
	require.Eventually(t, func() bool { return healthy(t, s, targets) }, within, 100*time.Millisecond)
}

// Silence posts a silence for an alert, as who takes a case on does.
func Silence(t testing.TB, s *promserver.Server, alert string) {
	t.Helper()
	now := time.Now().UTC()
	body := fmt.Sprintf(`{"matchers":[{"name":"alertname","value":%q,"isRegex":false,"isEqual":true}],"startsAt":%q,"endsAt":%q,"createdBy":"l1","comment":"I am on it"}`,
		alert, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
	post(t, s.URL+"/api/v2/silences", body)
}

// Raise posts an alert, as Prometheus does.
func Raise(t testing.TB, s *promserver.Server, labels, summary string) {
	t.Helper()
	post(t, s.URL+"/api/v2/alerts", fmt.Sprintf(`[{"labels":{%s},"annotations":{"summary":%q,"runbook":"docs/runbooks/alerts.md"},"endsAt":%q}]`,
		labels, summary, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
}

func post(t testing.TB, address, body string) {
	t.Helper()
	response, err := http.Post(address, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}
