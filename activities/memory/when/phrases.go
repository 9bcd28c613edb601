package when

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// phrase reads what is said in fixed words, with a part of the day behind it.
func (r reader) phrase(i int) (stretch, int) {
	if next, ok := r.follows(i, "the"); ok {
		if r.is(next, "weekend") && r.behind(i, "at", "on", "over", "during") {
			return r.weekend(latest), next + 1
		}
		if s, end := r.phrase(next); end > next && !r.is(next, "yesterday", "today", "tomorrow") {
			return s, end
		}
		return stretch{}, i
	}
	for _, p := range phrases {
		next, ok := r.follows(i, p.words...)
		if !ok {
			continue
		}
		s := p.time(r)
		if next < len(r.words) && p.day {
			if part, ok := dayParts[r.lower(next)]; ok && r.is(next, r.lower(next)) {
				return hours(s.from, part), next + 1
			}
		}
		return s, next
	}
	return stretch{}, i
}

// phrases stand longest first. A day may be followed by a part of it.
var phrases = []struct {
	words []string
	time  func(reader) stretch
	day   bool
}{
	{[]string{"day", "before", "yesterday"}, ofDays(-2, 1), true},
	{[]string{"day", "after", "tomorrow"}, ofDays(2, 1), true},
	{[]string{"night", "before", "last"}, func(r reader) stretch { return hours(r.today().AddDate(0, 0, -2), dayParts["night"]) }, false},
	{[]string{"week", "before", "last"}, ofWeeks(-2, 1), false},
	{[]string{"month", "before", "last"}, ofMonths(-2, 1), false},
	{[]string{"year", "before", "last"}, ofYears(-2), false},
	{[]string{"earlier", "today"}, untilNow(ofDays(0, 1)), false},
	{[]string{"earlier", "this", "week"}, untilNow(ofWeeks(0, 1)), false},
	{[]string{"earlier", "this", "month"}, untilNow(ofMonths(0, 1)), false},
	{[]string{"earlier", "this", "year"}, untilNow(ofYears(0)), false},
	{[]string{"last", "night"}, func(r reader) stretch { return hours(r.today().AddDate(0, 0, -1), dayParts["night"]) }, false},
	{[]string{"this", "morning"}, ofToday("morning"), false},
	{[]string{"this", "afternoon"}, ofToday("afternoon"), false},
	{[]string{"this", "evening"}, ofToday("evening"), false},
	// What has lately been is not said to the day.
	{[]string{"other", "day"}, func(r reader) stretch { return stretch{from: r.today().AddDate(0, 0, -10), to: r.today()} }, false},
	{[]string{"yesterday"}, ofDays(-1, 1), true},
	{[]string{"today"}, ofDays(0, 1), true},
	{[]string{"tomorrow"}, ofDays(1, 1), true},
	{[]string{"tonight"}, ofToday("night"), false},
	{[]string{"recently"}, lately, false},
	{[]string{"lately"}, lately, false},
}

func lately(r reader) stretch { return stretch{from: r.today().AddDate(0, -1, 0), to: r.at} }

func ofDays(from, n int) func(reader) stretch {
	return func(r reader) stretch { return r.days(from, n) }
}

func ofToday(part string) func(reader) stretch {
	return func(r reader) stretch { return hours(r.today(), dayParts[part]) }
}

func ofWeeks(from, n int) func(reader) stretch {
	return func(r reader) stretch {
		first := monday(r.today()).AddDate(0, 0, 7*from)
		return stretch{from: first, to: first.AddDate(0, 0, 7*n)}
	}
}

func ofMonths(from, n int) func(reader) stretch {
	return func(r reader) stretch {
		y, m, _ := r.at.Date()
		return stretch{from: r.midnight(y, m+time.Month(from), 1), to: r.midnight(y, m+time.Month(from+n), 1)}
	}
}

func ofYears(from int) func(reader) stretch {
	return func(r reader) stretch {
		return stretch{from: r.midnight(r.at.Year()+from, 1, 1), to: r.midnight(r.at.Year()+from+1, 1, 1)}
	}
}

func untilNow(time func(reader) stretch) func(reader) stretch {
	return func(r reader) stretch { return stretch{from: time(r).from, to: r.at} }
}

