package patterns

import "time"

// dawn is the hour at which a person's day begins: what is written at one in the
// night belongs to the evening before.
const dawn = 5

// calendar reads times where a person lives.
type calendar struct {
	where *time.Location
	// southern: winter is in July.
	southern bool
}

func newCalendar(where *time.Location) calendar {
	if where == nil {
		where = time.UTC
	}
	_, january := time.Date(2025, time.January, 15, 12, 0, 0, 0, where).Zone()
	_, july := time.Date(2025, time.July, 15, 12, 0, 0, 0, where).Zone()
	// Clocks go forward for the summer. Where they don't, north is assumed.
	return calendar{where: where, southern: january > july}
}

// moment is a time as people speak of it.
type moment struct {
	// day and week are counted from a common beginning; weeks begin on Monday.
	day, week int
	weekday   time.Weekday
	part      part
	year      int
	month     time.Month
	season    season
}

type part int

const (
	morning part = iota
	afternoon
	evening
	night
)

type season int

const (
	winter season = iota
	spring
	summer
	autumn
)

func (c calendar) moment(t time.Time) moment {
	local := t.In(c.where)
	y, m, d := local.Add(-dawn * time.Hour).Date()
	const secondsOfDay, monday = 24 * 60 * 60, 3 // the first day, 1 January 1970, was a Thursday
	day := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsOfDay)
	at := moment{day: day, week: (day + monday) / 7, weekday: time.Weekday((day + 4) % 7), year: y, month: m, season: season(m % 12 / 3)}
	if c.southern {
		at.season = (at.season + 2) % 4
	}
	switch hour := local.Hour(); {
	case hour < dawn || hour >= 22:
		at.part = night
	case hour >= 17:
		at.part = evening
	case hour >= 12:
		at.part = afternoon
	}
	return at
}

// axis is a cycle in which a pattern may lie.
type axis int

const (
	ofDay axis = iota
	ofWeek
	ofYear
)

// span is a part of a cycle.
type span struct {
	axis axis
	name string
	// holds reports whether a moment lies in it.
	holds func(moment) bool
	// plural for the sentence "most Sundays", and often for "often on Sundays";
	// others are the times it is compared with.
	one, plural, often, others string
}

// spans are all parts of cycles that are looked at.
var spans = makeSpans()

func makeSpans() []span {
	all := []span{
		{axis: ofWeek, name: "weekend", holds: func(m moment) bool { return m.weekend() }, one: "weekend", plural: "weekends", often: "at weekends", others: "during the week"},
		{axis: ofWeek, name: "working days", holds: func(m moment) bool { return !m.weekend() }, one: "working day", plural: "working days", often: "during the week", others: "at weekends"},
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := d.String()
		all = append(all, span{
			axis: ofWeek, name: lower(name), holds: func(m moment) bool { return m.weekday == d },
			one: name, plural: name + "s", often: "on " + name + "s", others: "on other days",
		})
	}
	for p, name := range []string{"morning", "afternoon", "evening", "night"} {
		often := "in the " + name
		if part(p) == night {
			often = "at night"
		}
		all = append(all, span{
			axis: ofDay, name: name, holds: func(m moment) bool { return m.part == part(p) },
			one: name, plural: name + "s", often: often, others: "at other times of the day",
		})
	}
	for month := time.January; month <= time.December; month++ {
		name := month.String()
		all = append(all, span{
			axis: ofYear, name: lower(name), holds: func(m moment) bool { return m.month == month },
			one: name, plural: name + "s", often: "in " + name, others: "in other months",
		})
	}
	for n, name := range []string{"winter", "spring", "summer", "autumn"} {
		all = append(all, span{
			axis: ofYear, name: name, holds: func(m moment) bool { return m.season == season(n) },
			one: name, plural: name + "s", often: "in " + name, others: "in other seasons",
		})
	}
	return all
}

func (m moment) weekend() bool { return m.weekday == time.Saturday || m.weekday == time.Sunday }

// turn is the year that this moment's month or season counts to: January's winter
// began the year before.
func (m moment) turn() int {
	if m.month < time.March {
		return m.year - 1
	}
	return m.year
}
