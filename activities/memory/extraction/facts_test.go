package extraction

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown is "subject label object", with "not" before the slot of what ends.
func shown(facts []Fact) string {
	var list []string
	for _, f := range facts {
		who := f.Subject
		if who == "" {
			who = "I"
		}
		if f.Ends {
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s not %s %s", who, f.Slot, f.Object)))
			continue
		}
		list = append(list, fmt.Sprintf("%s %s %s", who, f.Label, f.Object))
	}
	return strings.Join(list, "; ")
}

func TestAMessageStatesWhatHoldsNow(t *testing.T) {
	for text, want := range map[string]string{
		"I live in Porto now.":                                             "I lives in Porto",
		"We've just moved to New York, and I work at Siemens.":             "I lives in New York; I works at Siemens",
		"My sister Maya moved to Lisbon in March.":                         "Maya lives in Lisbon",
		"My brother works for the Red Cross and lives in Leeds.":           "brother works at Red Cross; brother lives in Leeds",
		"Maya called. She moved to Rome!":                                  "Maya lives in Rome",
		"My mum and Tom were here. He works as a bus driver.":              "Tom works as bus driver",
		"I'm a nurse, I'm 38 and I'm from Calabar.":                        "I works as nurse; I is aged 38; I is from Calabar",
		"I got a job as a junior baker.":                                   "I works as junior baker",
		"I'm dating Sam. I hate broccoli, but I love swimming.":            "I is with Sam; I dislikes broccoli; I likes swimming",
		"I don't like Brussels any more.":                                  "I dislikes Brussels",
		"I'm vegan now and allergic to peanuts.":                           "I is vegan; I is allergic to peanuts",
		"We adopted a dog called Rex. Ben has a cat named Miso.":           "I has Rex; Ben has Miso",
		"I study marine biology at night. I play the accordion.":           "I studies marine biology; I plays accordion",
		"I quit my job and moved out of Leeds.":                            "I not employer; I not home Leeds",
		"I no longer live in Rome. I don't work at Siemens anymore.":       "I not home Rome; I not employer Siemens",
		"I used to live in Rome.":                                          "I not home Rome",
		"I broke up with Sam, I've stopped smoking and I eat meat again.":  "I not partner Sam; I not does:smoking smoking; I not diet",
		"After the flood we moved back to Ghent because rents had fallen.": "",
	} {
		assert.Equal(t, want, shown(Facts(text)), text)
	}
}

func TestWishesGuessesAndQuestionsStateNothing(t *testing.T) {
	for _, text := range []string{
		"I want to live in Porto.", "I might work at Siemens.", "Do I live in Rome?", "If I lived in Rome I'd be happy.", "I'm going to move to Leeds.",
		"I never lived in Rome.", "I don't live in Rome.", "I almost moved to Berlin.", "Does Maya live in Rome?", "I'm 20 minutes late.", "I'm a mess.",
		"I left Tom's party early.", "I moved to the sofa.", "They live in Rome.", "I'm in love.", "", "I", "I live in", "we moved to", "My sister",
	} {
		assert.Empty(t, shown(Facts(text)), text)
	}
}

func TestNamesAreWhatTheWordsAroundThemMakeThem(t *testing.T) {
	for text, want := range map[string]string{
		"I met Tom in Porto.":                  "Tom person, Porto place",
		"We flew to Oslo with Kim.":            "Oslo place, Kim person",
		"I have an interview at Siemens.":      "Siemens organisation",
		"I wrote to Ana, and Dr. Meyer wrote.": "Ana , Meyer person",
		"My dog is old. My sister sings.":      "dog animal, sister person",
		"I went to yoga, then pottery.":        "yoga activity, pottery activity",
	} {
		var list []string
		for _, m := range Mentions(text) {
			list = append(list, m.Name+" "+string(m.Type))
		}
		require.Equal(t, want, strings.Join(list, ", "), text)
	}
}

func FuzzReadingSurvivesAnyText(f *testing.F) {
	f.Add("I'm a nurse and she's in Porto, my sister Maya's; we used to")
	f.Add("my my my sister")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range Mentions(text) {
			require.NotEmpty(t, Normal(m.Name))
		}
		for _, fact := range Facts(text) {
			require.NotEmpty(t, fact.Slot)
			require.True(t, fact.Ends || fact.Object != "", "%+v", fact)
		}
	})
}
