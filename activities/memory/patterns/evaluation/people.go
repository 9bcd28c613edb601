// Package evaluation invents people with one pattern planted in what they tell, and
// people with none, and measures which patterns are found.
package evaluation

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/patterns"
)

// labels are Mirror's, but for the neutral one.
var labels = []string{
	"overwhelm", "anxiety", "fear", "loneliness", "grief", "sadness", "despair", "shame", "guilt", "anger", "frustration", "disappointment",
	"jealousy", "exhaustion", "confusion", "surprise", "gratitude", "joy", "pride", "calm", "hope", "love", "relief", "curiosity",
}

// begin is when the invented people begin to write, give or take a year.
var begin = time.Date(2023, time.February, 6, 0, 0, 0, 0, time.UTC)

const (
	people, themes = 6, 20
	// carried is how often a day's mood is that of the day before, and coloured how
	// often a message shows the mood of its day.
	carried, coloured = 0.35, 0.5
	// misread is how often a label is any label: Mirror errs.
	misread = 0.2
	// shows is how often a message shows the planted feeling on an occasion on which the
	// plant takes effect.
	shows = 0.75
)

// life is an invented person who writes on irregular days, more on some weekdays and in
// some months than in others, at length on some and shortly on others, with pauses; whose moods last, and who has weeks in
// which one feeling comes up often, and weeks in which one topic does.
type life struct {
	*rand.Rand
	days               int
	start              time.Time
	writes             float64
	byWeekday, byMonth []float64
	parts              []float64
	// talks is how probably another message follows one, by weekday.
	talks    []float64
	neutral  float64
	feelings []string
	tastes   []float64
	names    []uuid.UUID
	plant    *Plant

	mood, episode, hot string
	episodeLeft        int
	hotLeft, pause     int
	history            patterns.History
	// effect are the days on which the plant showed.
	effect map[time.Time]bool
	turns  uint64
}

// newLife draws a person who tells for so many days.
func newLife(random *rand.Rand, days int, plant *Plant) *life {
	l := &life{
		Rand: random, days: days, start: begin.AddDate(0, 0, random.IntN(365)), writes: 0.2 + 0.5*random.Float64(), neutral: 0.25 + 0.25*random.Float64(),
		feelings: slices.Clone(labels), plant: plant, history: patterns.History{Names: map[uuid.UUID]string{}, Words: map[string]string{}},
		effect: map[time.Time]bool{},
	}
	l.Shuffle(len(l.feelings), func(i, j int) { l.feelings[i], l.feelings[j] = l.feelings[j], l.feelings[i] })
	talkative := 0.3 + 0.5*l.Float64()
	for range 7 {
		l.byWeekday = append(l.byWeekday, 0.5+l.Float64())
		l.talks = append(l.talks, min(max(talkative+0.3*l.Float64()-0.15, 0.2), 0.9))
	}
	for range 12 {
		l.byMonth = append(l.byMonth, 0.6+0.8*l.Float64())
	}
	for range 4 {
		l.parts = append(l.parts, 0.15+l.Float64())
	}
	for n := range l.feelings {
		l.tastes = append(l.tastes, l.ExpFloat64()/float64(1+n))
	}
	for n := range people {
		id := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%d", n))
		l.names = append(l.names, id)
		l.history.Names[id] = fmt.Sprintf("Person %d", n)
	}
	for n := range themes {
		l.history.Words[themeOf(n)] = "the " + themeOf(n)
	}
	return l
}

func themeOf(n int) string { return fmt.Sprintf("theme%d", n) }

// live tells the person's life day by day.
func (l *life) live() patterns.History {
	for n := range l.days {
		day := l.start.AddDate(0, 0, n)
		l.pass()
		if l.pause > 0 || l.Float64() > l.writes*l.byWeekday[day.Weekday()]*l.byMonth[day.Month()-1] {
			continue
		}
		l.sit(day)
		if l.Float64() < 0.25 {
			l.sit(day)
		}
	}
	return l.history
}

// pass lets a day go by: moods change, and what occupies the person.
func (l *life) pass() {
	if l.Float64() > carried {
		l.mood = l.feels()
	}
	l.pause, l.episodeLeft, l.hotLeft = l.pause-1, l.episodeLeft-1, l.hotLeft-1
	if l.pause <= 0 && l.IntN(60) == 0 {
		l.pause = 5 + l.IntN(15)
	}
	if l.episodeLeft <= 0 {
		l.episode = ""
		if l.IntN(180) == 0 {
			l.episode, l.episodeLeft = l.feels(), 10+l.IntN(35)
		}
	}
	if l.hotLeft <= 0 {
		l.hot = themeOf(l.IntN(themes))
		if l.IntN(2) == 0 {
			l.hot = l.history.Names[l.names[l.IntN(people)]]
		}
		l.hotLeft = 4 + l.IntN(16)
	}
}

// feels draws a feeling as the person mostly has them.
func (l *life) feels() string {
	if l.Float64() < l.neutral {
		return patterns.Neutral
	}
	return l.feelings[draw(l.Rand, l.tastes)]
}

// sit has the person write some messages at one time of a day.
func (l *life) sit(day time.Time) {
	hours := [][2]int{{6, 12}, {12, 17}, {17, 22}, {22, 24}}[draw(l.Rand, l.parts)]
	at := day.Add(time.Duration(hours[0])*time.Hour + time.Duration(l.IntN((hours[1]-hours[0])*50))*time.Minute)
	struck := map[bool]bool{false: l.plant != nil && l.Float64() < l.plant.Strength, true: false}
	for more := true; more; more = l.Float64() < l.talks[day.Weekday()] {
		l.say(at, struck[false])
		at = at.Add(time.Duration(1+l.IntN(3)) * time.Minute)
	}
}

// say tells one thing.
func (l *life) say(at time.Time, struck bool) {
	l.turns++
	t := patterns.Turn{SaidAt: at, Emotion: l.feels()}
	binary.BigEndian.PutUint64(t.ID[8:], l.turns)
	if l.Float64() < coloured {
		t.Emotion = l.mood
	}
	if l.episode != "" && l.Float64() < 0.35 {
		t.Emotion = l.episode
	}
	for n, name := range l.names {
		if l.Float64() < l.chance(l.history.Names[name], 0.35/float64(1+n)) {
			t.Entities = append(t.Entities, name)
		}
	}
	for n := range themes {
		if l.Float64() < l.chance(themeOf(n), 0.3/float64(2+n)) {
			t.Themes = append(t.Themes, themeOf(n))
		}
	}
	if struck && l.plant.at(t) && l.Float64() < shows {
		t.Emotion = l.plant.Emotion
		l.effect[at.Truncate(24*time.Hour)] = true
	}
	if l.Float64() < misread {
		t.Emotion = append(labels, patterns.Neutral)[l.IntN(len(labels)+1)]
	}
	l.history.Turns = append(l.history.Turns, t)
}

// chance raises how often a topic comes up in the weeks in which it is on the person's mind.
func (l *life) chance(topic string, usual float64) float64 {
	if topic == l.hot {
		return min(3*usual, 0.6)
	}
	return usual
}

// draw picks an index by weight.
func draw(random *rand.Rand, weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	at := random.Float64() * sum
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}
