package patterns

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Moment is a significant moment: a marker.
type Moment struct {
	ID uuid.UUID
	// SaidAt is in the time zone in which the arc is told.
	SaidAt time.Time
	// Emotion is Mirror's label in lower case, Intensity is in [0, 1] and Valence, from
	// unpleasant to pleasant, in [-1, 1].
	Emotion   string
	Intensity float64
	Valence   float64
	Entities  []uuid.UUID
	Themes    []string
	// Vector is the text's embedding; nil when there is none. Its length does not matter.
	Vector []float32
}

// Thread says what makes a storyline the same one: it keeps its name and what it holds
// when moments are added.
type Thread struct {
	Key string `json:"key"`
	// Entity and Theme are what its moments share; one of them may be missing.
	Entity uuid.UUID `json:"entity,omitzero"`
	Theme  string    `json:"theme,omitempty"`
	// Said is how one speaks of the theme.
	Said string `json:"said,omitempty"`
	// Moments are those that it held when it was told last.
	Moments []uuid.UUID `json:"-"`
}

// Storyline joins moments that share somebody and a theme over time.
type Storyline struct {
	Thread
	// Title such as "Maya and the move".
	Title string `json:"title"`
	// Text tells the arc in one sentence.
	Text  string    `json:"-"`
	Arc   []Phase   `json:"arc"`
	Trend Trend     `json:"trend"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

const (
	// A storyline has so many moments, on so many days.
	leastMoments = 3
	leastOfDays  = 3
	// longestGap is how long nothing may be told of it: what comes later is another story.
	longestGap = 120 * 24 * time.Hour
	// alike is the cosine from which a moment belongs to a thread by what it says, when
	// it shares the person but not the theme: the built-in model gives texts about
	// one matter .4 and more, and others mostly less than .25.
	alike = 0.4
	// tooCommon is the share of all moments from which a theme says nothing, if there
	// are so many moments that one can tell.
	tooCommon   = 0.4
	manyMoments = 12
)

// Storylines joins moments into threads. Those in known go on first, in their order,
// so that a story that was told stays the same one while it grows; of the other
// moments new ones are made, those that say most first, and a moment is part of one thread.
func Storylines(moments []Moment, known []Thread, h History) []Storyline {
	l := newLoom(moments, h)
	var told []Storyline
	for _, t := range known {
		if s, holds := l.goOn(t); holds {
			told = append(told, s)
		}
	}
	for {
		t, found := l.best()
		if !found {
			break
		}
		s, _ := l.goOn(t)
		told = append(told, s)
	}
	slices.SortFunc(told, func(a, b Storyline) int { return cmp.Compare(a.Key, b.Key) })
	return told
}

// loom holds the moments that are part of no thread yet.
type loom struct {
	History
	all   []Moment
	taken map[uuid.UUID]bool
	// about are the moments that share something, in order of time; sorted are what they
	// share, of those that enough moments do.
	about  map[topic][]Moment
	sorted []topic
}

func newLoom(moments []Moment, h History) *loom {
	l := &loom{History: h, all: slices.Clone(moments), taken: make(map[uuid.UUID]bool), about: make(map[topic][]Moment)}
	slices.SortFunc(l.all, func(a, b Moment) int { return cmp.Or(a.SaidAt.Compare(b.SaidAt), slices.Compare(a.ID[:], b.ID[:])) })
	held := make(map[string]int)
	for _, m := range l.all {
		for _, theme := range m.Themes {
			held[theme]++
		}
	}
	rare := func(theme string) bool {
		return h.Words[theme] != "" && (len(l.all) < manyMoments || float64(held[theme]) <= tooCommon*float64(len(l.all)))
	}
	for _, m := range l.all {
		themes := slices.DeleteFunc(slices.Clone(m.Themes), func(theme string) bool { return !rare(theme) })
		for _, theme := range themes {
			l.share(topic{theme: theme}, m)
		}
		for _, e := range m.Entities {
			if h.Names[e] == "" {
				continue
			}
			l.share(topic{entity: e}, m)
			for _, theme := range themes {
				l.share(topic{e, theme}, m)
			}
		}
	}
	for t, shared := range l.about {
		if len(shared) >= leastMoments {
			l.sorted = append(l.sorted, t)
		}
	}
	slices.SortFunc(l.sorted, func(a, b topic) int { return cmp.Compare(a.thread(), b.thread()) })
	return l
}

func (l *loom) share(t topic, m Moment) { l.about[t] = append(l.about[t], m) }

// goOn gives a thread the free moments that belong to it. False: too little is left of
// it, or nobody whom it is about.
func (l *loom) goOn(t Thread) (Storyline, bool) {
	var held []Moment
	for _, m := range l.all {
		if slices.Contains(t.Moments, m.ID) && !l.taken[m.ID] {
			held = append(held, m)
		}
	}
	for _, m := range l.all {
		if !l.taken[m.ID] && !slices.Contains(t.Moments, m.ID) && l.belongs(t, held, m) {
			held = append(held, m)
		}
	}
	if !enough(held) || (t.Entity != uuid.Nil && l.Names[t.Entity] == "") {
		return Storyline{}, false
	}
	slices.SortFunc(held, func(a, b Moment) int { return cmp.Or(a.SaidAt.Compare(b.SaidAt), slices.Compare(a.ID[:], b.ID[:])) })
	t.Moments = nil
	for _, m := range held {
		t.Moments = append(t.Moments, m.ID)
		l.taken[m.ID] = true
	}
	if t.Key == "" {
		t.Said = l.Words[t.Theme]
		t.Key = "storyline " + topic{t.Entity, t.Theme}.thread() + held[0].ID.String()
	}
	s := Storyline{Thread: t, Title: l.title(t), From: held[0].SaidAt, To: held[len(held)-1].SaidAt}
	s.Arc, s.Trend = arcOf(held)
	s.Text = s.sentence()
	return s, true
}

func (t topic) thread() string {
	if t.entity == uuid.Nil {
		return "theme " + t.theme + " "
	}
	return "entity " + t.entity.String() + " " + t.theme + " "
}

// belongs reports whether a moment is part of a thread: it shares what the thread is
// about, or with the person what is said, and lies near it in time.
func (l *loom) belongs(t Thread, held []Moment, m Moment) bool {
	if len(held) == 0 || !near(held, m) {
		return false
	}
	theme := t.Theme == "" || slices.Contains(m.Themes, t.Theme)
	if t.Entity == uuid.Nil {
		return theme
	}
	return slices.Contains(m.Entities, t.Entity) && (theme || similar(held, m))
}

func near(held []Moment, m Moment) bool {
	return slices.ContainsFunc(held, func(h Moment) bool { return m.SaidAt.Sub(h.SaidAt).Abs() <= longestGap })
}

// similar reports whether the moment says much the same as the thread does in the middle.
func similar(held []Moment, m Moment) bool {
	var sum []float64
	for _, h := range held {
		if sum == nil {
			sum = make([]float64, len(h.Vector))
		}
		for i, v := range h.Vector {
			if i < len(sum) {
				sum[i] += float64(v)
			}
		}
	}
	var dot, one, other float64
	for i, v := range m.Vector {
		if i < len(sum) {
			dot, one, other = dot+float64(v)*sum[i], one+float64(v)*float64(v), other+sum[i]*sum[i]
		}
	}
	return one > 0 && other > 0 && dot/math.Sqrt(one*other) >= alike
}

func enough(held []Moment) bool {
	days := make(map[int]bool)
	for _, m := range held {
		days[newCalendar(m.SaidAt.Location()).moment(m.SaidAt).day] = true
	}
	return len(held) >= leastMoments && len(days) >= leastOfDays
}

// best is the thread that the free moments make which says most: its length, by what it
// is about.
func (l *loom) best() (Thread, bool) {
	var best Thread
	most := 0.0
	for _, about := range l.sorted {
		for _, stretch := range l.stretches(about) {
			weight := float64(len(stretch)) * about.telling()
			if weight <= most || !enough(stretch) {
				continue
			}
			most, best = weight, Thread{Entity: about.entity, Theme: about.theme}
			for _, m := range stretch {
				best.Moments = append(best.Moments, m.ID)
			}
		}
	}
	return best, len(best.Moments) > 0
}

// telling is how much a story says that is about this: half as many moments about Maya
// and the move are worth as much as those about Maya.
func (t topic) telling() float64 {
	switch {
	case t.entity != uuid.Nil && t.theme != "":
		return 2
	case t.theme != "":
		return 1.2
	default:
		return 1
	}
}

// stretches are the free moments about something, parted where nothing was told for long.
func (l *loom) stretches(about topic) [][]Moment {
	var list [][]Moment
	for _, m := range l.about[about] {
		if l.taken[m.ID] {
			continue
		}
		if last := len(list) - 1; last >= 0 && m.SaidAt.Sub(list[last][len(list[last])-1].SaidAt) <= longestGap {
			list[last] = append(list[last], m)
		} else {
			list = append(list, []Moment{m})
		}
	}
	return list
}

// title names a thread: "Maya and the move", "Your sister", "The move".
func (l *loom) title(t Thread) string {
	name, theme := spokenName(l.Names[t.Entity]), t.Said
	switch {
	case name == "":
		return capital(theme)
	case theme == "":
		return capital(name)
	default:
		return capital(name) + " and " + theme
	}
}
