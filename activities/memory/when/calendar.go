package when

import "time"

// annual is something that comes once a year: that of the year in which it begins.
type annual func(year int) (from, to time.Time)

// The choices among several: "last May", "this May", "next May" and "May".
type choice int

const (
	latest   choice = iota // the latest that has begun
	previous               // the latest that is over
	present                // the one that goes on, or is this year's
	coming                 // the first that has not begun
)

// choices are the words for them.
var choices = map[string]choice{
	"last": previous, "past": previous, "previous": previous,
	"this": present, "current": present,
	"next": coming, "coming": coming, "upcoming": coming,
}

// pick gives one of a yearly thing's times.
func (r reader) pick(a annual, c choice) stretch {
	year := r.at.Year()
	at := func(year int) stretch {
		from, to := a(year)
		return stretch{from: from, to: to, cycle: yearly}
	}
	switch c {
	case coming:
		for y := year - 1; ; y++ {
			if s := at(y); s.from.After(r.at) {
				return s
			}
		}
	case previous:
		for y := year; ; y-- {
			if s := at(y); !s.to.After(r.at) {
				return s
			}
		}
	case present:
		for y := year - 1; y <= year; y++ {
			// What spans the turn of the year is still this winter's some weeks after.
			s := at(y)
			if !s.from.After(r.at) && s.to.After(r.at) || s.to.Year() == year && y < year && r.at.Before(s.to.AddDate(0, 2, 0)) {
				return s
			}
		}
		return at(year)
	default:
		for y := year; ; y-- {
			if s := at(y); !s.from.After(r.at) {
				return s
			}
		}
	}
}

func (r reader) midnight(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, r.at.Location())
}

// today is the midnight at which the present day began.
func (r reader) today() time.Time { return r.midnight(r.at.Date()) }

// days is a stretch of n days that begins so many days from today.
func (r reader) days(from, n int) stretch {
	return stretch{from: r.today().AddDate(0, 0, from), to: r.today().AddDate(0, 0, from+n)}
}

// monday is the beginning of the week of a day.
func monday(day time.Time) time.Time { return day.AddDate(0, 0, -(int(day.Weekday())+6)%7) }

// Parts of a day: from and to as hours after midnight.
var dayParts = map[string][2]int{
	"morning": {5, 12}, "noon": {11, 14}, "lunchtime": {11, 14}, "afternoon": {12, 18}, "evening": {17, 24}, "night": {18, 30},
}

// hours is a part of the day that begins at midnight.
func hours(midnight time.Time, part [2]int) stretch {
	year, month, day := midnight.Date()
	at := func(hour int) time.Time { return time.Date(year, month, day, hour, 0, 0, 0, midnight.Location()) }
	return stretch{from: at(part[0]), to: at(part[1])}
}

var months = map[string]time.Month{
	"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9, "october": 10,
	"november": 11, "december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}

// ambiguous months are names or verbs too: they count only beside a number or behind a preposition.
var ambiguous = map[string]bool{"march": true, "april": true, "may": true, "june": true, "august": true, "mar": true, "jan": true, "jun": true, "sep": true, "dec": true}

var weekdays = map[string]time.Weekday{
	"sunday": 0, "monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6,
}

// seasons name the month in which they begin.
var seasons = map[string]time.Month{"spring": time.March, "summer": time.June, "autumn": time.September, "fall": time.September, "winter": time.December}

func (r reader) month(m time.Month) annual {
	return func(year int) (from, to time.Time) { return r.midnight(year, m, 1), r.midnight(year, m+1, 1) }
}

func (r reader) season(m time.Month) annual {
	return func(year int) (from, to time.Time) { return r.midnight(year, m, 1), r.midnight(year, m+3, 1) }
}

// dayOf is a day of a month; 29 February is the 28th where there is none.
func (r reader) dayOf(m time.Month, day int) annual {
	return func(year int) (from, to time.Time) {
		d := min(day, r.midnight(year, m+1, 0).Day())
		return r.midnight(year, m, d), r.midnight(year, m, d+1)
	}
}

// holidays are read from several words; longer names come first.
var holidays = []struct {
	words []string
	days  func(r reader, year int) (from, to time.Time)
}{
	{[]string{"christmas", "eve"}, fixed(time.December, 24, 1)},
	{[]string{"christmas", "day"}, fixed(time.December, 25, 1)},
	{[]string{"boxing", "day"}, fixed(time.December, 26, 1)},
	{[]string{"christmas"}, fixed(time.December, 24, 4)},
	{[]string{"new", "year", "eve"}, fixed(time.December, 31, 1)},
	{[]string{"new", "year", "day"}, fixed(time.January, 1, 1)},
	{[]string{"new", "year"}, fixed(time.December, 31, 2)},
	{[]string{"valentine", "day"}, fixed(time.February, 14, 1)},
	{[]string{"halloween"}, fixed(time.October, 31, 1)},
	{[]string{"thanksgiving"}, func(r reader, year int) (from, to time.Time) { // the fourth Thursday
		first := r.midnight(year, time.November, 1)
		day := first.AddDate(0, 0, (int(time.Thursday)-int(first.Weekday())+7)%7+21)
		return day, day.AddDate(0, 0, 4)
	}},
	{[]string{"good", "friday"}, beforeEaster(2, 1)},
	{[]string{"easter", "sunday"}, beforeEaster(0, 1)},
	{[]string{"easter", "monday"}, beforeEaster(-1, 1)},
	{[]string{"easter"}, beforeEaster(2, 4)},
}

func fixed(m time.Month, day, days int) func(reader, int) (from, to time.Time) {
	return func(r reader, year int) (from, to time.Time) {
		return r.midnight(year, m, day), r.midnight(year, m, day+days)
	}
}

func beforeEaster(before, days int) func(reader, int) (from, to time.Time) {
	return func(r reader, year int) (from, to time.Time) {
		from = r.easter(year).AddDate(0, 0, -before)
		return from, from.AddDate(0, 0, days)
	}
}

// easter is Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher).
func (r reader) easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return r.midnight(year, time.Month(n/31), n%31+1)
}
