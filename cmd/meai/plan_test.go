package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlansAreMadeWithoutAnyEngine: text, JSON, a page, other prices, and what is said of wrong input.
func TestPlansAreMadeWithoutAnyEngine(t *testing.T) {
	nowhere := site{config: filepath.Join(t.TempDir(), "none.yaml")}
	asked := []string{"plan", "--users", "20000", "--interactions-per-day", "6"}
	with := func(more ...string) []string { return append(append([]string{}, asked...), more...) }

	text := nowhere.run(t, asked...)
	require.Regexp(t, `(?m)^  initial +20,000 +120,000 +5\.6 `, text)
	require.Regexp(t, `(?m)^  Mirror Workers +8 +32 +\S+ +\d+ → 3 \+ 1 .* temporal\.yaml$`, text)
	require.Regexp(t, `--peak-factor +4 times the mean rate +assumed`, text)
	require.Regexp(t, `--peak-factor +9 times`, nowhere.run(t, with("--peak-factor", "9")...))

	page := filepath.Join(t.TempDir(), "plan.html")
	var plan struct {
		Cost []struct{ Phases []struct{ Dollars float64 } }
	}
	require.NoError(t, json.Unmarshal([]byte(nowhere.run(t, with("--json", "--html", page)...)), &plan))
	written, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(written), "<svg")

	prices := filepath.Join(t.TempDir(), "prices.yaml")
	require.NoError(t, os.WriteFile(prices, []byte(nowhere.run(t, "plan", "prices")+"\n"), 0o600))
	require.Equal(t, text, nowhere.run(t, with("--prices", prices)...), "the printed prices are those that count")
	require.NoError(t, os.WriteFile(prices, []byte("vcpu: 220\n"), 0o600))
	dear := plan
	dear.Cost = nil
	require.NoError(t, json.Unmarshal([]byte(nowhere.run(t, with("--json", "--prices", prices)...)), &dear))
	require.Greater(t, dear.Cost[0].Phases[0].Dollars, 2*plan.Cost[0].Phases[0].Dollars)

	require.NoError(t, os.WriteFile(prices, []byte("gold: 1\n"), 0o600))
	for want, args := range map[string][]string{
		"field gold not found":                      with("--prices", prices),
		"regions: 1 or 2, not 3":                    with("--regions", "3"),
		"headroom: above 0 and at most 1, not 70":   with("--headroom", "70"),
		"interactions-per-day: above 0, not 0":      {"plan", "--users", "10", "--interactions-per-day", "0"},
		"missing flags: --users=N":                  {"plan", "--interactions-per-day", "1"},
		"read the Temporal declaration: open /none": with("--declaration", "/none"),
	} {
		out, err := nowhere.command(args...).CombinedOutput()
		require.Error(t, err, want)
		require.Contains(t, string(out), want)
	}
}
