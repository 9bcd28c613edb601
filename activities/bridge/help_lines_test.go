package bridge

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
)

// today is the day against which the reviews are held. Move it on with a release,
// and review what then is red (docs/runbooks/library.md).
var today = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestEveryEntryWasReviewedInTime(t *testing.T) {
	all := words(t).Resources()
	numbers := 0
	for _, r := range all {
		numbers += len(r.Emergency)
	}
	require.Empty(t, Overdue(all, today))
	require.Len(t, Overdue(all, today.AddDate(1, 0, 1)), len(helpLines)+numbers, "help lines are due after a year, each emergency number too")
	require.Len(t, Overdue(all, today.AddDate(2, 0, 1)), len(all)+numbers, "and all others after two")
	require.Equal(t, []string{"a", "b", "c", "c 1"}, Overdue([]Resource{
		{ID: "a", Kind: Reading},
		{ID: "b", Kind: HelpLine, Reviewed: "2025-11-01"},
		{ID: "c", Kind: HelpLine, Reviewed: "2027-11-01", Emergency: []Emergency{{Number: "1"}}},
		{ID: "d", Kind: HelpLine, Reviewed: "2026-11-01"},
		{ID: "e", Kind: Exercise, Reviewed: "2025-11-01"},
	}, today))
}

func TestHelpLinesReachTwentyCountries(t *testing.T) {
	countries := map[string]bool{}
	for _, r := range helpLines {
		if r.Line == nil || !slices.Contains(r.Line.Dangers, string(crisis.Suicide)) {
			continue // a line for widowed people alone does not make a country reached
		}
		for _, region := range r.Regions {
			countries[region] = true
		}
	}
	require.GreaterOrEqual(t, len(countries), 20, "%v", slices.Sorted(maps.Keys(countries)))
}

func TestFaultyHelpLinesAreRefused(t *testing.T) {
	const line = "- {id: a, kind: help_line, title: T, topics: [x], needs: [growth], emotions: [joy], summary: S, steps: [s], evidence: E, " +
		"format: call, complexity: simple, licence: own wording, "
	for fault, rest := range map[string]string{
		"no source, as a https URL":   "source: 'http://example.org', reviewed: 2026-01-01}",
		"no day of its review":        "source: 'https://example.org', reviewed: lately}",
		"belong together":             "source: 'https://example.org', reviewed: 2026-01-01, regions: [US], line: {say: call 1}}",
		"is for regions":              "source: 'https://example.org', reviewed: 2026-01-01, line: {say: call 1, dangers: [abuse]}}",
		"not a country's code":        "source: 'https://example.org', reviewed: 2026-01-01, regions: [usa]}",
		"no emergency number":         "source: 'https://example.org', reviewed: 2026-01-01, emergency: [{regions: [US], source: 'https://example.org', reviewed: 2026-01-01}]}",
		"only a help line has a line": "source: 'https://example.org', reviewed: 2026-01-01}\n- {id: b, kind: exercise, line: {say: call 1, dangers: [abuse]}}",
	} {
		_, err := load(fstest.MapFS{"library/x.yaml": {Data: []byte(line + rest)}})
		require.ErrorContains(t, err, fault)
	}
}

func TestHelpIsThatOfTheCountry(t *testing.T) {
	require.Equal(t, []string{"call or text 988, at any hour"}, HelpIn("US", string(crisis.Suicide)))
	require.Equal(t, []string{"call Samaritans on 116 123, free and at any hour"}, HelpIn("IE", string(crisis.SelfHarm)))
	require.Contains(t, HelpIn("DE", string(crisis.Abuse))[0], "116 016")
	require.Empty(t, HelpIn("FR", string(crisis.Abuse)))
	require.Empty(t, HelpIn("", string(crisis.Suicide)))
	require.Empty(t, HelpIn("ZZ", string(crisis.Suicide)))
	require.Equal(t, "999 or 112", EmergencyNumber("GB"))
	require.Equal(t, "112", EmergencyNumber("NO"))
	require.Empty(t, EmergencyNumber("ZZ"))
	require.Empty(t, EmergencyNumber(""))
	for _, r := range helpLines {
		if r.Line == nil {
			continue
		}
		for _, danger := range r.Line.Dangers {
			require.Contains(t, []crisis.Kind{crisis.Suicide, crisis.SelfHarm, crisis.Abuse, crisis.DangerToOthers, crisis.MedicalEmergency}, crisis.Kind(danger), r.ID)
			for _, region := range r.Regions {
				require.NotEmpty(t, EmergencyNumber(region), "who can be helped in %s can be told its emergency number", region)
			}
		}
	}
}

// What the safe answer says where no country is known is written by hand, and must
// not know numbers that nobody keeps.
func TestNumbersInTheSafeAnswerAreThoseOfTheCollection(t *testing.T) {
	safe, err := os.ReadFile("../synthesis/safe.go")
	require.NoError(t, err)
	var lines []byte
	for _, name := range []string{"help_lines", "help_lines_english", "help_lines_further"} {
		part, err := curated.ReadFile("library/" + name + ".yaml")
		require.NoError(t, err)
		lines = append(lines, part...)
	}
	numbers := regexp.MustCompile(`\d[\d -]*\d`).FindAllString(string(safe), -1)
	require.Greater(t, len(numbers), 8)
	for _, number := range numbers {
		if number != "3166-1" { // the standard for the codes of countries
			require.True(t, strings.Contains(string(lines), strings.TrimSpace(number)), number)
		}
	}
}
