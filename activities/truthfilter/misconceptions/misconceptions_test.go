package misconceptions

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestTheListCoversWhatItHasTo(t *testing.T) {
	areas := map[string]int{}
	for _, e := range List {
		areas[e.Area]++
	}
	require.GreaterOrEqual(t, len(List), 300)
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

func TestAClaimIsKnownByItsContentWords(t *testing.T) {
	require.True(t, List.Claims("Autism, vaccines cause it!"))
	require.False(t, List.Claims("Vaccines prevent measles."))
}
