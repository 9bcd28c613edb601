package evaluation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/patterns"
)

// Plant is a pattern that was planted in a person's history.
type Plant struct {
	// Kind is one of [TimeKinds] or [TriggerKinds].
	Kind    string
	Emotion string
	// When names the time as [patterns.Echo] does; for a trigger, Entity or Theme.
	When   string
	Entity uuid.UUID
	Theme  string
	// Strength is on what share of the occasions it takes effect.
	Strength float64

	at func(patterns.Turn) bool
}

// The kinds of patterns that are planted.
var (
	TimeKinds    = []string{"weekday", "weekend", "time of day", "month", "season"}
	TriggerKinds = []string{"person", "theme"}
)

// Strengths are those that are planted: the pattern takes effect on so many of its occasions.
var Strengths = []float64{0.4, 0.6, 0.8}

// Case is an invented person. Plant is nil where nothing was planted.
type Case struct {
	Plant   *Plant
	History patterns.History
}

// Cases invents so many people with a pattern of each kind and strength, and so many
// without any. The same seed gives the same people.
func Cases(seed uint64, ofEach, without int) []Case {
	var cases []Case
	random := func() *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(len(cases)))) } // repeatable
	for _, kind := range slices.Concat(TimeKinds, TriggerKinds) {
		for _, strength := range Strengths {
			for range ofEach {
				cases = append(cases, planted(random(), kind, strength))
			}
		}
	}
	for n := range without {
		r := random()
		kind := "weekday"
		if n%2 == 1 {
			kind = "month"
		}
		cases = append(cases, Case{History: newLife(r, lengthFor(r, kind), nil).live()})
	}
	return cases
}

// leastShown is on how many days a plant has to show for it to count as planted: what
// came four times in half a year recurs to nobody.
const leastShown = 5

// planted draws people until one has told enough for the pattern to be there.
func planted(r *rand.Rand, kind string, strength float64) Case {
	for {
		p := newPlant(r, kind, strength)
		l := newLife(r, lengthFor(r, kind), p)
		if h := l.live(); len(l.effect) >= leastShown {
			return Case{Plant: p, History: h}
		}
	}
}

// lengthFor is for how many days somebody with a pattern of this kind writes: between
// half a year and 14 months, and between two and three and a half years where the
// pattern is one of the year.
func lengthFor(r *rand.Rand, kind string) int {
	if kind == "month" || kind == "season" {
		return 730 + r.IntN(550)
	}
	return 182 + r.IntN(240)
}

func newPlant(r *rand.Rand, kind string, strength float64) *Plant {
	p := &Plant{Kind: kind, Strength: strength, Emotion: labels[r.IntN(len(labels))]}
	switch kind {
	case "weekday":
		day := time.Weekday(r.IntN(7))
		p.When, p.at = strings.ToLower(day.String()), func(t patterns.Turn) bool { return t.SaidAt.Weekday() == day }
	case "weekend":
		p.When, p.at = kind, func(t patterns.Turn) bool { return t.SaidAt.Weekday()%6 == 0 }
	case "time of day":
		n := r.IntN(4)
		hours := [5]int{5, 12, 17, 22, 24}
		p.When = []string{"morning", "afternoon", "evening", "night"}[n]
		p.at = func(t patterns.Turn) bool { return t.SaidAt.Hour() >= hours[n] && t.SaidAt.Hour() < hours[n+1] }
	case "month":
		month := time.Month(1 + r.IntN(12))
		p.When, p.at = strings.ToLower(month.String()), func(t patterns.Turn) bool { return t.SaidAt.Month() == month }
	case "season":
		n := r.IntN(4)
		p.When = []string{"winter", "spring", "summer", "autumn"}[n]
		p.at = func(t patterns.Turn) bool { return int(t.SaidAt.Month())%12/3 == n }
	case "person":
		p.Entity = uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%d", r.IntN(4)))
		p.at = func(t patterns.Turn) bool { return slices.Contains(t.Entities, p.Entity) }
	case "theme":
		p.Theme = themeOf(r.IntN(6))
		p.at = func(t patterns.Turn) bool { return slices.Contains(t.Themes, p.Theme) }
	}
	return p
}

// found reports whether an echo is the pattern that was planted: the same feeling, at
// the same time or with the same thing.
func (p *Plant) found(e patterns.Echo) bool {
	return (e.Kind == patterns.Timed || e.Kind == patterns.Trigger) &&
		e.Emotion == p.Emotion && e.When == p.When && e.Entity == p.Entity && e.Theme == p.Theme
}
