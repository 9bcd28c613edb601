package statements_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/statements"
)

var vocabulary = strings.Fields(`overwhelm anxiety fear loneliness grief sadness despair shame guilt anger frustration disappointment jealousy
	exhaustion confusion surprise gratitude joy pride calm hope love relief curiosity neutral`)

var needs = strings.Fields("certainty variety significance connection growth contribution autonomy competence relatedness")

// one and several check a column against a vocabulary.
func one(words ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(words, s) }
}

func several(valid func(string) bool, none string) func(string) bool {
	return func(s string) bool {
		return s == none || !slices.ContainsFunc(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '/' }), func(w string) bool { return !valid(w) })
	}
}

func number(s string) bool {
	x, err := strconv.ParseFloat(s, 64)
	return err == nil && x >= 0 && x <= 1
}

// TestEveryRowIsWellFormed: its labels are known, and no text is in two halves.
func TestEveryRowIsWellFormed(t *testing.T) {
	need := func(s string) bool {
		return slices.Contains(needs, strings.TrimRight(s, "+-")) && strings.HasSuffix(s, "+") != strings.HasSuffix(s, "-")
	}
	columns := map[string][]func(string) bool{
		"crisis": {one("none", "concern", "implicit", "explicit", "imminent"), one("suicide", "self_harm", "abuse", "danger_to_others", "medical_emergency", "distress",
			"ordinary", "idiom", "fiction", "news", "quote", "joke", "third_person", "recovered", "denial", "professional", "medical_ordinary")},
		"emotions": {several(one(vocabulary...), ""), several(one(vocabulary...), "-"), number},
		"needs":    {several(need, "none")},
		"kinds":    {one("expression", "question", "resource_request", "small_talk", "ambiguous")},
	}
	for name, checks := range columns {
		seen := map[string]statements.Half{}
		for _, half := range []statements.Half{statements.Training, statements.Development, statements.HeldOut} {
			rows, err := statements.Read(half, name)
			require.NoError(t, err)
			require.NotEmpty(t, rows)
			for i, row := range rows {
				require.Len(t, row, len(checks)+1)
				for column, check := range checks {
					require.True(t, check(row[column+1]), "%s/%s row %d: %q", half, name, i+1, row[column+1])
				}
				key := strings.Join(strings.Fields(strings.ToLower(row[0])), " ")
				if other, twice := seen[key]; twice {
					require.Equal(t, half, other, "%s: a text is in two halves: %s", name, row[0])
				}
				seen[key] = half
			}
		}
	}
}

func TestRowsThatDoNotFitAreNamedWithoutTheirWords(t *testing.T) {
	rows, err := statements.Parse(strings.NewReader("#text\tlabel\nhello\tnone\r\n"))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"hello", "none"}}, rows)
	for _, text := range []string{"a\tb\nsecret", "a\tb\n\tb"} {
		_, err = statements.Parse(strings.NewReader(text))
		require.ErrorContains(t, err, "line 2")
		require.NotContains(t, err.Error(), "secret")
	}
}
