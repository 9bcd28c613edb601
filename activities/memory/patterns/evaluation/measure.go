package evaluation

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"meai/activities/memory/patterns"
	"meai/internal/measure"
)

const (
	// LeastFound is the share of planted patterns in time that has to be found.
	LeastFound = 0.8
	// MostAlarmed is the share of people without a pattern who may be told of one.
	MostAlarmed = 0.05
)

// outcome is what was found in one person's history.
type outcome struct {
	Case
	// found: the planted pattern; others: patterns that nobody planted.
	found  bool
	others []patterns.Echo
}

// look finds a person's patterns, at the end of what they told.
func look(c Case) outcome {
	o := outcome{Case: c}
	end := c.History.Turns[len(c.History.Turns)-1].SaidAt
	for _, e := range patterns.Find(c.History, patterns.Options{Now: end}) {
		switch {
		case e.Kind != patterns.Timed && e.Kind != patterns.Trigger:
		case c.Plant != nil && c.Plant.found(e):
			o.found = true
		case c.Plant == nil || e.Emotion != c.Plant.Emotion:
			// With the planted feeling, another one is a shadow of it: who is sad on Sundays
			// and sees Tom on Sundays is sad around Tom.
			o.others = append(o.others, e)
		}
	}
	return o
}

// Measure finds patterns in the histories of the cases.
func Measure(cases []Case) []measure.Table {
	outcomes := make([]outcome, len(cases))
	var group sync.WaitGroup
	for at := range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := at; i < len(cases); i += runtime.GOMAXPROCS(0) {
				outcomes[i] = look(cases[i])
			}
		})
	}
	group.Wait()
	planted := func(kinds []string, strength float64) (list []outcome) {
		for _, o := range outcomes {
			if o.Plant != nil && slices.Contains(kinds, o.Plant.Kind) && (strength == 0 || o.Plant.Strength == strength) {
				list = append(list, o)
			}
		}
		return list
	}
	found := measure.Table{Title: "Planted patterns found"}
	found.Figures = append(found.Figures, share("all in time", planted(TimeKinds, 0), wasFound).Least(LeastFound))
	for _, kind := range TimeKinds {
		found.Figures = append(found.Figures, share(kind, planted([]string{kind}, 0), wasFound))
	}
	for _, strength := range Strengths {
		found.Figures = append(found.Figures, share(fmt.Sprintf("in time, on %.0f %% of the occasions", 100*strength), planted(TimeKinds, strength), wasFound))
	}
	for _, kind := range TriggerKinds {
		found.Figures = append(found.Figures, share("trigger: "+kind, planted([]string{kind}, 0), wasFound))
	}
	alarms := measure.Table{Title: "People told of a pattern that nobody planted"}
	var without []outcome
	for _, o := range outcomes {
		if o.Plant == nil {
			without = append(without, o)
		}
	}
	alarms.Figures = []measure.Figure{
		share("nothing planted", without, alarmed("")).Most(MostAlarmed),
		share("nothing planted: in time", without, alarmed(patterns.Timed)),
		share("nothing planted: trigger", without, alarmed(patterns.Trigger)),
		share("something planted: of another feeling", planted(slices.Concat(TimeKinds, TriggerKinds), 0), alarmed("")),
	}
	return []measure.Table{found, alarms}
}

func wasFound(o outcome) bool { return o.found }

func alarmed(kind patterns.Kind) func(outcome) bool {
	return func(o outcome) bool {
		return slices.ContainsFunc(o.others, func(e patterns.Echo) bool { return kind == "" || e.Kind == kind })
	}
}

func share(name string, list []outcome, is func(outcome) bool) measure.Figure {
	k := 0
	for _, o := range list {
		if is(o) {
			k++
		}
	}
	return measure.Share(name, k, len(list))
}
