package monitoring_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestPanelsAskInPromQLForMetricsThatThereAre; a test of cmd/meai sees that they get answers.
func TestPanelsAskInPromQLForMetricsThatThereAre(t *testing.T) {
	files, err := filepath.Glob("dashboards/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	there := instruments(t)
	var asRules []map[string]string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		require.NoError(t, json.Unmarshal(text, &d))
		require.NotEmpty(t, d.Panels, file)
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				for _, name := range used(target.Expr) {
					require.True(t, there[name], "%s, %s: nothing makes %s", file, p.Title, name)
				}
				asRules = append(asRules, map[string]string{"record": fmt.Sprintf("panel:%d", len(asRules)), "expr": target.Expr})
			}
		}
	}
	require.Greater(t, len(asRules), 50)
	// As rules promtool reads them.
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": asRules}}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "panels.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	out, err := exec.Command(tool(t, "promtool"), "check", "rules", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
