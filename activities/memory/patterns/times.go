package patterns

import (
	"maps"
	"math"
	"slices"
	"time"
)

const (
	// A pattern was seen on so many occasions, in so many weeks.
	leastTimes = 3
	leastWeeks = 3
	// weeksOfBlock is how far apart days may be that are compared with each other.
	weeksOfBlock = 4
)

// timed finds the feelings that come at certain times.
func (s *search) timed() []Echo {
	var all, ofYears []candidate
	recent, years := s.since(thisYear, true), s.since(allYears, true)
	for _, axis := range []axis{ofDay, ofWeek, ofYear} {
		turns := recent
		if axis == ofYear {
			turns = years
		}
		occasions := occasionsOf(turns, axis)
		for _, span := range spans {
			if span.axis != axis {
				continue
			}
			for _, emotion := range s.emotions {
				test := occasions.within
				if axis == ofYear {
					test = occasions.yearly
				}
				if c, worth := test(span, emotion); worth {
					c.echo.Since = s.Now.Add(-reachOf(axis))
					if axis == ofYear {
						ofYears = append(ofYears, c)
					} else {
						all = append(all, c)
					}
				}
			}
		}
	}
	return wording(distinctTimes(slices.Concat(significant(all, mostFalse, s.Known), significant(ofYears, mostFalseOfYear, s.Known))))
}

func reachOf(a axis) time.Duration {
	if a == ofYear {
		return allYears
	}
	return thisYear
}

// occasions are a person's days, or parts of days, with what was said on each.
type occasions struct {
	at    []moment
	turns [][]placed
	// shares are, for each feeling, the share of each occasion's turns that show it.
	shares map[string][]float64
	// weights are how many independent turns each occasion is worth.
	weights []float64
}

func occasionsOf(turns []placed, a axis) occasions {
	return split(turns, func(before, t placed) bool { return before.day != t.day || (a == ofDay && before.part != t.part) })
}

// split makes occasions of turns; apart tells whether two neighbours belong to two.
func split(turns []placed, apart func(before, t placed) bool) occasions {
	var o occasions
	for i, t := range turns {
		if i == 0 || apart(turns[i-1], t) {
			o.at, o.turns = append(o.at, t.moment), append(o.turns, nil)
		}
		last := len(o.turns) - 1
		o.turns[last] = append(o.turns[last], t)
	}
	o.shares = make(map[string][]float64)
	for i, said := range o.turns {
		for _, t := range said {
			if o.shares[t.Emotion] == nil {
				o.shares[t.Emotion] = make([]float64, len(o.at))
			}
			o.shares[t.Emotion][i] += 1 / float64(len(said))
		}
	}
	o.weigh()
	return o
}

const (
	// fewPairs is how many pairs of turns of one occasion it takes to tell how alike they
	// are, and usuallyAlike is taken where there are less.
	fewPairs     = 30
	usuallyAlike = 0.5
	// leastAlike is assumed in any case: some of the mood of a day is always shared.
	leastAlike = 0.1
)

// weigh gives every occasion its weight. Turns of one occasion share its mood and are
// no independent witnesses: n of them are worth n / (1 + (n-1) r) (Kish), where r is how
// much more often two turns of one occasion show the same feeling than any two. Whoever
// says more on Sundays is not found to feel more on Sundays for it, nor less.
func (o *occasions) weigh() {
	felt := make(map[string]float64)
	turns, pairs, same := 0.0, 0.0, 0.0
	for _, said := range o.turns {
		here := make(map[string]float64)
		for _, t := range said {
			felt[t.Emotion]++
			here[t.Emotion]++
		}
		n := float64(len(said))
		turns, pairs = turns+n, pairs+n*(n-1)/2
		for _, k := range here {
			same += k * (k - 1) / 2
		}
	}
	alike, anyTwo := usuallyAlike, 0.0
	for _, emotion := range sortedKeys(felt) {
		anyTwo += felt[emotion] / turns * felt[emotion] / turns
	}
	if pairs >= fewPairs && anyTwo < 1 {
		alike = min(max((same/pairs-anyTwo)/(1-anyTwo), leastAlike), 1)
	}
	for _, said := range o.turns {
		n := float64(len(said))
		o.weights = append(o.weights, n/(1+(n-1)*alike))
	}
}

