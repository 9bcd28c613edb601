package bridge

import "slices"

// A Line says what a safe answer says of a help line.
type Line struct {
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

// helpLines are at hand from the start: the safe answer is pure, and must not fail
// for a file. Its faults are found by the tests, and by [NewLibrary] with all others.
var helpLines, _ = read(curated, "library/help_lines*.yaml")

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
