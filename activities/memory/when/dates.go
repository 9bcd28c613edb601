package when

import (
	"strconv"
	"strings"
	"time"
)

// part reads "early March", "the end of last year", "mid-May", "the first week of June".
func (r reader) part(i int) (stretch, int) {
	at := i
	if r.first(at, "the") {
		at++
	}
	var from, to float64
	next := at + 1
	switch {
	case r.first(at, "early"):
		from, to = 0, 0.4
	case r.first(at, "mid"):
		from, to = 0.3, 0.7
	case r.first(at, "late"):
		from, to = 0.6, 1
	case r.first(at, "beginning", "start") && r.is(next, "of"):
		from, to, next = 0, 0.3, next+1
	case r.first(at, "middle") && r.is(next, "of"):
		from, to, next = 0.3, 0.7, next+1
	case r.first(at, "end") && r.is(next, "of"):
		from, to, next = 0.7, 1, next+1
	default:
		return stretch{}, i
	}
	whole, end := r.whole(next)
	if end == next {
		return stretch{}, i
	}
	length := whole.to.Sub(whole.from)
	cut := func(share float64) time.Time {
		return whole.from.AddDate(0, 0, int(share*length.Hours()/24+0.5))
	}
	return stretch{from: cut(from), to: cut(to), cycle: whole.cycle}, end
}

// whole reads a month, season or year of which a part is meant; the preposition that an
// ambiguous month needs is there.
func (r reader) whole(i int) (stretch, int) {
	if r.is(i, "the") {
		i++
	}
	for _, read := range []func(int) (stretch, int){r.which, r.yearly, r.year} {
		if s, next := read(i); next > i {
			return s, next
		}
	}
	return stretch{}, i
}

// date reads "2025-03-02", "3 May", "the 3rd of May 2019", "May 3rd, 2019".
func (r reader) date(i int) (stretch, int) {
	if s, next := r.figures(i); next > i {
		return s, next
	}
	at := i
	if r.first(at, "the") {
		at++
	}
	var month time.Month
	day, numbered := r.dayNumber(at)
	next := at + 1
	switch {
	case numbered:
		if r.is(next, "of") {
			next++
		}
		if month = r.monthAt(next); month == 0 {
			return stretch{}, i
		}
		next++
	default:
		if month = r.monthAt(at); month == 0 || at != i {
			return stretch{}, i
		}
		if r.is(next, "the") {
			next++
		}
		if day, numbered = r.dayNumber(next); !numbered || strings.ContainsAny(r.words[next].gap, stops) {
			return stretch{}, i
		}
		next++
	}
	return r.ofYear(i, r.dayOf(month, day), latest, next)
}

func (r reader) monthAt(i int) time.Month {
	if i >= len(r.words) || (i > 0 && strings.ContainsAny(r.words[i].gap, ",;:!?\n()")) {
		return 0
	}
	return months[r.lower(i)]
}

// figures reads 2025-03-02.
func (r reader) figures(i int) (stretch, int) {
	if i+2 >= len(r.words) || r.words[i+1].gap != "-" || r.words[i+2].gap != "-" {
		return stretch{}, i
	}
	day, err := time.ParseInLocation(time.DateOnly, r.words[i].text+"-"+r.words[i+1].text+"-"+r.words[i+2].text, r.at.Location())
	if err != nil {
		return stretch{}, i
	}
	return stretch{from: day, to: day.AddDate(0, 0, 1)}, i + 3
}

// dayNumber reads the number of a day in its month.
func (r reader) dayNumber(i int) (int, bool) {
	figure := r.lower(i)
	for _, ending := range []string{"st", "nd", "rd", "th"} {
		figure = strings.TrimSuffix(figure, ending)
	}
	n, err := strconv.Atoi(figure)
	return n, err == nil && n >= 1 && n <= 31
}

// which reads "last week", "this May", "next Monday evening", "last Christmas".
func (r reader) which(i int) (stretch, int) {
	at := i
	if r.first(at, "the") && (r.is(at+1, "past") || r.is(at+1, "previous") || r.is(at+1, "coming")) {
		at++
	}
	c, known := choices[r.lower(at)]
	if !known || at+1 >= len(r.words) || strings.ContainsAny(r.words[at+1].gap, stops) {
		return stretch{}, i
	}
	next := at + 1
	named := r.lower(next)
	offset := map[choice]int{previous: -1, present: 0, coming: 1}[c]
	switch named {
	case "week":
		return ofWeeks(offset, 1)(r), next + 1
	case "month":
		return ofMonths(offset, 1)(r), next + 1
	case "year":
		return ofYears(offset)(r), next + 1
	case "weekend":
		return r.weekend(c), next + 1
	}
	if a, end := r.annual(next); end > next {
		return settled(r.pick(a, c)), end
	}
	if day, ok := weekdays[named]; ok {
		return r.ofDay(r.weekdayFrom(day, c), next+1)
	}
	return stretch{}, i
}

// settled fixes what has been chosen.
func settled(s stretch) stretch {
	s.cycle = once
	return s
}

// weekdayFrom is the midnight of a day of the week.
func (r reader) weekdayFrom(day time.Weekday, c choice) time.Time {
	since := (int(r.at.Weekday()) - int(day) + 7) % 7
	switch c {
	case previous:
		if since == 0 {
			since = 7
		}
	case coming:
		since -= 7
	case present:
		return monday(r.today()).AddDate(0, 0, (int(day)+6)%7)
	}
	return r.today().AddDate(0, 0, -since)
}