// weekend is Saturday and Sunday.
func (r reader) weekend(c choice) stretch {
	saturday := monday(r.today()).AddDate(0, 0, 5)
	switch {
	case c == coming && !saturday.After(r.at):
		saturday = saturday.AddDate(0, 0, 7)
	case c == previous, c == latest && saturday.After(r.at):
		saturday = saturday.AddDate(0, 0, -7)
	}
	return stretch{from: saturday, to: saturday.AddDate(0, 0, 2)}
}

// ago reads "two weeks ago" and "in two weeks' time". The day is meant of days; of
// anything longer, one such unit around that day.
func (r reader) ago(i int) (stretch, int) {
	from := i
	if r.is(i, "in") {
		from++
	}
	n, next := r.number(from)
	if next == from || next >= len(r.words) {
		return stretch{}, i
	}
	unit, next := r.unit(next)
	if unit == "" {
		return stretch{}, i
	}
	switch {
	case r.is(next, "ago", "earlier") && from == i:
		return r.around(-n, unit), next + 1
	case r.is(next, "from") && r.is(next+1, "now"):
		return r.around(n, unit), next + 2
	case r.is(next, "time") && from > i:
		return r.around(n, unit), next + 1
	case from > i && r.ahead(i):
		return r.around(n, unit), next
	}
	return stretch{}, i
}

// around is one unit around the day that is n of them away.
func (r reader) around(n int, unit string) stretch {
	before, after := 0, 1
	day := r.today()
	switch unit {
	case "day":
		day = day.AddDate(0, 0, n)
	case "week":
		day, before, after = day.AddDate(0, 0, 7*n), 3, 4
	case "month":
		day, before, after = r.monthsFrom(n), 15, 16
	case "year":
		day, before, after = r.monthsFrom(12*n), 183, 183
	case "decade":
		day, before, after = r.monthsFrom(120*n), 5*365, 5*365
	}
	return stretch{from: day.AddDate(0, 0, -before), to: day.AddDate(0, 0, after)}
}

// monthsFrom is the day so many months away; the last of a month that is too short.
func (r reader) monthsFrom(n int) time.Time {
	y, m, d := r.at.Date()
	last := r.midnight(y, m+time.Month(n)+1, 0)
	return r.midnight(last.Year(), last.Month(), min(d, last.Day()))
}

// lastFew reads "the last two weeks", "the past few days".
func (r reader) lastFew(i int) (stretch, int) {
	from := i
	if r.first(from, "the", "these", "this") && r.is(from+1, "last", "past") {
		from++
	}
	if !r.first(from, "last", "past") {
		return stretch{}, i
	}
	n, next := r.number(from + 1)
	if next == from+1 {
		if n = 1; !r.first(from, "past") { // "the past year" is the twelve months up to now, "last year" is not
			return stretch{}, i
		}
	}
	unit, end := r.unit(next)
	if unit == "" {
		return stretch{}, i
	}
	s := stretch{from: r.today().AddDate(0, 0, -n), to: r.at}
	switch unit {
	case "week":
		s.from = r.today().AddDate(0, 0, -7*n)
	case "month":
		s.from = r.monthsFrom(-n)
	case "year":
		s.from = r.monthsFrom(-12 * n)
	case "decade":
		s.from = r.monthsFrom(-120 * n)
	}
	return s, end
}

// first is [reader.is] for the first word of an expression, which may follow a stop.
func (r reader) first(i int, any ...string) bool {
	return slices.Contains(any, r.lower(i))
}

var numbers = map[string]int{
	"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
	// As people mean them, more or less.
	"couple": 2, "few": 3, "several": 4,
}

const mostCounted = 999

// number reads "two", "14", "a couple of", "a few".
func (r reader) number(i int) (n, next int) {
	if r.first(i, "a", "an") && r.is(i+1, "couple", "few") {
		i++
	}
	if i >= len(r.words) {
		return 0, i
	}
	n, known := numbers[r.lower(i)]
	if !known {
		var err error
		if n, err = strconv.Atoi(r.lower(i)); err != nil || n > mostCounted {
			return 0, i
		}
	}
	next = i + 1
	if r.is(next, "of") && r.is(i, "couple") {
		next++
	}
	return n, next
}

// unit reads "weeks"; a fortnight counts as two and is left out.
func (r reader) unit(i int) (string, int) {
	if i < len(r.words) {
		unit := strings.TrimSuffix(r.lower(i), "s")
		if r.is(i, r.lower(i)) && slices.Contains([]string{"day", "week", "month", "year", "decade"}, unit) {
			return unit, i + 1
		}
	}
	return "", i
}
