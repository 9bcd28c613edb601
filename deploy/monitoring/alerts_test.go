// Package monitoring_test holds alerts, their routes and dashboards against the code whose
// metrics they rest on, the runbooks that they name, and the programs that read them.
package monitoring_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/internal/promserver"
)

// rule is one of Prometheus' rules, as far as this house uses them.
type rule struct {
	Alert       string            `yaml:"alert,omitempty"`
	Record      string            `yaml:"record,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type group struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

var (
	instrument = regexp.MustCompile(`"(meai\.[a-z_.]+)"`)
	// metric finds names in an expression: words with an underscore or a colon that are no
	// function and no label.
	metric = regexp.MustCompile(`\b(?:meai|http|db|temporal|pgxpool|go|process|container|kubelet)_[a-z_0-9]+\b|\bmeai:[a-z_:0-9]+\b`)
	labels = regexp.MustCompile(`\{[^}]*\}|\b(?:by|on|ignoring|without|group_left) ?\([^)]*\)`)
)

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := promserver.Find(name)
	require.NoError(t, err)
	return path
}

// ruleFiles are the files of rules.
func ruleFiles(t *testing.T) []string {
	t.Helper()
	files := []string{"alerts.yaml", "platform.yaml", "regions.yaml", "slo.yaml"}
	all, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.ElementsMatch(t, all, append([]string{"alertmanager.yaml", "prometheus.yaml"}, files...))
	return files
}

func readRules(t *testing.T) (all []rule) {
	t.Helper()
	for _, g := range readGroups(t) {
		all = append(all, g.Rules...)
	}
	return all
}

func readGroups(t *testing.T) (all []group) {
	t.Helper()
	for _, file := range ruleFiles(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var content struct {
			Groups []group `yaml:"groups"`
		}
		decoder := yaml.NewDecoder(strings.NewReader(string(text)))
		decoder.KnownFields(true)
		require.NoError(t, decoder.Decode(&content), file)
		for _, g := range content.Groups {
			require.NotEmpty(t, g.Name)
			all = append(all, g)
		}
	}
	return all
}

// alerts are all alerts by name.
func alerts(t *testing.T) map[string]rule {
	t.Helper()
	all := map[string]rule{}
	for _, r := range readRules(t) {
		if r.Alert != "" {
			require.NotContains(t, all, r.Alert, "%s is there twice", r.Alert)
			all[r.Alert] = r
		}
	}
	return all
}

// foreign are metrics of libraries and of the platform: a test of cmd/meai sees those of
// libraries on a running system; those of the platform cannot be had here.
var foreign = []string{
	"http_server_request_duration_seconds", "http_client_request_duration_seconds", "db_client_operation_duration_seconds",
	"temporal_activity_execution_latency_seconds", "temporal_activity_execution_failed_total", "temporal_activity_schedule_to_start_latency_seconds",
	"temporal_worker_task_slots_available", "process_cpu_seconds_total", "process_resident_memory_bytes", "go_processor_limit",
	"pgxpool_acquired_connections", "pgxpool_idle_connections", "pgxpool_acquire_duration_nanoseconds_total",
	"container_memory_working_set_bytes", "container_spec_memory_limit_bytes",
	"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes",
}

// instruments are the metrics that there are: those that the code makes, as Prometheus may
// name them, with or without the suffix of a unit, those that rules record, and foreign ones.
func instruments(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	note := func(name string, units ...string) {
		for _, unit := range append(units, "") {
			for _, part := range []string{"", "_total", "_bucket", "_sum", "_count"} {
				found[name+unit+part] = true
			}
		}
	}
	for _, name := range foreign {
		note(name)
	}
	for _, r := range readRules(t) {
		if r.Record != "" {
			found[r.Record] = true
		}
	}
	for _, dir := range []string{"activities", "internal", "api", "cmd", "workers"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, match := range instrument.FindAllStringSubmatch(string(text), -1) {
				note(strings.ReplaceAll(match[1], ".", "_"), "_seconds", "_bytes")
			}
			return err
		})
		require.NoError(t, err)
	}
	return found
}

// used are the metrics that an expression reads.
func used(expression string) []string {
	return metric.FindAllString(labels.ReplaceAllString(expression, " "), -1)
}

func TestRulesRestOnMetricsThatThereAre(t *testing.T) {
	there := instruments(t)
	for _, r := range readRules(t) {
		names := used(r.Expr)
		for _, name := range names {
			require.True(t, there[name], "%s%s: nothing makes %s", r.Alert, r.Record, name)
		}
		// up and vector(1) are Prometheus' own.
		require.True(t, len(names) > 0 || strings.Contains(r.Expr, "up{") || r.Expr == "vector(1)", "%s%s", r.Alert, r.Record)
	}
}

func TestEveryAlertSaysHowGraveItIsWhatItIsAndWhatToDo(t *testing.T) {
	for name, r := range alerts(t) {
		if r.For != "" && !strings.HasSuffix(r.For, "d") {
			_, err := time.ParseDuration(r.For)
			require.NoError(t, err, name)
		}
		require.Contains(t, []string{"critical", "warning", "info"}, r.Labels["severity"], name)
		require.NotEmpty(t, r.Annotations["summary"], name)
		require.NoError(t, anchored(r.Annotations["runbook"]), name)
	}
}

var heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)

// anchored fails when a link leads to no file, or to no heading of it.
func anchored(link string) error {
	file, anchor, found := strings.Cut(link, "#")
	if !found {
		return fmt.Errorf("%q names no section of a runbook", link)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		return fmt.Errorf("the runbook of the alert: %w", err)
	}
	var anchors []string
	for _, match := range heading.FindAllStringSubmatch(string(text), -1) {
		// As the pages of Git hosts make anchors of headings.
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		anchors = append(anchors, strings.ReplaceAll(name, " ", "-"))
	}
	if !slices.Contains(anchors, anchor) {
		return fmt.Errorf("%s has no section %s, only %v", file, anchor, anchors)
	}
	return nil
}

func TestARunbookThatIsNotThereIsNoticed(t *testing.T) {
	require.ErrorContains(t, anchored("docs/runbooks/none.md#alerts"), "the runbook of the alert")
	require.ErrorContains(t, anchored("docs/runbooks/failover.md#nothing"), "has no section nothing")
	require.ErrorContains(t, anchored("docs/runbooks/failover.md"), "names no section")
	require.NoError(t, anchored("docs/runbooks/failover.md#alerts"))
}

// TestEveryThresholdOfTheRequirementsHasItsAlert: infrastructure_requirements.md, key metrics
// and scaling triggers, row by row.
func TestEveryThresholdOfTheRequirementsHasItsAlert(t *testing.T) {
	all := alerts(t)
	for _, row := range []struct{ row, alert, severity, threshold string }{
		{"Synthesis API latency, warning", "SynthesisSlow", "warning", "> 0.2"},
		{"Synthesis API latency, critical", "SynthesisVerySlow", "critical", "> 0.5"},
		{"Synthesis API errors, warning", "SynthesisFailing", "warning", "> 0.01"},
		{"Synthesis API errors, critical", "SynthesisFailingOften", "critical", "> 0.05"},
		{"Mirror workers processing time, warning", "MirrorSlow", "warning", "> 0.3"},
		{"Mirror workers processing time, critical", "MirrorVerySlow", "critical", "> 1"},
		{"Mirror workers queue, warning", "QueueLong", "warning", "> 100"},
		{"Mirror workers queue, critical", "QueueVeryLong", "critical", "> 500"},
		{"Memory graph latency, warning", "DatabaseSlow", "warning", "> 0.1"},
		{"Memory graph latency, critical", "DatabaseVerySlow", "critical", "> 0.25"},
		{"Memory graph cache hits, warning", "CacheCold", "warning", "< 0.8"},
		{"Memory graph cache hits, critical", "CacheVeryCold", "critical", "< 0.6"},
		{"Overall latency, warning", "AnswersSlow", "warning", "> 0.8"},
		{"Overall latency, critical", "AnswersVerySlow", "critical", "> 2"},
		{"Overall availability, warning", "AvailabilityLow", "warning", "< 0.999"},
		{"Overall availability, critical", "AvailabilityVeryLow", "critical", "< 0.995"},
		{"API and Mirror scaling, CPU", "ProcessBusy", "info", "> 0.7"},
		{"API scaling, requests", "ApiInstanceBusy", "info", "> 50"},
		{"Mirror scaling, backlog", "QueueLong", "warning", "> 100"},
		{"Memory graph scaling, latency", "DatabaseSlow", "warning", "> 0.1"},
		{"Vector scaling, latency", "VectorsSlow", "warning", "> 0.05"},
		{"Memory graph and vector scaling, memory", "StoreMemoryFull", "warning", "> 0.8"},
		{"Batch scaling, time", "BatchSlower", "info", "> 1.2 *"},
		{"PostgreSQL RPO", "ArchiveBehind", "critical", "> 300"},
		{"Vector and user data RPO", "RecoveryPointTooOld", "critical", "> 24 * 3600"},
		{"Objects RPO", "RecoveryPointTooOld", "critical", `{store="objects"} > 3600`},
		{"PostgreSQL RTO", "RestoreTooSlow", "warning", "> 1800"},
		{"Vector RTO", "RestoreTooSlow", "warning", "> 7200"},
		{"Region RPO", "ReplicationLossTooHigh", "critical", "> 5"},
		{"Interface availability", "InterfaceBudgetBurnsFast", "critical", "14.4 * 0.001)"},
		{"API availability", "ApiBudgetBurnsFast", "critical", "14.4 * 0.0005)"},
		{"Data availability", "DataBudgetBurnsFast", "critical", "14.4 * 0.0001)"},
		{"Overall availability target", "OverallBudgetBurnsFast", "critical", "14.4 * 0.001)"},
	} {
		r, there := all[row.alert]
		require.True(t, there, row.row)
		require.Contains(t, r.Expr, row.threshold, row.row)
		require.Equal(t, row.severity, r.Labels["severity"], row.row)
	}
}
