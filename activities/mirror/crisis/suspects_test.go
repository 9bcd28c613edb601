package crisis

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/statements"
)

var update = flag.Bool("update", false, "write suspects.txt anew")

const (
	// certainty is how many times as often as wrong a rule has to be right to count in any
	// text; chosen on the development statements.
	certainty = 16
	// before are the training statements that the rules were written with in view.
	before = 3702
)

func TestSuspectsAreThoseOfTheStatements(t *testing.T) {
	rows, err := statements.Read(statements.Training, "crisis")
	require.NoError(t, err)
	all, err := Statements(rows[before:])
	require.NoError(t, err)
	right, wrong := map[string]int{}, map[string]int{}
	for _, s := range all {
		counted := map[string]bool{}
		signs(normalise(s.Text), func(r rule, severity Severity, _ bool) {
			if !s.counted() || level(severity) < level(Implicit) || counted[r.key] {
				return
			}
			counted[r.key] = true
			if s.danger() {
				right[r.key]++
			} else {
				wrong[r.key]++
			}
		})
	}
	found := []string{}
	for _, r := range rules[len(plainRules):] {
		if right[r.key] < certainty*wrong[r.key] && !slices.Contains(found, r.key) {
			found = append(found, r.key)
		}
	}
	slices.Sort(found)
	want := "# Written by go generate; see suspects.go.\n" + strings.Join(found, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile("suspects.txt", []byte(want), 0o644))
		return
	}
	require.Equal(t, want, suspectList)
}