// hold compares a feeling on the occasions of a pattern with the others, and gives the
// candidate its counts and significance. False: it was felt too seldom on any. One that
// is no more frequent than elsewhere is tested all the same: to leave it out would be
// to choose the tests by their outcome.
func (o occasions) hold(c *candidate, in func(i int) bool) bool {
	shares := o.shares[c.echo.Emotion]
	if shares == nil {
		return false
	}
	felt := tally{}
	for i, at := range o.at {
		felt.add(in(i), shares[i], at.week)
	}
	if felt.times+felt.otherTimes < leastTimes {
		return false
	}
	c.p, c.least = stratified(o.list(in, c.echo.Emotion))
	if felt.times < leastTimes || len(felt.weeks) < leastWeeks {
		c.p = 1 // it has not recurred yet
	}
	c.echo.Times, c.echo.Occasions, c.echo.Elsewhere = felt.times, felt.occasions, felt.elsewhere()
	c.evidence = func() []placed { return o.showing(c.echo.Emotion, in) }
	return true
}

// list are the occasions as they are tested for a feeling.
func (o occasions) list(in func(i int) bool, emotion string) []occasion {
	list := make([]occasion, len(o.at))
	for i, at := range o.at {
		list[i] = occasion{block: at.week / weeksOfBlock, in: in(i), weight: o.weights[i], hits: o.weights[i] * o.shares[emotion][i]}
	}
	return list
}

// showing are the turns that show a feeling on the occasions of a pattern.
func (o occasions) showing(emotion string, in func(i int) bool) (shown []placed) {
	for i, said := range o.turns {
		if !in(i) {
			continue
		}
		for _, t := range said {
			if t.Emotion == emotion {
				shown = append(shown, t)
			}
		}
	}
	return shown
}

// within tests a span of the day or of the week.
func (o occasions) within(sp span, emotion string) (candidate, bool) {
	c := timedCandidate(sp, emotion)
	worth := o.hold(&c, func(i int) bool { return sp.holds(o.at[i]) })
	return c, worth
}

func timedCandidate(sp span, emotion string) candidate {
	return candidate{span: sp, echo: Echo{Key: "time " + sp.name + " " + emotion, Kind: Timed, Emotion: emotion, When: sp.name}}
}

// tally counts the occasions of a pattern and the others.
type tally struct {
	times, occasions           int
	otherTimes, otherOccasions int
	shares, otherShares        float64
	weeks                      map[int]bool
}

func (t *tally) add(in bool, share float64, week int) {
	if !in {
		t.otherOccasions++
		t.otherShares += share
		if share > 0 {
			t.otherTimes++
		}
		return
	}
	t.occasions++
	t.shares += share
	if share > 0 {
		t.times++
		if t.weeks == nil {
			t.weeks = make(map[int]bool)
		}
		t.weeks[week] = true
	}
}

func (t tally) elsewhere() float64 {
	if t.otherOccasions == 0 {
		return 0
	}
	return t.otherShares / float64(t.otherOccasions)
}

const (
	// leastDays is on how many days of a month somebody wrote for it to count, and
	// leastYears how often the month or season came back.
	leastDays  = 3
	leastYears = 2
	// raised is how much more often than in other months it has to be, for a year to
	// count as one in which the pattern was seen.
	raised = 1.5
)

// stretch is a month of one year, or what a season or month of one year comes to.
type stretch struct {
	in   bool
	days int
	// shares is the sum over the days.
	shares float64
}

func (m stretch) mean() float64 { return m.shares / float64(m.days) }

