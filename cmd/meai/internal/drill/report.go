package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meai/internal/fence"
)

// The targets: a region's loss, from the break on, and a planned handover.
const (
	mostWritable  = 30 * time.Second
	mostCompleted = 60 * time.Second
	mostPause     = 5 * time.Second
)

// String is an outcome in a line.
func (o Outcome) String() string {
	text := fmt.Sprintf("%-15s run %-2d %s %-5s %4.1f/s  decided %s  open %s  writable %s  pause %s  answered %s  whole %s  accepted %d  retried %d  given up %d  lost %d  twice %d  unanswered %d  took %s",
		o.Scenario, o.Run, o.Serving, o.Mode, o.Rate, seconds(o.Decided), seconds(o.Opened), seconds(o.Writable), seconds(o.Pause), seconds(o.Completed), seconds(o.Whole),
		o.Account.Accepted, o.Account.Retried, o.Account.GivenUp, o.Account.Lost, o.Account.Twice, o.Account.Unanswered, seconds(o.Took))
	if o.Account.Lost > 0 && o.Loss != nil {
		text += fmt.Sprintf("  lost from %.1f s before to %.1f s after it fell ill, measured lag %.1f s", o.Loss.Oldest.Seconds(), o.Loss.Newest.Seconds(), o.Loss.Lag)
	}
	if o.Noticed > 0 {
		text += "  noticed " + seconds(o.Noticed)
	}
	if o.Ended != "" {
		text += "  " + o.Ended
	}
	if o.Load > 0 {
		text += fmt.Sprintf("  load %.1f", o.Load)
	}
	if o.Failed != "" {
		text += "  FAILED: " + o.Failed
	}
	return text
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// bar is a target: what of an outcome is held against it, and how.
type bar struct {
	name string
	// of are the scenarios that it is for.
	of func(Scenario) bool
	// took is a time that may be at most so long; nil for a bar that is a count.
	took func(Outcome) time.Duration
	most time.Duration
	// count must be 0.
	count func(Outcome) int
}

func lost(o Outcome) int {
	if o.Mode != fence.Sync && o.Loss != nil && o.Within {
		return 0 // what was lost is within what was measured
	}
	return o.Account.Lost
}

// killed scenarios have lost their region, as one may; of a partition, where two regions must
// not write, no time is asked.
func killed(s Scenario) bool  { return s.Name == "region-kill" }
func planned(s Scenario) bool { return s.Planned }
func every(Scenario) bool     { return true }

var bars = []bar{
	{name: "writable again", of: killed, took: func(o Outcome) time.Duration { return o.Writable }, most: mostWritable},
	{name: "all accepted answered after that", of: killed, took: func(o Outcome) time.Duration { return o.Completed }, most: mostCompleted},
	{name: "pause", of: planned, took: func(o Outcome) time.Duration { return o.Pause }, most: mostPause},
	{name: "failed in spite of retries", of: planned, count: func(o Outcome) int { return o.Account.GivenUp }},
	{name: "lost beyond what may be", of: every, count: lost},
	{name: "done twice", of: every, count: func(o Outcome) int { return o.Account.Twice }},
	{name: "not answered", of: every, count: func(o Outcome) int { return o.Account.Unanswered }},
	{name: "not brought to its end", of: every, count: func(o Outcome) int { return map[bool]int{true: 1}[o.Failed != ""] }},
}

// miss is what an outcome has missed of a bar; empty for nothing.
func (b bar) miss(o Outcome) string {
	switch {
	case b.took == nil && b.count(o) > 0:
		return fmt.Sprintf("%d %s", b.count(o), b.name)
	case b.took != nil && b.took(o) > b.most:
		return b.name + " " + seconds(b.took(o))
	}
	return ""
}

// Missed names the targets that some run has not met.
func Missed(outcomes []Outcome) (missed []string) {
	for _, o := range outcomes {
		for _, b := range bars {
			if s, known := scenario(o.Scenario); known && b.of(s) {
				if miss := b.miss(o); miss != "" {
					missed = append(missed, fmt.Sprintf("%s run %d (%s): %s", o.Scenario, o.Run, o.Mode, miss))
				}
			}
		}
	}
	return missed
}

func scenario(name string) (Scenario, bool) {
	i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return Scenarios[i], true
}

// times are what is shown of each scenario, whether there is a target for it or not.
var times = []struct {
	name, bar string
	took      func(Outcome) time.Duration
}{
	{"decided", "", func(o Outcome) time.Duration { return o.Decided }},
	{"database open", "", func(o Outcome) time.Duration { return o.Opened }},
	{"writable", "writable again", func(o Outcome) time.Duration { return o.Writable }},
	{"pause", "pause", func(o Outcome) time.Duration { return o.Pause }},
	{"answered after that", "all accepted answered after that", func(o Outcome) time.Duration { return o.Completed }},
	{"corruption noticed", "", func(o Outcome) time.Duration { return o.Noticed }},
	{"both regions whole again", "", func(o Outcome) time.Duration { return o.Whole }},
	{"the whole run", "", func(o Outcome) time.Duration { return o.Took }},
}

// group is all runs of a scenario in a mode.
type group struct {
	scenario Scenario
	mode     fence.Replication
	runs     []Outcome
}

func grouped(outcomes []Outcome) (groups []group) {
	for _, mode := range []fence.Replication{fence.Sync, fence.Async} {
		for _, s := range Scenarios {
			g := group{scenario: s, mode: mode}
			for _, o := range outcomes {
				if o.Scenario == s.Name && o.Mode == mode {
					g.runs = append(g.runs, o)
				}
			}
			if len(g.runs) > 0 {
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// spread is the median and the worst of a time; ok is false where no run has it.
func (g group) spread(of func(Outcome) time.Duration) (median, worst time.Duration, ok bool) {
	var all []time.Duration
	for _, o := range g.runs {
		if took := of(o); took > 0 {
			all = append(all, took)
		}
	}
	if len(all) == 0 {
		return 0, 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1], true
}

func (g group) sum(of func(Outcome) int) (n int) {
	for _, o := range g.runs {
		n += of(o)
	}
	return n
}

// table has a line for each target, and for what else was measured.
func (g group) table() string {
	var b strings.Builder
	b.WriteString("| | median | worst | target | met |\n|---|---|---|---|---|\n")
	for _, t := range times {
		if median, worst, ok := g.spread(t.took); ok {
			target, met := g.target(t.bar, worst)
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", t.name, seconds(median), seconds(worst), target, met)
		}
	}
	for _, bar := range bars {
		if bar.count == nil || !bar.of(g.scenario) {
			continue
		}
		n := g.sum(bar.count)
		fmt.Fprintf(&b, "| %s | | %d | 0 | %s |\n", bar.name, n, yes(n == 0))
	}
	return b.String()
}

// target is the bar of a name, and whether it is met; empty where there is none.
func (g group) target(name string, worst time.Duration) (target, met string) {
	for _, bar := range bars {
		if bar.name == name && bar.of(g.scenario) {
			return "at most " + seconds(bar.most), yes(worst <= bar.most)
		}
	}
	return "", ""
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "**no**"
}

// Tables has the worst of each scenario in a line.
func Tables(outcomes []Outcome) string {
	var b strings.Builder
	b.WriteString("| drill | replication | runs | writable, worst | pause, worst | answered after that, worst | accepted | retried | given up | lost | twice | unanswered | targets met |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, g := range grouped(outcomes) {
		worst := func(of func(Outcome) time.Duration) string { _, w, _ := g.spread(of); return seconds(w) }
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %d | %d | %d | %d | %d | %d | %s |\n", g.scenario.Name, g.mode, len(g.runs),
			worst(func(o Outcome) time.Duration { return o.Writable }), worst(func(o Outcome) time.Duration { return o.Pause }),
			worst(func(o Outcome) time.Duration { return o.Completed }),
			g.sum(func(o Outcome) int { return o.Account.Accepted }), g.sum(func(o Outcome) int { return o.Account.Retried }),
			g.sum(func(o Outcome) int { return o.Account.GivenUp }), g.sum(func(o Outcome) int { return o.Account.Lost }),
			g.sum(func(o Outcome) int { return o.Account.Twice }), g.sum(func(o Outcome) int { return o.Account.Unanswered }), yes(len(Missed(g.runs)) == 0))
	}
	return b.String()
}
