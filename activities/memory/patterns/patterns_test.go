package patterns

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// now is a Monday.
var now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// diary is a history that is written down by hand.
type diary struct{ History }

// write notes a feeling on a day before now, at an hour.
func (d *diary) write(daysAgo, hour int, emotion string, about ...uuid.UUID) {
	day := now.AddDate(0, 0, -daysAgo).Truncate(24 * time.Hour)
	d.Turns = append(d.Turns, Turn{ID: uuid.New(), SaidAt: day.Add(time.Duration(hour) * time.Hour), Emotion: emotion, Entities: about})
}

func drawn(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }

func (d *diary) finds(kinds ...Kind) []Echo {
	return slices.DeleteFunc(Find(d.History, Options{Now: now}), func(e Echo) bool { return !slices.Contains(kinds, e.Kind) })
}

// sundays writes for some weeks every other day, and is sad on Sundays.
func (d *diary) sundays(weeks int) {
	for ago := 1; ago <= 7*weeks; ago++ {
		switch day := now.AddDate(0, 0, -ago).Weekday(); {
		case day == time.Sunday:
			d.write(ago, 19, "sadness")
		case ago%2 == 0:
			d.write(ago, 19, []string{"joy", Neutral, "calm"}[ago%3])
		}
	}
}

func TestSadSundaysAreFoundWithWhatShowsThem(t *testing.T) {
	d := &diary{}
	d.sundays(12)
	found := d.finds(Timed)
	require.Len(t, found, 1)
	e := found[0]
	require.Equal(t, "You have been sad nearly every Sunday.", e.Text)
	require.Equal(t, []any{"sadness", "sunday", "nearly every Sunday", 12, 12, 0.0}, []any{e.Emotion, e.When, e.Frequency, e.Times, e.Occasions, e.Elsewhere})
	require.Less(t, e.P, 1e-6)
	require.Equal(t, 0.99, e.Confidence)
	require.Len(t, e.Evidence, 12)
	require.Equal(t, now.AddDate(0, 0, -1).Truncate(24*time.Hour).Add(19*time.Hour), e.Last)
	require.Equal(t, e.Last.AddDate(0, 0, -77), e.First)

	few := &diary{}
	few.sundays(2)
	require.Empty(t, few.finds(Timed), "two Sundays are no pattern")
}

func TestWhoWritesOnSundaysOnlyIsNotSadBecauseOfSundays(t *testing.T) {
	d := &diary{}
	for week := range 30 {
		for range 3 {
			d.write(7*week+1, 18, []string{"sadness", "joy"}[week%2])
		}
		if week%3 == 0 {
			d.write(7*week+3, 18, []string{"sadness", "joy"}[week%2])
		}
	}
	require.Empty(t, d.finds(Timed))
}

func TestABadMonthIsNoPattern(t *testing.T) {
	d := &diary{}
	for ago := 1; ago < 700; ago += 2 {
		emotion := Neutral
		if ago > 100 && ago < 145 {
			emotion = "grief"
		}
		d.write(ago, 9, emotion)
	}
	require.Empty(t, d.finds(Timed), "it came once")
}

func TestNovemberIsFoundOnceItHasComeBack(t *testing.T) {
	november := func(years int) []Echo {
		d, random := &diary{}, rand.New(rand.NewPCG(1, 1))
		for ago := 1; ago < 365*years; ago += 1 + random.IntN(5) {
			emotion := drawn(random, "joy", Neutral, "calm", "anxiety", Neutral, "calm", Neutral)
			if now.AddDate(0, 0, -ago).Month() == time.November && random.IntN(4) > 0 {
				emotion = "anxiety"
			}
			d.write(ago, 9, emotion)
		}
		return d.finds(Timed)
	}
	require.Empty(t, november(1))
	found := november(3)
	require.Len(t, found, 1)
	require.Equal(t, "You have been anxious every November.", found[0].Text)
	require.Equal(t, []int{3, 3}, []int{found[0].Times, found[0].Occasions}, "years")
	require.Less(t, found[0].P, 1e-8, "the days of all years are held against each other")
}

