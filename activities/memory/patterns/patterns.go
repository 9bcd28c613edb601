// Package patterns finds what recurs in what a person has told: feelings, people,
// what brings a feeling about, and the times at which it comes; and the threads that
// join intense moments over time. It is pure: the same history gives the same
// patterns, and nothing is read or kept here.
//
// A pattern in time, or of a feeling and what brings it about, is held against the
// person's own rate of writing and of feeling so: somebody who mostly writes on
// Sundays is not sad on Sundays because of that. What is counted are occasions (a
// day, a part of a day), not messages, since messages of one day share its mood. How
// each is tested stands with the tests, stratified and yearly.
package patterns

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Neutral is the label of no particular feeling, which is no pattern.
const Neutral = "neutral"

// Turn is one thing that the person said.
type Turn struct {
	ID     uuid.UUID
	SaidAt time.Time
	// Emotion is Mirror's label in lower case; empty when it could not be read.
	Emotion  string
	Entities []uuid.UUID
	// Themes are stems of what the turn is about, each once.
	Themes []string
}

// History is what a person has told, in any order.
type History struct {
	Turns []Turn
	// Names are those of the entities, as they are spoken of: "Tom", "sister".
	Names map[uuid.UUID]string
	// Words are the themes as they are spoken of, by their stems: "the move", "work".
	Words map[string]string
}

// Options say how to look.
type Options struct {
	// Now is the end of the history.
	Now time.Time
	// Location is where the person's days begin and end; nil for UTC.
	Location *time.Location
	// Known tells which patterns, by their keys, were found before; nil for none. They
	// are held to a looser bar, so that one that stands near it does not come and go.
	Known func(key string) bool
}

// Kind is what sort of thing recurs.
type Kind string

const (
	// Feeling is an emotion that keeps coming back.
	Feeling Kind = "emotion"
	// Person is somebody or something that keeps coming up.
	Person Kind = "entity"
	// Trigger is an emotion that goes with somebody or something.
	Trigger Kind = "trigger"
	// Timed is an emotion that comes at certain times.
	Timed Kind = "time"
)

// Echo is a pattern that recurs.
type Echo struct {
	// Key makes it the same pattern every time it is found.
	Key  string `json:"key"`
	Kind Kind   `json:"kind"`
	// Text says it to the person.
	Text    string    `json:"-"`
	Emotion string    `json:"emotion,omitempty"`
	Entity  uuid.UUID `json:"entity,omitzero"`
	Theme   string    `json:"theme,omitempty"`
	// When is the time at which it comes, such as "sunday", "evening" or "november".
	When string `json:"when,omitempty"`
	// Frequency is how often, in words: "most weeks", "nearly every Sunday".
	Frequency string `json:"frequency"`
	// Times of so many Occasions it was so. Occasions are weeks in which the person
	// wrote (Feeling, Person), days or parts of days on which they wrote at that time
	// or of that (Timed, Trigger), or such months and seasons.
	Times     int `json:"times"`
	Occasions int `json:"occasions"`
	// Elsewhere is the share of all other occasions on which it was so, in [0, 1].
	Elsewhere float64 `json:"elsewhere"`
	// P is the significance; 0 where there is nothing to test. Confidence is in [0, 1].
	P          float64 `json:"p,omitempty"`
	Confidence float64 `json:"confidence"`
	// Since is from when on the history was searched for it.
	Since time.Time `json:"-"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Evidence are the turns that show it, in order.
	Evidence []uuid.UUID `json:"-"`
}

const (
	// lately is how far back the feelings and people of these days are looked for.
	lately = 90 * 24 * time.Hour
	// thisYear is how far back patterns of the week, of the day and of what brings a
	// feeling about are looked for: what has changed for a year has changed.
	thisYear = 365 * 24 * time.Hour
	// allYears is how far back patterns of the year are looked for.
	allYears = 6 * 365 * 24 * time.Hour
)

// Oldest is how far back a history need not reach any more.
const Oldest = allYears

// Find returns the patterns of a history, in the order of their keys.
func Find(h History, o Options) []Echo {
	s := newSearch(h, o)
	found := slices.Concat(s.recurring(), s.timed(), s.triggers())
	slices.SortFunc(found, func(a, b Echo) int { return cmp.Compare(a.Key, b.Key) })
	return found
}

// search is a history made ready.
type search struct {
	History
	Options
	calendar calendar
	// turns in the order of time, of which the feeling is known.
	turns []placed
	// emotions are the labels that occur, but for the neutral one.
	emotions []string
}

// placed is a turn at its place in the calendar.
type placed struct {
	*Turn
	moment
}

func newSearch(h History, o Options) *search {
	if o.Known == nil {
		o.Known = func(string) bool { return false }
	}
	s := &search{History: h, Options: o, calendar: newCalendar(o.Location)}
	for i := range h.Turns {
		t := &h.Turns[i]
		if t.SaidAt.After(o.Now) || t.SaidAt.Before(o.Now.Add(-allYears)) {
			continue
		}
		s.turns = append(s.turns, placed{t, s.calendar.moment(t.SaidAt)})
		if t.Emotion != "" && t.Emotion != Neutral {
			s.emotions = append(s.emotions, t.Emotion)
		}
	}
	slices.SortFunc(s.turns, func(a, b placed) int {
		return cmp.Or(a.SaidAt.Compare(b.SaidAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	slices.Sort(s.emotions)
	s.emotions = slices.Compact(s.emotions)
	return s
}

// since are the turns from a time on; read leaves out those of which no feeling is known.
func (s *search) since(reach time.Duration, read bool) []placed {
	from, _ := slices.BinarySearchFunc(s.turns, s.Now.Add(-reach), func(t placed, at time.Time) int { return t.SaidAt.Compare(at) })
	if !read {
		return s.turns[from:]
	}
	var kept []placed
	for _, t := range s.turns[from:] {
		if t.Emotion != "" {
			kept = append(kept, t)
		}
	}
	return kept
}

// show gives an echo its evidence, in order of time.
func (e *Echo) show(turns []placed) {
	e.Evidence = make([]uuid.UUID, len(turns))
	for i, t := range turns {
		e.Evidence[i] = t.ID
	}
	e.First, e.Last = turns[0].SaidAt, turns[len(turns)-1].SaidAt
}
