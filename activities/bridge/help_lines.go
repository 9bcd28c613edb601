package bridge

import (
	"fmt"
	"slices"
	"time"
)

// A Line says how a help line is kept true, and what a safe answer says of it.
type Line struct {
	// Source is the page where the service publishes how to reach it.
	Source string `yaml:"source"`
	// Reviewed is the day when somebody last went through the entry, as 2006-01-02.
	Reviewed string `yaml:"reviewed"`
	// Dangers are the kinds of crisis (crisis.Kind) whose safe answer names the line.
	Dangers []string `yaml:"dangers"`
	// Say is what it says, as a part of a sentence.
	Say string `yaml:"say"`
}

// Emergency is the number of the emergency services in some countries.
type Emergency struct {
	Number   string   `yaml:"number"`
	Regions  []string `yaml:"regions"`
	Source   string   `yaml:"source"`
	Reviewed string   `yaml:"reviewed"`
}

// reviewEvery is how long the review of a help line holds.
const reviewEvery = 365 * 24 * time.Hour

// helpLines are at hand from the start: the safe answer is pure, and must not fail
// for a file. Its faults are found by the tests, and by [NewLibrary] with all others.
var helpLines, _ = loadFile(curated, "library/help_lines.yaml")

// HelpIn returns what to say of the lines for one danger in a country (ISO 3166-1
// alpha-2), in the order of the collection; none for a country that it lacks.
func HelpIn(region, danger string) []string {
	var say []string
	for _, r := range helpLines {
		if r.Line != nil && slices.Contains(r.Regions, region) && slices.Contains(r.Line.Dangers, danger) {
			say = append(say, r.Line.Say)
		}
	}
	return say
}

// EmergencyNumber is that of a country, "" for one that the collection lacks.
func EmergencyNumber(region string) string {
	for _, r := range helpLines {
		for _, e := range r.Emergency {
			if slices.Contains(e.Regions, region) {
				return e.Number
			}
		}
	}
	return ""
}

// OverdueHelpLines names the help lines that nobody has reviewed for a year, or at
// all, as of now.
func OverdueHelpLines(now time.Time) []string { return overdue(helpLines, now) }

func overdue(lines []Resource, now time.Time) []string {
	var ids []string
	check := func(id, source, reviewed string) {
		day, err := time.Parse(time.DateOnly, reviewed)
		if err != nil || source == "" || now.Sub(day) > reviewEvery || day.After(now) {
			ids = append(ids, id)
		}
	}
	for _, r := range lines {
		if r.Line == nil {
			ids = append(ids, r.ID)
			continue
		}
		check(r.ID, r.Line.Source, r.Line.Reviewed)
		for _, e := range r.Emergency {
			check(fmt.Sprintf("%s %s", r.ID, e.Number), e.Source, e.Reviewed)
		}
	}
	return ids
}