// ofDay is a day, or the part of it that is named behind it.
func (r reader) ofDay(midnight time.Time, next int) (stretch, int) {
	if next < len(r.words) && r.is(next, r.lower(next)) {
		if part, ok := dayParts[r.lower(next)]; ok {
			return hours(midnight, part), next + 1
		}
	}
	return stretch{from: midnight, to: midnight.AddDate(0, 0, 1)}, next
}

// weekday reads "Monday", "Monday evening".
func (r reader) weekday(i int) (stretch, int) {
	day, ok := weekdays[r.lower(i)]
	written := ok && r.words[i].text != r.lower(i) || r.behind(i, "on", "since", "from", "until", "and", "to", "between")
	if !ok || !written || r.behind(i, "a", "every", "each", "no") {
		return stretch{}, i
	}
	c := latest
	if r.ahead(i) {
		c = coming
	}
	if strings.HasSuffix(r.lower(i+1), "s") && dayParts[strings.TrimSuffix(r.lower(i+1), "s")] != [2]int{} {
		return stretch{}, i // "Sunday mornings"
	}
	s, next := r.ofDay(r.weekdayFrom(day, c), i+1)
	s.cycle = weekly
	return s, next
}

// annual reads a month, a season or a holiday.
func (r reader) annual(i int) (annual, int) {
	for _, h := range holidays {
		if next, ok := r.follows(i, h.words...); ok {
			return func(year int) (from, to time.Time) { return h.days(r, year) }, next
		}
	}
	if m, ok := months[r.lower(i)]; ok {
		return r.month(m), i + 1
	}
	if m, ok := seasons[r.lower(i)]; ok {
		return r.season(m), i + 1
	}
	return nil, i
}

// yearly reads a month, season or holiday, with its year if that is named.
func (r reader) yearly(i int) (stretch, int) {
	at := i
	if r.first(at, "the") && at+1 < len(r.words) && seasons[r.lower(at+1)] != 0 && r.is(at+1, r.lower(at+1)) {
		at++
	}
	a, next := r.annual(at)
	if next == at {
		return stretch{}, i
	}
	s, end := r.ofYear(i, a, latest, next)
	if end > next || r.certain(i, at) {
		return s, end
	}
	return stretch{}, i
}

// certain reports whether a month, season or holiday is meant at i, not somebody called
// April or a spring in a clock.
func (r reader) certain(i, at int) bool {
	name := r.lower(at)
	prepared := r.behind(i, "in", "of", "since", "until", "till", "by", "before", "after", "during", "over", "from", "to", "and", "between", "early", "late", "mid", "throughout", "around", "every", "through")
	switch {
	case seasons[name] != 0:
		return prepared && !r.behind(i, "of", "by", "to", "and", "from", "every") || prepared && at > i && name != "fall"
	case ambiguous[name]:
		return prepared && !(r.behind(i, "and", "by", "to", "of", "from", "before", "after") && r.words[at].text == name) && !r.behind(i, "every")
	default:
		return !r.behind(i, "every")
	}
}

// ofYear reads the year behind something yearly, or chooses one.
func (r reader) ofYear(i int, a annual, c choice, next int) (stretch, int) {
	at := next
	if r.is(at, "of", "in") {
		at++
	}
	if year, ok := r.yearNumber(at); ok && !strings.ContainsAny(r.words[at].gap, ".;:!?\n()") {
		from, to := a(year)
		return stretch{from: from, to: to}, at + 1
	}
	if r.is(next, "last", "this", "next") && r.is(next+1, "year") {
		from, to := a(r.at.Year() + map[string]int{"last": -1, "this": 0, "next": 1}[r.lower(next)])
		return stretch{from: from, to: to}, next + 2
	}
	if c == latest && r.ahead(i) {
		s := r.pick(a, coming)
		return s, next
	}
	return r.pick(a, c), next
}

const firstYear, lastYear = 1900, 2100

func (r reader) yearNumber(i int) (int, bool) {
	if len(r.lower(i)) != 4 {
		return 0, false
	}
	year, err := strconv.Atoi(r.lower(i))
	return year, err == nil && year >= firstYear && year < lastYear
}

var decades = map[string]int{
	"fifties": 1950, "sixties": 1960, "seventies": 1970, "eighties": 1980, "nineties": 1990, "50s": 1950, "60s": 1960, "70s": 1970, "80s": 1980, "90s": 1990,
	"1950s": 1950, "1960s": 1960, "1970s": 1970, "1980s": 1980, "1990s": 1990, "2000s": 2000, "2010s": 2010, "2020s": 2020,
}

// year reads "2019" behind a preposition, and "the nineties".
func (r reader) year(i int) (stretch, int) {
	if decade, ok := decades[r.lower(i)]; ok && r.behind(i, "the") {
		return stretch{from: r.midnight(decade, 1, 1), to: r.midnight(decade+10, 1, 1)}, i + 1
	}
	year, ok := r.yearNumber(i)
	if !ok || !r.behind(i, yearWords...) {
		return stretch{}, i
	}
	return stretch{from: r.midnight(year, 1, 1), to: r.midnight(year+1, 1, 1)}, i + 1
}

// yearWords are the words behind which four figures are a year.
var yearWords = []string{"in", "of", "since", "until", "till", "by", "before", "after", "during", "over", "from", "to", "and", "between", "early", "late", "mid", "year", "throughout", "around"}
