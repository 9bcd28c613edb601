package patterns

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Phase is a part of an arc in which one feeling stands foremost.
type Phase struct {
	Emotion string    `json:"emotion"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Moments int       `json:"moments"`
}

// Trend is where the feelings of a storyline went, from its first third to its last.
type Trend string

const (
	Lighter Trend = "lighter"
	Heavier Trend = "heavier"
	// Changing: up and down, and neither in the end.
	Changing Trend = "changing"
	Steady   Trend = "steady"
)

const (
	// mostPhases bounds an arc: its start, two turning points, the present.
	mostPhases = 4
	// moved is the difference of valence, of 2 that there may be, that counts as a change.
	moved = 0.25
)

// arcOf tells the moments, in order of time, as phases: neighbours of one feeling are
// one. Of those in the middle the turning points stay: where the valence changed most.
func arcOf(moments []Moment) ([]Phase, Trend) {
	type run struct {
		Phase
		valence float64
	}
	var runs []run
	for _, m := range moments {
		if last := len(runs) - 1; last >= 0 && runs[last].Emotion == m.Emotion {
			runs[last].To = m.SaidAt
			runs[last].Moments++
			continue
		}
		runs = append(runs, run{Phase{m.Emotion, m.SaidAt, m.SaidAt, 1}, m.Valence})
	}
	for len(runs) > mostPhases {
		// The one that differs least from both neighbours, and was there the shortest, goes.
		least, at := math.Inf(1), 1
		for i := 1; i < len(runs)-1; i++ {
			turn := math.Abs(runs[i].valence-runs[i-1].valence) + math.Abs(runs[i].valence-runs[i+1].valence)
			if weight := turn * float64(runs[i].Moments); weight < least {
				least, at = weight, i
			}
		}
		runs = slices.Delete(runs, at, at+1)
		if at < len(runs) && runs[at-1].Emotion == runs[at].Emotion && len(runs) > 2 {
			runs[at-1].To, runs[at-1].Moments = runs[at].To, runs[at-1].Moments+runs[at].Moments
			runs = slices.Delete(runs, at, at+1)
		}
	}
	phases := make([]Phase, len(runs))
	for i, r := range runs {
		phases[i] = r.Phase
	}
	return phases, trendOf(moments)
}

func trendOf(moments []Moment) Trend {
	third := max(1, len(moments)/3)
	change := meanValence(moments[len(moments)-third:]) - meanValence(moments[:third])
	low, high := math.Inf(1), math.Inf(-1)
	for _, m := range moments {
		low, high = min(low, m.Valence), max(high, m.Valence)
	}
	switch {
	case change >= moved:
		return Lighter
	case change <= -moved:
		return Heavier
	case high-low >= 2*moved:
		return Changing
	default:
		return Steady
	}
}

// meanValence weighs moments by how intense they were.
func meanValence(moments []Moment) float64 {
	sum, weight := 0.0, 0.0
	for _, m := range moments {
		sum, weight = sum+m.Intensity*m.Valence, weight+m.Intensity
	}
	if weight == 0 {
		return 0
	}
	return sum / weight
}

var trends = map[Trend]string{
	Lighter: "It has grown lighter.", Heavier: "It has grown heavier.", Changing: "It has gone up and down.", Steady: "",
}

// sentence tells a storyline: "Maya and the move: from anxiety in March over anger in
// April to relief in June 2026. It has grown lighter."
func (s Storyline) sentence() string {
	var b strings.Builder
	b.WriteString(s.Title + ":")
	months := s.months()
	if len(s.Arc) == 1 {
		fmt.Fprintf(&b, " %s", s.Arc[0].Emotion)
		if sameMonth(s.From, s.To) {
			b.WriteString(months[0])
		} else {
			fmt.Fprintf(&b, " from %s to %s", s.From.Format("January 2006"), s.To.Format("January 2006"))
		}
	}
	for i, p := range s.Arc {
		switch {
		case len(s.Arc) == 1:
		case i == 0:
			fmt.Fprintf(&b, " from %s%s", p.Emotion, months[i])
		case i < len(s.Arc)-1:
			fmt.Fprintf(&b, " over %s%s", p.Emotion, months[i])
		default:
			fmt.Fprintf(&b, " to %s%s", p.Emotion, months[i])
		}
	}
	b.WriteByte('.')
	if said := trends[s.Trend]; said != "" {
		b.WriteString(" " + said)
	}
	return b.String()
}

// months are when the phases of the arc began, each month once, with its year where
// the next is of another.
func (s Storyline) months() []string {
	said := make([]string, len(s.Arc))
	for i, p := range s.Arc {
		if i > 0 && sameMonth(p.From, s.Arc[i-1].From) {
			continue
		}
		said[i] = " in " + p.From.Month().String()
		next := slices.IndexFunc(s.Arc[i:], func(later Phase) bool { return !sameMonth(later.From, p.From) })
		if next < 0 || s.Arc[i+next].From.Year() != p.From.Year() {
			said[i] += p.From.Format(" 2006")
		}
	}
	return said
}

func sameMonth(a, b time.Time) bool { return a.Year() == b.Year() && a.Month() == b.Month() }
