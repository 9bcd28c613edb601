package monitoring_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// A scenario has three parts: calm, broken, and calm again. An alert must be silent at the
// end of the first, fire at the end of the second, and be silent again at the end of the last.
const (
	calmFor   = 15
	brokenFor = 30
	calmAgain = 45
)

// scenario shows that an alert fires when it should, and only then. What is calm lies just
// below the alert's threshold, and what is broken just above it.
type scenario struct {
	alert string
	// when tells further scenarios of an alert apart; "" for its first.
	when   string
	series map[string]string // promtool's notation
	// step is the time between two samples; "" for 1m.
	step string
	// labels are those of the alert besides the rule's.
	labels map[string]string
	// says is the summary that people read, with values and labels filled in.
	says string
	// always: it fires from the beginning and never ends.
	always bool
}

// steady is n samples of a value.
func steady(value float64, n int) string { return rising(value, 0, n) }

// rising is n samples that begin with a value and grow.
func rising(from, by float64, n int) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	return fmt.Sprintf("%s+%sx%d", number(from), number(by), n-1)
}

// phases is a gauge that has one value while all is well and another while it is not.
func phases(calm, broken float64) string {
	return steady(calm, calmFor) + " " + steady(broken, brokenFor) + " " + steady(calm, calmAgain)
}

// gone is a gauge that is not there while something is broken.
func gone(calm float64) string {
	return fmt.Sprintf("%s _x%d %s", steady(calm, calmFor), brokenFor, steady(calm, calmAgain))
}

// missing is a gauge that is there while something is broken, and not before or after.
func missing(broken float64) string {
	return fmt.Sprintf("_x%d %s stale", calmFor, steady(broken, brokenFor))
}

// counter grows by one amount a step while all is well and by another while it is not.
func counter(calm, broken float64) string {
	at := calm * calmFor
	then := at + broken*brokenFor
	return rising(0, calm, calmFor) + " " + rising(at, broken, brokenFor) + " " + rising(then, calm, calmAgain)
}

// latency is a histogram: while all is well every observation is between the first two
// bounds, while it is not between the last two.
func latency(metric, labels string, calmLow, calmHigh, brokenLow, brokenHigh float64) map[string]string {
	if labels != "" {
		labels += ", "
	}
	bucket := func(le string) string { return fmt.Sprintf(`%s_bucket{%sle=%q}`, metric, labels, le) }
	number := func(v float64) string { return fmt.Sprintf("%g", v) }
	return map[string]string{
		bucket(number(calmLow)):    counter(0, 0),
		bucket(number(calmHigh)):   counter(60, 0),
		bucket(number(brokenLow)):  counter(60, 0),
		bucket(number(brokenHigh)): counter(60, 60),
		bucket("+Inf"):             counter(60, 60),
	}
}

func together(all ...map[string]string) map[string]string {
	sum := map[string]string{}
	for _, m := range all {
		maps.Copy(sum, m)
	}
	return sum
}

// expected is an alert as promtool compares it.
type expected struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

type evaluation struct {
	At     string     `yaml:"eval_time"`
	Alert  string     `yaml:"alertname"`
	Alerts []expected `yaml:"exp_alerts"`
}

// input is a test of promtool.
type input struct {
	Name     string              `yaml:"name"`
	Interval string              `yaml:"interval"`
	Series   []map[string]string `yaml:"input_series"`
	Rules    []evaluation        `yaml:"alert_rule_test"`
}

// test is the scenario in promtool's words.
func (s scenario) test(t *testing.T, r rule) input {
	t.Helper()
	step, unit := 1, "m"
	if s.step != "" {
		_, err := fmt.Sscanf(s.step, "%d%s", &step, &unit)
		require.NoError(t, err)
	}
	at := func(n int) string { return fmt.Sprintf("%d%s", n*step, unit) }
	in := input{Name: s.alert, Interval: at(1)}
	for _, name := range slices.Sorted(maps.Keys(s.series)) {
		in.Series = append(in.Series, map[string]string{"series": name, "values": s.series[name]})
	}
	annotations := maps.Clone(r.Annotations)
	annotations["summary"] = s.says
	fires := []expected{{together(r.Labels, s.labels), annotations}}
	quiet := []expected{}
	if s.always {
		quiet = fires
	}
	in.Rules = []evaluation{
		{at(calmFor - 1), s.alert, quiet},
		{at(calmFor + brokenFor - 1), s.alert, fires},
		{at(calmFor + brokenFor + calmAgain - 1), s.alert, quiet},
	}
	return in
}

// TestEveryAlertFiresWhenItShouldAndOnlyThen runs promtool's own tests of rules.
func TestEveryAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	all, records := alerts(t), map[string][]rule{}
	for _, r := range readRules(t) {
		if r.Record != "" {
			records[r.Record] = append(records[r.Record], r)
		}
	}
	tested := map[string]bool{}
	for _, s := range slices.Concat(apiScenarios, workerScenarios, storeScenarios, privacyScenarios, backupScenarios, regionScenarios, sloScenarios()) {
		r, there := all[s.alert]
		require.True(t, there, "there is no alert %s", s.alert)
		name := strings.TrimSuffix(s.alert+" "+s.when, " ")
		require.False(t, tested[name], "%s has two scenarios", name)
		tested[name] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runScenario(t, s.test(t, r), append(restsOn(r, records), r))
		})
	}
	for name := range all {
		require.True(t, tested[name], "alert %s has no scenario", name)
	}
}

// restsOn are the recorded rules that a rule needs, and those that they need, in the order in
// which they are to be evaluated.
func restsOn(r rule, records map[string][]rule) (all []rule) {
	for _, name := range used(r.Expr) {
		for _, needed := range records[name] {
			all = append(append(all, restsOn(needed, records)...), needed)
		}
	}
	return all
}

// runScenario has promtool evaluate the rules at each step of a scenario: as one group, so
// that within a step all is of the same moment. Prometheus itself evaluates groups side by
// side, a step late at most.
func runScenario(t *testing.T, scenario input, rules []rule) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content any) string {
		text, err := yaml.Marshal(content)
		require.NoError(t, err)
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	file := write("rules.yaml", map[string]any{"groups": []group{{"scenario", rules}}})
	path := write("tests.yaml", map[string]any{"rule_files": []string{file}, "evaluation_interval": scenario.Interval, "tests": []input{scenario}})
	out, err := exec.Command(tool(t, "promtool"), "test", "rules", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "SUCCESS")
}

func TestTheFilesAreWhatPrometheusTakes(t *testing.T) {
	out, err := exec.Command(tool(t, "promtool"), append([]string{"check", "rules"}, ruleFiles(t)...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.Command(tool(t, "promtool"), "check", "config", "--syntax-only", "prometheus.yaml").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, strings.ToLower(string(out)), "warning")
}
