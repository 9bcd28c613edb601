// Package monitoring_test holds the alerting rules against the code whose metrics they rest on.
package monitoring_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rules is a file of Prometheus' rules, as far as this house uses them.
type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

var (
	instrument = regexp.MustCompile(`"(meai\.[a-z_.]+)"`)
	metric     = regexp.MustCompile(`meai_[a-z_]+`)
)

// instruments are the metrics that the code makes, as Prometheus may name them: with or
// without the suffix of a unit.
func instruments(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, dir := range []string{"activities", "internal", "api", "cmd", "workers"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, match := range instrument.FindAllStringSubmatch(string(text), -1) {
				name := strings.ReplaceAll(match[1], ".", "_")
				for _, unit := range []string{"", "_seconds", "_bytes", "_total"} {
					found[name+unit] = true
				}
			}
			return err
		})
		require.NoError(t, err)
	}
	return found
}

func TestAlertsRestOnMetricsThatThereAre(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 2)
	there, names := instruments(t), map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var all rules
		decoder := yaml.NewDecoder(strings.NewReader(string(text)))
		decoder.KnownFields(true)
		require.NoError(t, decoder.Decode(&all), file)
		for _, group := range all.Groups {
			require.NotEmpty(t, group.Name)
			for _, rule := range group.Rules {
				require.False(t, names[rule.Alert], "%s is there twice", rule.Alert)
				names[rule.Alert] = true
				used := metric.FindAllString(rule.Expr, -1)
				require.NotEmpty(t, used, rule.Alert)
				for _, name := range used {
					require.True(t, there[name], "%s: nothing makes %s", rule.Alert, name)
				}
				require.Equal(t, strings.Count(rule.Expr, "("), strings.Count(rule.Expr, ")"), rule.Alert)
				if rule.For != "" && !strings.HasSuffix(rule.For, "d") {
					_, err := time.ParseDuration(rule.For)
					require.NoError(t, err, rule.Alert)
				}
				require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
				require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			}
		}
	}
}
