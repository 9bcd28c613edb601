package when

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moment is a Wednesday in autumn.
var moment = time.Date(2025, 11, 19, 15, 30, 0, 0, time.UTC)

// shown writes spans as "from..to", without hours at midnight.
func shown(spans []Span) []string {
	var list []string
	for _, s := range spans {
		list = append(list, stamp(s.From)+".."+stamp(s.To))
	}
	return list
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.Hour() == 0 && t.Minute() == 0 {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02T15:04")
}

func TestATextNamesTimes(t *testing.T) {
	now := "2025-11-19T15:30"
	for text, want := range map[string][]string{
		// Days.
		"I slept badly yesterday":             {"2025-11-18..2025-11-19"},
		"Yesterday evening we ate out":        {"2025-11-18T17:00..2025-11-19"},
		"this morning I ran":                  {"2025-11-19T05:00..2025-11-19T12:00"},
		"What happened last night?":           {"2025-11-18T18:00..2025-11-19T06:00"},
		"the day before yesterday":            {"2025-11-17..2025-11-18"},
		"the night before last I dreamt":      {"2025-11-17T18:00..2025-11-18T06:00"},
		"I met her the other day.":            {"2025-11-09..2025-11-19"},
		"tomorrow I fly, today I pack":        {"2025-11-20..2025-11-21", "2025-11-19..2025-11-20"},
		"earlier today and earlier this week": {"2025-11-19.." + now, "2025-11-17.." + now},
		"on Monday she rang":                  {"2025-11-17..2025-11-18"},
		"On Wednesday it rained":              {"2025-11-19..2025-11-20"},
		"last Wednesday it rained":            {"2025-11-12..2025-11-13"},
		"this Friday":                         {"2025-11-21..2025-11-22"},
		"next Tuesday":                        {"2025-11-25..2025-11-26"},
		"The report is due on Friday":         {"2025-11-21..2025-11-22"},
		"I'll see him Monday morning":         {"2025-11-24T05:00..2025-11-24T12:00"},
		"I will rest. Monday was hard":        {"2025-11-17..2025-11-18"},
		"at the weekend we hiked":             {"2025-11-15..2025-11-17"},
		"this weekend, not last weekend":      {"2025-11-22..2025-11-24", "2025-11-15..2025-11-17"},
		"next weekend":                        {"2025-11-22..2025-11-24"},
		// Weeks, months, years.
		"last week":                            {"2025-11-10..2025-11-17"},
		"this week's list":                     {"2025-11-17..2025-11-24"},
		"the week before last":                 {"2025-11-03..2025-11-10"},
		"next month":                           {"2025-12-01..2026-01-01"},
		"last year was hard":                   {"2024-01-01..2025-01-01"},
		"the year before last":                 {"2023-01-01..2024-01-01"},
		"two days ago":                         {"2025-11-17..2025-11-18"},
		"two weeks ago":                        {"2025-11-02..2025-11-09"},
		"a couple of weeks ago":                {"2025-11-02..2025-11-09"},
		"three months ago":                     {"2025-08-04..2025-09-04"},
		"a year ago":                           {"2024-05-20..2025-05-21"},
		"in the last two weeks":                {"2025-11-05.." + now},
		"over the past few months":             {"2025-08-19.." + now},
		"in this past year, and the past week": {"2024-11-19.." + now, "2025-11-12.." + now},
		"I have been tired lately":             {"2025-10-19.." + now},
		"I will know in three days":            {"2025-11-22..2025-11-23"},
		"two weeks from now":                   {"2025-11-30..2025-12-07"},
		// Months, seasons, holidays.
		"in May I moved":               {"2025-05-01..2025-06-01"},
		"in December I moved":          {"2024-12-01..2025-01-01"},
		"I will move in December":      {"2025-12-01..2026-01-01"},
		"last March":                   {"2025-03-01..2025-04-01"},
		"last November":                {"2024-11-01..2024-12-01"},
		"in May 2019 and June of 2020": {"2019-05-01..2019-06-01", "2020-06-01..2020-07-01"},
		"in March last year":           {"2024-03-01..2024-04-01"},
		"last spring":                  {"2025-03-01..2025-06-01"},
		"last autumn":                  {"2024-09-01..2024-12-01"},
		"this summer":                  {"2025-06-01..2025-09-01"},
		"over the summer":              {"2025-06-01..2025-09-01"},
		"in the summer of 2019":        {"2019-06-01..2019-09-01"},
		"in winter":                    {"2024-12-01..2025-03-01"},
		"winter 2023 was mild":         {"2023-12-01..2024-03-01"},
		"next winter":                  {"2025-12-01..2026-03-01"},
		"Over Christmas we quarrelled": {"2024-12-24..2024-12-28"},
		"last Christmas Eve":           {"2024-12-24..2024-12-25"},
		"at New Year's":                {"2024-12-31..2025-01-02"},
		"Easter 2024":                  {"2024-03-29..2024-04-02"},
		"at Thanksgiving 2023":         {"2023-11-23..2023-11-27"},
		"on Valentine's Day":           {"2025-02-14..2025-02-15"},
		"in early March":               {"2025-03-01..2025-03-13"},
		"mid-May":                      {"2025-05-10..2025-05-23"},
		"at the end of last year":      {"2024-09-13..2025-01-01"},
		// Dates and years.
		"on 3 May":                    {"2025-05-03..2025-05-04"},
		"on the 3rd of May 2019":      {"2019-05-03..2019-05-04"},
		"May 3rd, 2019, was a Friday": {"2019-05-03..2019-05-04"},
		"She died on January 19th.":   {"2025-01-19..2025-01-20"},
		"on 2025-03-02 it broke":      {"2025-03-02..2025-03-03"},
		"In 2019 I was in Rome":       {"2019-01-01..2020-01-01"},
		"in the nineties":             {"1990-01-01..2000-01-01"},
		// Ranges.
		"between March and May":                          {"2025-03-01..2025-06-01"},
		"between March and May 2019":                     {"2019-03-01..2019-06-01"},
		"between November and January":                   {"2024-11-01..2025-02-01"},
		"from Monday to Wednesday":                       {"2025-11-17..2025-11-20"},
		"between 3 and 5 May":                            {"2025-05-03..2025-05-06"},
		"from 2017 to 2019":                              {"2017-01-01..2020-01-01"},
		"since March":                                    {"2025-03-01.." + now},
		"after last Christmas":                           {"2024-12-28.." + now},
		"before 2019":                                    {"..2019-01-01"},
		"until last week":                                {"..2025-11-17"},
		"until the end of August, and from September on": {"..2025-09-01", "2025-09-01..2025-10-01"},
		// No times.
		"a free weekend, the first weekend, Sunday mornings": nil,
		"I may go. April said she would march. We sprang":    nil,
		"a summer dress and a spring in the clock":           nil,
		"it took two weeks, for three years":                 nil,
		"Every Sunday, a Monday, on Mondays":                 nil,
		"bus 2019 came; room 1990":                           nil,
		"I have two sisters and the last word":               nil,
		"I lost my May, every April":                         nil,
		"":                                                   nil,
		"’ – \xff 1 a an the last next this":                 nil,
	} {
		assert.Equal(t, want, shown(Parse(text, moment)), text)
	}
}

func TestTimesWrapAroundTheYear(t *testing.T) {
	for _, c := range []struct{ text, at, want string }{
		{"in December", "2026-01-02", "2025-12-01..2026-01-01"},
		{"last week", "2026-01-01", "2025-12-22..2025-12-29"},
		{"last month", "2026-01-31", "2025-12-01..2026-01-01"},
		{"this winter", "2026-01-10", "2025-12-01..2026-03-01"},
		{"this winter", "2026-03-10", "2025-12-01..2026-03-01"},
		{"this winter", "2025-10-10", "2025-12-01..2026-03-01"},
		{"last winter", "2026-01-10", "2024-12-01..2025-03-01"},
		{"last spring", "2025-04-10", "2024-03-01..2024-06-01"},
		{"between November and January", "2026-02-01", "2025-11-01..2026-02-01"},
		{"on 29 February", "2025-03-05", "2025-02-28..2025-03-01"},
		{"on 29 February 2024", "2025-03-05", "2024-02-29..2024-03-01"},
		{"a year ago", "2024-02-29", "2022-08-29..2023-08-30"},
		{"in the last month", "2025-03-31", "2025-02-01..2025-03-01"},
		{"over the last two months", "2025-04-30", "2025-02-28..2025-04-30"},
		{"on Sunday", "2025-11-23", "2025-11-23..2025-11-24"},
		{"last weekend", "2025-11-23", "2025-11-15..2025-11-17"},
	} {
		at, err := time.Parse(time.DateOnly, c.at)
		require.NoError(t, err)
		assert.Equal(t, []string{c.want}, shown(Parse(c.text, at)), "%s at %s", c.text, c.at)
	}
}

func TestDaysBeginWhereThePersonIs(t *testing.T) {
	zone := time.FixedZone("", 9*60*60)
	at := time.Date(2025, 11, 19, 1, 0, 0, 0, zone) // still the 18th in UTC
	require.True(t, Parse("yesterday", at)[0].From.Equal(time.Date(2025, 11, 18, 0, 0, 0, 0, zone)))
}

func TestSpansLieWhereTheirWordsAre(t *testing.T) {
	text := "Naïve: between March and May I’d run, and yesterday’s rain…"
	spans := Parse(text, moment)
	require.Len(t, spans, 2)
	require.Equal(t, "between March and May", text[spans[0].Start:spans[0].End])
	require.Equal(t, "yesterday’s", text[spans[1].Start:spans[1].End])
	require.True(t, spans[1].Contains(spans[1].From))
	require.False(t, spans[1].Contains(spans[1].To))
}

func TestQuestionsNameEvents(t *testing.T) {
	for question, want := range map[string][]Anchor{
		"What was I afraid of before the move?":                   {{Relation: Before, Event: "the move"}},
		"Who did I room with when I was in Rome?":                 {{Relation: During, Event: "I was in Rome"}},
		"When I was in Rome, who did I room with?":                {{Relation: During, Event: "I was in Rome"}},
		"When I lived in Rome who did I room with?":               {{Relation: During, Event: "I lived in Rome"}},
		"When did I move?":                                        nil,
		"When was the last time before the surgery that I ran?":   {{Relation: Before, Event: "the surgery that I ran"}},
		"What has changed since Maya's wedding?":                  {{Relation: After, Event: "Maya's wedding"}},
		"Did I smoke after the surgery or until the baby came?":   {{Relation: After, Event: "the surgery or"}, {Relation: Before, Event: "the baby came"}},
		"What did I eat before 2019, after that and during March": nil,
		"Who looked after the dog? Who is named after a saint?":   nil,
	} {
		got := Anchors(question)
		for i, a := range got {
			require.Contains(t, question[a.Start:a.End], a.Event)
			got[i].Start, got[i].End = 0, 0
		}
		assert.Equal(t, want, got, question)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("from 31 to 29 February 2023, the last few, mid-, between 3 and May", int64(1e9))
	f.Add("last Christmas Eve's morning 2025-02-30 the the last", int64(0))
	f.Add("Between", int64(0))
	f.Add("0000 mid", int64(0))
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		at := time.Unix(seconds%(1<<33), 0)
		end := 0
		for _, s := range Parse(text, at) {
			require.True(t, s.From.Before(s.To), "%q: %v", text, s)
			require.True(t, end <= s.Start && s.Start < s.End && s.End <= len(text), "%q: %v", text, s)
			end = s.End
		}
		Anchors(text)
	})
}
