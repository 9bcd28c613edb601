package patterns

import (
	"cmp"
	"slices"

	"github.com/google/uuid"
)

// mostTopics bounds the people, and the themes, that feelings are held against: those
// that came up on most days.
const mostTopics = 30

// topic is somebody or something that a turn is about.
type topic struct {
	entity uuid.UUID
	theme  string
}

func (t topic) key() string {
	if t.theme != "" {
		return "theme " + t.theme
	}
	return "entity " + t.entity.String()
}

func (t topic) of(turn *Turn) bool {
	if t.theme != "" {
		return slices.Contains(turn.Themes, t.theme)
	}
	return slices.Contains(turn.Entities, t.entity)
}

// triggers finds the feelings that go with somebody or something. An occasion is what
// was said of it on one day, and what else was said that day is another.
func (s *search) triggers() []Echo {
	turns := s.since(thisYear, true)
	var all []candidate
	for _, about := range topics(turns) {
		if s.spoken(about) == "" {
			continue
		}
		apart := occasionsAbout(turns, about)
		of := func(i int) bool { return about.of(apart.turns[i][0].Turn) }
		for _, emotion := range s.emotions {
			c := candidate{echo: Echo{
				Key: "trigger " + about.key() + " " + emotion, Kind: Trigger, Emotion: emotion, Entity: about.entity, Theme: about.theme,
				Since: s.Now.Add(-thisYear),
			}}
			if apart.hold(&c, of) {
				all = append(all, c)
			}
		}
	}
	return s.triggerWords(distinctTriggers(significant(all, mostFalseTopic, s.Known)))
}

// topics are those that came up on most days, people and themes apart.
func topics(turns []placed) []topic {
	days := make(map[topic]map[int]bool)
	note := func(t topic, day int) {
		if days[t] == nil {
			days[t] = make(map[int]bool)
		}
		days[t][day] = true
	}
	for _, t := range turns {
		for _, e := range t.Entities {
			note(topic{entity: e}, t.day)
		}
		for _, theme := range t.Themes {
			note(topic{theme: theme}, t.day)
		}
	}
	var people, themes []topic
	for t, on := range days {
		switch {
		case len(on) < leastTimes:
		case t.theme == "":
			people = append(people, t)
		default:
			themes = append(themes, t)
		}
	}
	return append(mostFrequent(people, days), mostFrequent(themes, days)...)
}

func mostFrequent(list []topic, days map[topic]map[int]bool) []topic {
	slices.SortFunc(list, func(a, b topic) int { return cmp.Or(len(days[b])-len(days[a]), cmp.Compare(a.key(), b.key())) })
	return list[:min(len(list), mostTopics)]
}

// occasionsAbout are days, each split into what was said of the topic and the rest.
func occasionsAbout(turns []placed, about topic) occasions {
	sorted := slices.Clone(turns)
	slices.SortStableFunc(sorted, func(a, b placed) int {
		return cmp.Or(a.day-b.day, order(about.of(a.Turn))-order(about.of(b.Turn)))
	})
	return split(sorted, func(before, t placed) bool { return before.day != t.day || about.of(before.Turn) != about.of(t.Turn) })
}

func order(first bool) int {
	if first {
		return 0
	}
	return 1
}

// distinctTriggers keeps, of the things that a feeling goes with, those that are more
// than another one by a different name: most of their turns are their own.
func distinctTriggers(found []candidate) []candidate {
	var kept []candidate
	for _, c := range found {
		shown := c.evidence()
		covered := func(k candidate) bool {
			return k.echo.Emotion == c.echo.Emotion && 2*shared(k.evidence(), shown) > len(shown)
		}
		if !slices.ContainsFunc(kept, covered) {
			kept = append(kept, c)
		}
	}
	return kept
}

func shared(a, b []placed) int {
	n := 0
	for _, t := range b {
		if slices.ContainsFunc(a, func(other placed) bool { return other.ID == t.ID }) {
			n++
		}
	}
	return n
}
