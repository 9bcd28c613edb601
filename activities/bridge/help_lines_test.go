package bridge

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
)

// today is the day against which the reviews are held. Move it on with a release,
// and review what then is red (docs/runbooks/escalation.md).
var today = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestEveryHelpLineHasASourceAndWasReviewedWithinAYear(t *testing.T) {
	require.NotEmpty(t, helpLines)
	require.Empty(t, OverdueHelpLines(today))
	require.Len(t, OverdueHelpLines(today.AddDate(1, 0, 1)), len(helpLines)+8, "and all of them are due at some time, each emergency number too")
	require.Equal(t, []string{"a", "b", "c", "d", "d 1"}, overdue([]Resource{
		{ID: "a"},
		{ID: "b", Line: &Line{Reviewed: "2026-11-01"}},
		{ID: "c", Line: &Line{Source: "https://c.example", Reviewed: "2025-11-01"}},
		{ID: "d", Line: &Line{Source: "https://d.example", Reviewed: "2027-11-01"}, Emergency: []Emergency{{Number: "1"}}},
		{ID: "e", Line: &Line{Source: "https://e.example", Reviewed: "2026-11-01"}},
	}, today))
}

func TestFaultyHelpLinesAreRefused(t *testing.T) {
	const line = "- {id: a, kind: help_line, title: T, topics: [x], needs: [growth], emotions: [joy], summary: S, steps: [s], evidence: E, "
	for fault, rest := range map[string]string{
		"a help line, and nothing else, has a line": "regions: [US]}",
		"no source, as a https URL":                 "line: {source: 'example.org', reviewed: 2026-01-01}}",
		"no day of its review":                      "line: {source: 'https://example.org', reviewed: lately}}",
		"belong together":                           "regions: [US], line: {source: 'https://example.org', reviewed: 2026-01-01, say: call 1}}",
		"is for regions":                            "line: {source: 'https://example.org', reviewed: 2026-01-01, say: call 1, dangers: [abuse]}}",
		"not a country's code":                      "regions: [usa], line: {source: 'https://example.org', reviewed: 2026-01-01}}",
		"no emergency number":                       "emergency: [{regions: [US], source: 'https://example.org', reviewed: 2026-01-01}], line: {source: 'https://example.org', reviewed: 2026-01-01}}",
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
	lines, err := curated.ReadFile("library/help_lines.yaml")
	require.NoError(t, err)
	numbers := regexp.MustCompile(`\d[\d -]*\d`).FindAllString(string(safe), -1)
	require.Greater(t, len(numbers), 8)
	for _, number := range numbers {
		if number != "3166-1" { // the standard for the codes of countries
			require.True(t, strings.Contains(string(lines), strings.TrimSpace(number)), number)
		}
	}
}