// yearly tests a month or a season. Moods last, so days of one month are no
// independent witnesses: the months are compared with each other, by a t-test whose
// variance is at least what chance gives so many days. What is found has to have come
// back, in more than half of its years and in two at least, and the days have to be
// significant by themselves.
func (o occasions) yearly(sp span, emotion string) (candidate, bool) {
	c, shares := timedCandidate(sp, emotion), o.shares[emotion]
	if shares == nil {
		return candidate{}, false
	}
	months, years := make(map[int]*stretch), make(map[int]*stretch)
	felt := tally{}
	for i, at := range o.at {
		in := sp.holds(at)
		felt.add(in, shares[i], at.week)
		extend(months, at.year*12+int(at.month), in, shares[i])
		if in {
			extend(years, at.turn(), in, shares[i])
		}
	}
	c.evidence = func() []placed { return o.showing(emotion, func(i int) bool { return sp.holds(o.at[i]) }) }
	inside, outside := counted(months)
	whole := slices.DeleteFunc(slices.Collect(maps.Values(years)), func(y *stretch) bool { return y.days < leastDays })
	if felt.times+felt.otherTimes < leastTimes || len(inside) < leastYears || len(whole) < leastYears || len(outside) < leastYears*3 {
		return candidate{}, false
	}
	c.echo.Elsewhere = felt.elsewhere()
	c.echo.Occasions = len(whole)
	for _, y := range whole {
		if y.shares > 0 && y.mean() >= raised*c.echo.Elsewhere {
			c.echo.Times++
		}
	}
	list := o.list(func(i int) bool { return sp.holds(o.at[i]) }, emotion)
	for i := range list {
		list[i].block = 0 // all years with each other
	}
	days, _ := stratified(list)
	c.p = max(compare(inside, outside), days)
	if c.echo.Times < leastYears || 2*c.echo.Times <= c.echo.Occasions || felt.times < leastTimes {
		c.p = 1
	}
	return c, true
}

func extend(stretches map[int]*stretch, key int, in bool, share float64) {
	if stretches[key] == nil {
		stretches[key] = &stretch{in: in}
	}
	stretches[key].days++
	stretches[key].shares += share
}

// counted are the months of the pattern and the others, of those with enough days.
func counted(months map[int]*stretch) (inside, outside []stretch) {
	for _, key := range sortedKeys(months) {
		switch m := months[key]; {
		case m.days < leastDays:
		case m.in:
			inside = append(inside, *m)
		default:
			outside = append(outside, *m)
		}
	}
	return inside, outside
}

// compare is the probability, by Student's t, that the months of the pattern exceed the
// others so far by chance.
func compare(inside, outside []stretch) float64 {
	in, out := meanOf(inside), meanOf(outside)
	spread := 0.0
	for _, m := range outside {
		spread += (m.mean() - out) * (m.mean() - out)
	}
	freedom := float64(len(outside) - 1)
	pooled := (in*float64(len(inside)) + out*float64(len(outside))) / float64(len(inside)+len(outside))
	variance := func(months []stretch) float64 {
		days := 0
		for _, m := range months {
			days += m.days
		}
		chance := pooled * (1 - pooled) * float64(len(months)) / float64(days)
		return max(spread/freedom, chance) / float64(len(months))
	}
	deviation := math.Sqrt(variance(inside) + variance(outside))
	if deviation == 0 {
		return 1
	}
	return upperT((in-out)/deviation, freedom)
}

func meanOf(months []stretch) float64 {
	sum := 0.0
	for _, m := range months {
		sum += m.mean()
	}
	return sum / float64(len(months))
}

// distinctTimes keeps, of the times of one cycle that share moments, the surest for
// each feeling: who is sad on Sundays is so at weekends.
func distinctTimes(found []candidate) []candidate {
	var kept []candidate
	for _, c := range found {
		same := func(k candidate) bool {
			return k.echo.Emotion == c.echo.Emotion && k.span.axis == c.span.axis && k.span.meets(c.span)
		}
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, c)
		}
	}
	return kept
}

// meets reports whether some day, or part of a day, lies in both.
func (a span) meets(b span) bool {
	for day := range 366 {
		for p := morning; p <= night; p++ {
			at := newCalendar(nil).moment(time.Unix(int64(day)*24*60*60, 0).Add(12 * time.Hour))
			if at.part = p; a.holds(at) && b.holds(at) {
				return true
			}
		}
	}
	return false
}
