package statements_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	mirror "meai/activities/mirror/statements"
	"meai/activities/truthfilter/misconceptions"
	"meai/activities/truthfilter/models"
	"meai/activities/truthfilter/statements"
)

func one(words ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(words, s) }
}

// TestEveryRowIsWellFormed: its labels are known, and no text is in two halves.
func TestEveryRowIsWellFormed(t *testing.T) {
	entry := func(s string) bool {
		return s == "-" || slices.ContainsFunc(misconceptions.List, func(e misconceptions.Entry) bool { return e.ID == s })
	}
	any := func(string) bool { return true }
	relation := one("contradiction", "entailment", "neutral")
	for name, checks := range map[string][]func(string) bool{
		"safety": {one("safe", "unsafe"), one(models.Harms...), one(strings.Fields(`request content address homonym figurative safe_target safe_context definition
			history_news privacy_public nonsense_discrimination education daily support`)...)},
		"truth": {one("false", "true", "unrelated"), entry},
		"pairs": {any, relation, any},
	} {
		seen := map[string]mirror.Half{}
		for _, half := range []mirror.Half{mirror.Training, mirror.Development, mirror.HeldOut} {
			rows, err := statements.Read(half, name)
			require.NoError(t, err)
			require.NotEmpty(t, rows)
			for i, row := range rows {
				require.Len(t, row, len(checks)+1)
				for column, check := range checks {
					require.True(t, check(row[column+1]), "%s/%s row %d: %q", half, name, i+1, row[column+1])
				}
				key := strings.Join(strings.Fields(strings.ToLower(row[0])), " ")
				if name == "pairs" {
					key += "|" + strings.ToLower(row[1])
				}
				if other, twice := seen[key]; twice {
					require.Equal(t, half, other, "%s: a text is in two halves: %s", name, row[0])
				}
				seen[key] = half
			}
		}
	}
}
