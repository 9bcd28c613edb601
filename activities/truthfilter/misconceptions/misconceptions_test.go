package misconceptions

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	mirror "meai/activities/mirror/statements"
	"meai/activities/truthfilter/statements"
)

func TestTheListCoversWhatItHasTo(t *testing.T) {
	areas := map[string]int{}
	for _, e := range List.Entries() {
		areas[e.Area]++
	}
	require.GreaterOrEqual(t, len(List.Entries()), 300)
	for _, area := range []string{"health", "psychology", "finance", "safety"} {
		require.Greater(t, areas[area], 20, area)
	}
}

func TestFaultyEntriesAreRefused(t *testing.T) {
	const sound = "- id: a\n  claims: [x, y, z]\n  facts: [f]\n  note: n\n  source: https://example.org/a\n  publisher: p\n  written: 2026-11-26\n"
	for fault, change := range map[string][2]string{
		"not a slug":              {"id: a", "id: A b"},
		"fewer than three":        {"[x, y, z]", "[x]"},
		"no fact":                 {"facts: [f]", "facts: []"},
		"an empty claim":          {"[x, y, z]", `[x, y, ""]`},
		"no note":                 {"note: n", "note: ''"},
		"https URL":               {"https://example.org/a", "http://example.org/a"},
		"no day":                  {"2026-11-26", "soon"},
		"field opinion not":       {"note: n", "note: n\n  opinion: o"},
		"faulty.yaml":             {"- id", "id"},
		`"a": fewer than three c`: {"[x, y, z]", "[x, y]"},
	} {
		t.Run(fault, func(t *testing.T) {
			_, err := load(fstest.MapFS{"list/faulty.yaml": {Data: []byte(strings.Replace(sound, change[0], change[1], 1))}})
			require.ErrorContains(t, err, fault)
		})
	}
	_, err := load(fstest.MapFS{"list/a.yaml": {Data: []byte(sound + sound)}})
	require.ErrorContains(t, err, "taken")
}

// What the words do not lead to, no model can judge.
func TestSentencesLeadToTheirEntry(t *testing.T) {
	rows, err := statements.Read(mirror.Development, "truth")
	require.NoError(t, err)
	found, all := 0, 0
	for _, row := range rows {
		if row[1] == "unrelated" {
			continue
		}
		all++
		for _, e := range List.Near(row[0], 3) {
			if e.ID == row[2] {
				found++
			}
		}
	}
	t.Logf("%d of %d", found, all)
	require.Greater(t, found*100, all*70)
}