func TestAFeelingOfNovembersAloneIsFound(t *testing.T) {
	d := &diary{}
	for ago := 1; ago < 1000; ago += 3 {
		emotion := Neutral
		if now.AddDate(0, 0, -ago).Month() == time.November && ago%2 == 0 {
			emotion = "grief"
		}
		d.write(ago, 9, emotion)
	}
	found := d.finds(Timed)
	require.Len(t, found, 1)
	require.Equal(t, "november", found[0].When)
}

func TestAngerAroundTomIsFoundAndHisDayIsNot(t *testing.T) {
	tom, ana := uuid.New(), uuid.New()
	d, random := &diary{History: History{Names: map[uuid.UUID]string{tom: "Tom", ana: "sister"}}}, rand.New(rand.NewPCG(1, 1))
	for ago := 1; ago < 150; ago++ {
		d.write(ago, 8, drawn(random, "joy", Neutral))
		d.write(ago, 9, drawn(random, "joy", Neutral), ana)
		if random.IntN(5) == 0 {
			d.write(ago, 10, "anger", tom)
			d.write(ago, 11, drawn(random, "anger", "joy", Neutral), tom)
		}
	}
	found := d.finds(Trigger)
	require.Len(t, found, 1)
	require.Equal(t, "You have nearly always been angry when you spoke of Tom.", found[0].Text)
	require.Equal(t, tom, found[0].Entity)

	d.Words = map[string]string{"dish": "the dishes"}
	for i := range d.Turns {
		if slices.Contains(d.Turns[i].Entities, tom) {
			d.Turns[i].Themes = []string{"dish"}
		}
	}
	require.Len(t, d.finds(Trigger), 1, "the same turns by another name")

	echoes := d.finds(Feeling, Person)
	texts := make([]string, len(echoes))
	for i, e := range echoes {
		texts[i] = e.Text
	}
	require.ElementsMatch(t, []string{"Anger keeps coming back.", "Joy keeps coming back.", "Tom keeps coming up.", "Your sister keeps coming up."}, texts)
}

func TestWhoSpeaksOfManyThingsAtLengthIsNotToldOfTriggers(t *testing.T) {
	d, random := &diary{History: History{Names: map[uuid.UUID]string{}}}, rand.New(rand.NewPCG(1, 1))
	var people []uuid.UUID
	for n := range 16 {
		people = append(people, uuid.UUID{byte(n + 1)})
		d.Names[people[n]] = "somebody"
	}
	for ago := 1; ago < 300; ago++ {
		for range 12 {
			d.write(ago, 9, string(rune('a'+random.IntN(24))), people[random.IntN(len(people))])
		}
	}
	require.LessOrEqual(t, len(d.finds(Trigger)), 1, "what is felt has to do with nobody")
}

func TestHowOftenIsHeldAgainstTheWeeksInWhichThePersonWrote(t *testing.T) {
	d := &diary{}
	for week := range 10 {
		d.write(7*week+1, 9, Neutral)
		if week%3 == 0 {
			d.write(7*week+2, 9, "hope")
		}
	}
	found := d.finds(Feeling)
	require.Len(t, found, 1)
	require.Equal(t, []any{4, 10, "every few weeks"}, []any{found[0].Times, found[0].Occasions, found[0].Frequency})
	require.InDelta(t, 0.9, found[0].Confidence, 0.09)
}

func TestWhatCameUpInFewOfManyWeeksDoesNotKeepComingUp(t *testing.T) {
	hopes := func(days ...int) []Echo {
		d := &diary{}
		for week := range 10 {
			d.write(7*week+1, 9, Neutral)
		}
		for _, ago := range days {
			d.write(ago, 9, "hope")
		}
		return d.finds(Feeling)
	}
	require.Empty(t, hopes(1, 2, 3, 8), "a matter of these days")
	require.Empty(t, hopes(1, 30), "twice")
	require.Empty(t, hopes(2, 2, 2), "one day")
	require.Len(t, hopes(1, 8, 15), 1)
	d := &diary{}
	d.write(2, 9, "hope")
	d.write(3, 9, "hope")
	d.write(3, 9, "hope")
	require.Len(t, d.finds(Feeling), 1, "of one week that is all")
	d.Turns[0].SaidAt = d.Turns[1].SaidAt
	require.Empty(t, d.finds(Feeling), "of one day it is not")
}

