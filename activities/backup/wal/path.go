package wal

import (
	"fmt"
	"maps"
	"slices"
)

// run is consecutive segments of one timeline.
type run struct {
	timeline    uint32
	first, last uint64
}

// path is the segments that recovery reads from one position to another, oldest first.
// Where a timeline was left within a segment, the new timeline's segment holds both.
func (a archive) path(from, to Position) ([]run, *Problem) {
	var runs []run
	last, bound := max(a.last(to.LSN), a.number(from.LSN)), to.LSN
	for at := to.Timeline; ; {
		if at == from.Timeline {
			runs = append(runs, run{at, a.number(from.LSN), last})
			break
		}
		began, problem := a.origin(at, from, bound)
		if problem != nil {
			return nil, problem
		}
		first := max(a.number(began.at), a.number(from.LSN))
		runs = append(runs, run{at, first, last})
		at, last, bound = began.parent, first-1, began.at
	}
	slices.Reverse(runs)
	return slices.DeleteFunc(runs, func(r run) bool { return r.first > r.last }), nil
}

// origin is where a timeline began, between two LSNs.
func (a archive) origin(timeline uint32, from Position, bound LSN) (origin, *Problem) {
	histories := a.of(timeline).histories
	name := historyName(timeline)
	problem := func(format string, args ...any) *Problem {
		return &Problem{Class: Forked, First: name, Last: name, Text: fmt.Sprintf(format, args...)}
	}
	switch {
	case timeline < from.Timeline:
		return origin{}, problem("timeline %d does not go on from timeline %d", timeline, from.Timeline)
	case len(histories) == 0:
		return origin{}, problem("the history of timeline %d is not archived", timeline)
	case len(histories) > 1:
		return origin{}, problem("timeline %d has %d different histories: two servers were promoted to it", timeline, len(histories))
	}
	began := histories[0].origin
	if began.parent == from.Timeline && began.at < from.LSN || began.at > bound {
		return origin{}, problem("timeline %d began at %s on timeline %d, which is not between %s and %s", timeline, began.at, began.parent, from.LSN, bound)
	}
	return began, nil
}

// stage is a run of segments of which nothing is archived, or one of which something is.
type stage struct {
	run
	objects []object // the whole ones, or the longest part
	end     LSN      // of what is archived
}

// stages follows a path through what is archived.
func (a archive) stages(path []run) (stages []stage) {
	for _, r := range path {
		t, next := a.of(r.timeline), r.first
		for _, n := range t.numbers(r) {
			if n > next {
				stages = append(stages, stage{run: run{r.timeline, next, n - 1}})
			}
			here := stage{run: run{r.timeline, n, n}, objects: t.whole[n], end: a.reach(segment{r.timeline, n})}
			if len(here.objects) == 0 {
				here.objects = []object{t.longest(n)}
			}
			stages = append(stages, here)
			next = n + 1
		}
		if next <= r.last {
			stages = append(stages, stage{run: run{r.timeline, next, r.last}})
		}
	}
	return stages
}

// numbers are the segments of a run of which anything is archived, in order.
func (t timeline) numbers(r run) []uint64 {
	numbers := slices.AppendSeq(slices.Collect(maps.Keys(t.whole)), maps.Keys(t.parts))
	slices.Sort(numbers)
	return slices.DeleteFunc(slices.Compact(numbers), func(n uint64) bool { return n < r.first || n > r.last })
}

// examine finds what is wrong with the stages of a path to a position.
func (a archive) examine(stages []stage, to Position, kept LSN) (problems []Problem) {
	newest := -1
	for i, s := range stages {
		if s.objects != nil {
			newest = i
		}
	}
	for i, s := range stages {
		switch enough := min(to.LSN, a.end(segment{s.timeline, s.last})); {
		case s.objects == nil && i > newest:
			problems = append(problems, a.problem(Delayed, s.run, "not archived yet"))
		case s.objects == nil && a.end(segment{s.timeline, s.last}) <= kept:
			problems = append(problems, a.problem(Lost, s.run, "missing, and the server does not have it any more"))
		case s.objects == nil:
			problems = append(problems, a.problem(Missing, s.run, "missing"))
		case len(s.objects) > 1:
			problems = append(problems, a.problem(Forked, s.run, fmt.Sprintf("archived %d times with different contents", len(s.objects))))
		case i == len(stages)-1 && s.end >= enough, s.end == a.end(segment{s.timeline, s.last}):
		case i == newest:
			problems = append(problems, a.problem(Delayed, s.run, "archived up to "+s.end.String()+" so far"))
		default:
			problems = append(problems, a.problem(Truncated, s.run, "archived up to "+s.end.String()+" only, and the log went on"))
		}
	}
	return problems
}

// reached is where a path is interrupted for the first time, or its end.
func (a archive) reached(stages []stage, from Position) Position {
	reached := from
	for _, s := range stages {
		if s.objects == nil {
			break
		}
		reached = Position{s.timeline, max(reached.LSN, s.end)}
		if s.end < a.end(segment{s.timeline, s.last}) {
			break
		}
	}
	return reached
}

func (a archive) problem(class Class, r run, text string) Problem {
	return Problem{Class: class, First: a.name(segment{r.timeline, r.first}), Last: a.name(segment{r.timeline, r.last}), Text: text}
}
