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
	// alike is by how much the moments of a thread have to be nearer to each other in
	// meaning (mean cosine) than any two of the person's, where they share a theme alone,
	// or the person alone. In the project's conversations any two are at .30 to .34,
	// threads of "the concert", "the exams" or "the violin" at .44 to .53, and what a
	// word like "hand" or "phone" has in common at .23 to .39.
	alike = 0.1
	// usualCosine is taken for any two where there are too few to tell.
	usualCosine = 0.32
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
	// usual is the mean cosine of any two moments.
	usual float64
}

func newLoom(moments []Moment, h History) *loom {
	l := &loom{History: h, all: slices.Clone(moments), taken: make(map[uuid.UUID]bool), about: make(map[topic][]Moment)}
	slices.SortFunc(l.all, func(a, b Moment) int { return cmp.Or(a.SaidAt.Compare(b.SaidAt), slices.Compare(a.ID[:], b.ID[:])) })
	if l.usual = usualCosine; len(l.all) >= manyMoments {
		l.usual = meanCosine(l.all)
	}
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
	return slices.Contains(m.Entities, t.Entity) && (theme || l.similar(held, m))
}

func near(held []Moment, m Moment) bool {
	return slices.ContainsFunc(held, func(h Moment) bool { return m.SaidAt.Sub(h.SaidAt).Abs() <= longestGap })
}

// similar reports whether the moment says much the same as those of the thread.
func (l *loom) similar(held []Moment, m Moment) bool {
	sum, n := total(held)
	return n > 0 && len(m.Vector) == len(sum) && dot(sum, unit(m.Vector))/float64(n) >= l.usual+alike
}

// coherent reports whether the moments of a thread say much the same.
func (l *loom) coherent(held []Moment) bool { return meanCosine(held) >= l.usual+alike }

// meanCosine is the mean of all pairs of moments that have a vector; 0 of less than two.
func meanCosine(moments []Moment) float64 {
	sum, n := total(moments)
	if n < 2 {
		return 0
	}
	return (dot(sum, sum) - float64(n)) / float64(n*(n-1))
}

// total is the sum of the unit vectors of so many moments.
func total(moments []Moment) (sum []float64, n int) {
	for _, m := range moments {
		if sum == nil {
			sum = make([]float64, len(m.Vector))
		}
		if len(m.Vector) == 0 || len(m.Vector) != len(sum) {
			continue // not embedded yet, or by another model
		}
		n++
		for i, v := range unit(m.Vector) {
			sum[i] += v
		}
	}
	return sum, n
}

func unit(vector []float32) []float64 {
	long := make([]float64, len(vector))
	for i, v := range vector {
		long[i] = float64(v)
	}
	if length := math.Sqrt(dot(long, long)); length > 0 {
		for i := range long {
			long[i] /= length
		}
	}
	return long
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
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
			if weight <= most || !enough(stretch) || (about.entity == uuid.Nil && !l.coherent(stretch)) {
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