func TestTheOrderOfTheHistoryChangesNothing(t *testing.T) {
	d := &diary{}
	d.sundays(20)
	want := Find(d.History, Options{Now: now})
	require.NotEmpty(t, want)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(d.Turns), func(i, j int) { d.Turns[i], d.Turns[j] = d.Turns[j], d.Turns[i] })
	require.Equal(t, want, Find(d.History, Options{Now: now}))
}

func TestWhatTheFutureOrALongPastHoldsIsLeftOut(t *testing.T) {
	d := &diary{}
	for n := range 5 {
		d.write(-1-n, 9, "joy")
		d.write(100+n, 9, "hope")
	}
	require.Empty(t, Find(d.History, Options{Now: now}))
	require.Empty(t, Find(History{}, Options{Now: now}))
}

func TestDaysBeginWhereAndWhenThePersonsDo(t *testing.T) {
	utc := newCalendar(nil)
	late := utc.moment(time.Date(2026, time.March, 2, 1, 30, 0, 0, time.UTC))
	require.Equal(t, time.Sunday, late.weekday, "half past one in the night of a Monday is Sunday's night")
	require.Equal(t, night, late.part)
	sunday, monday := utc.moment(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)), utc.moment(now)
	require.Equal(t, sunday.week+1, monday.week, "weeks begin on Monday")
	require.Equal(t, late.day+1, monday.day)

	sydney, err := time.LoadLocation("Australia/Sydney")
	require.NoError(t, err)
	there := newCalendar(sydney).moment(time.Date(2026, time.July, 5, 20, 0, 0, 0, time.UTC))
	require.Equal(t, []any{time.Monday, morning, winter}, []any{there.weekday, there.part, there.season}, "it is Monday, six in the morning, in winter")
	require.Equal(t, summer, utc.moment(time.Date(2026, time.July, 5, 20, 0, 0, 0, time.UTC)).season)
	require.Equal(t, 2025, utc.moment(time.Date(2026, time.January, 5, 20, 0, 0, 0, time.UTC)).turn(), "the winter of last year")
}

func TestATimeZoneMovesPatterns(t *testing.T) {
	d := &diary{}
	d.sundays(12) // at seven in the evening, which is Monday morning in Auckland
	auckland := time.FixedZone("Auckland", 13*60*60)
	found := Find(d.History, Options{Now: now, Location: auckland})
	require.True(t, slices.ContainsFunc(found, func(e Echo) bool { return e.When == "monday" }))
	require.False(t, slices.ContainsFunc(found, func(e Echo) bool { return e.When == "sunday" }))
}

func TestSentencesForEveryFrequency(t *testing.T) {
	said := func(name string, times, of int) string {
		at := slices.IndexFunc(spans, func(s span) bool { return s.name == name })
		c := candidate{span: spans[at], echo: Echo{Emotion: "sadness", Times: times, Occasions: of}, evidence: func() []placed { return []placed{{Turn: &Turn{}}} }}
		return wording([]candidate{c})[0].Text
	}
	require.Equal(t, "You have been sad nearly every Sunday.", said("sunday", 18, 20))
	require.Equal(t, "You have been sad on most Sundays.", said("sunday", 12, 20))
	require.Equal(t, "You have often been sad on Sundays.", said("sunday", 8, 20))
	require.Equal(t, "You have been sad more on Sundays than on other days.", said("sunday", 3, 20))
	require.Equal(t, "You have been sad most evenings.", said("evening", 12, 20))
	require.Equal(t, "You have often been sad at night.", said("night", 8, 20))
	require.Equal(t, "You have been sad more during the week than at weekends.", said("working days", 3, 20))
	require.Equal(t, "You have been sad every autumn.", said("autumn", 3, 3))
	require.Equal(t, "You have been sad most Novembers.", said("november", 2, 3))
	require.Equal(t, "often felt guilt", been("guilt", "often"))
}
