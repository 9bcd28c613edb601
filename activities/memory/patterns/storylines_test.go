package patterns

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var (
	maya, tom = uuid.UUID{1}, uuid.UUID{2}
	telling   = History{
		Names: map[uuid.UUID]string{maya: "Maya", tom: "brother"},
		Words: map[string]string{"move": "the move", "wed": "the wedding", "work": "work"},
	}
	valences = map[string]float64{"anxiety": -0.55, "anger": -0.7, "relief": 0.6, "joy": 0.85, "grief": -0.75}
)

// told is a moment in the given month and day of 2026, with what it is about.
func told(month time.Month, day int, emotion string, who uuid.UUID, about ...string) Moment {
	m := Moment{
		SaidAt: time.Date(2026, month, day, 12, 0, 0, 0, time.UTC), Emotion: emotion, Intensity: 0.8, Valence: valences[emotion], Themes: about,
	}
	m.ID = uuid.NewSHA1(who, []byte(m.SaidAt.String()+emotion))
	if who != uuid.Nil {
		m.Entities = []uuid.UUID{who}
	}
	return m
}

func move() []Moment {
	return []Moment{
		told(time.March, 2, "anxiety", maya, "move"), told(time.March, 9, "anxiety", maya, "move"), told(time.April, 3, "anger", maya, "move"),
		told(time.June, 1, "relief", maya, "move"),
	}
}

func TestMomentsOfOnePersonAndThemeAreOneStory(t *testing.T) {
	others := []Moment{told(time.March, 4, "joy", tom, "wed"), told(time.May, 4, "grief", uuid.Nil)}
	told := Storylines(append(move(), others...), nil, telling)
	require.Len(t, told, 1)
	s := told[0]
	require.Equal(t, "Maya and the move", s.Title)
	require.Equal(t, "Maya and the move: from anxiety in March over anger in April to relief in June 2026. It has grown lighter.", s.Text)
	require.Len(t, s.Moments, 4)
	require.Equal(t, []time.Month{time.March, time.June}, []time.Month{s.From.Month(), s.To.Month()})
	require.Equal(t, []int{2, 1, 1}, []int{s.Arc[0].Moments, s.Arc[1].Moments, s.Arc[2].Moments})
}

func TestTwoMomentsOrOneDayAreNoStory(t *testing.T) {
	require.Empty(t, Storylines(move()[:2], nil, telling))
	oneDay := []Moment{told(time.March, 2, "anxiety", maya, "move"), told(time.March, 2, "anger", maya, "move"), told(time.March, 2, "relief", maya, "move")}
	require.Empty(t, Storylines(oneDay, nil, telling))
}

func TestAStoryStaysTheSameWhileItGrows(t *testing.T) {
	all := move()
	first := Storylines(all[:3], nil, telling)
	require.Len(t, first, 1)
	require.Equal(t, "Maya and the move: from anxiety in March to anger in April 2026.", first[0].Text)
	earlier := told(time.February, 20, "anxiety", maya, "move")
	grown := Storylines(append(all, earlier), []Thread{first[0].Thread}, telling)
	require.Len(t, grown, 1)
	require.Equal(t, first[0].Key, grown[0].Key)
	require.Len(t, grown[0].Moments, 5)
	require.Equal(t, earlier.ID, grown[0].Moments[0])

	require.Empty(t, Storylines(all[:2], []Thread{grown[0].Thread}, telling), "too little is left of it")
}

func TestWhatComesAfterALongSilenceIsAnotherStory(t *testing.T) {
	later := []Moment{told(time.November, 1, "joy", maya, "move"), told(time.November, 9, "joy", maya, "move"), told(time.December, 3, "joy", maya, "move")}
	told := Storylines(append(move(), later...), nil, telling)
	require.Len(t, told, 2)
	texts := []string{told[0].Text, told[1].Text}
	require.Contains(t, texts, "Maya and the move: joy from November 2026 to December 2026.")
}

func TestAMomentThatSaysTheSameBelongsToTheStoryWithoutItsWord(t *testing.T) {
	all := move()
	for i := range all {
		all[i].Vector = []float32{1, float32(i) * 0.1, 0}
	}
	boxes, dinner := told(time.May, 5, "relief", maya), told(time.May, 6, "joy", maya)
	boxes.Vector, dinner.Vector = []float32{0.9, 0.2, 0.4}, []float32{0.2, 0.1, 1}
	told := Storylines(append(all, boxes, dinner), nil, telling)
	require.Len(t, told, 1)
	require.Contains(t, told[0].Moments, boxes.ID)
	require.NotContains(t, told[0].Moments, dinner.ID)
}

func TestStoriesOfAThemeOrOfAPersonAlone(t *testing.T) {
	var alone, work []Moment
	for n := range 3 {
		alone = append(alone, told(time.March, 1+n, "anger", tom))
		work = append(work, told(time.April, 1+n, []string{"anxiety", "anger", "anxiety"}[n], uuid.Nil, "work"))
		work[n].Vector = []float32{1, float32(n), 0, 0}
	}
	told := Storylines(append(alone, work...), nil, telling)
	require.Len(t, told, 2)
	require.Equal(t, "Your brother: anger in March 2026.", told[0].Text)
	require.Equal(t, "Work: from anxiety in April 2026 over anger to anxiety.", told[1].Text)

	for n := range work {
		work[n].Vector = []float32{0.3, 0, 0, 0}
		work[n].Vector[1+n] = 1
	}
	require.Len(t, Storylines(append(alone, work...), nil, telling), 1, "one word, and three matters")
}

func TestWhatIsEverywhereMakesNoStory(t *testing.T) {
	var all []Moment
	for n := range 20 {
		all = append(all, told(time.March, 1+n, "anxiety", uuid.Nil, "work"))
	}
	require.Empty(t, Storylines(all, nil, telling))
	require.Empty(t, Storylines(move(), nil, History{}), "nothing has a name")
}

func TestTheOrderOfMomentsChangesNoStory(t *testing.T) {
	all := append(move(), told(time.March, 1, "anger", tom), told(time.March, 3, "joy", tom), told(time.March, 5, "joy", tom))
	want := Storylines(all, nil, telling)
	require.Len(t, want, 2)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	require.Equal(t, want, Storylines(all, nil, telling))
}

func TestLongArcsKeepTheirTurningPoints(t *testing.T) {
	var all []Moment
	for n, emotion := range []string{"anxiety", "anxiety", "anger", "anxiety", "joy", "joy", "anxiety", "anger", "relief"} {
		all = append(all, told(time.Month(1+n), 5, emotion, maya, "move"))
	}
	arc, trend := arcOf(all)
	require.Len(t, arc, mostPhases)
	require.Equal(t, "anxiety", arc[0].Emotion)
	require.Equal(t, "relief", arc[3].Emotion)
	require.True(t, slices.ContainsFunc(arc, func(p Phase) bool { return p.Emotion == "joy" }), "the turn to joy: %v", arc)
	require.Equal(t, Lighter, trend)
	_, trend = arcOf([]Moment{all[0], all[4], all[1]})
	require.Equal(t, Changing, trend)
	_, trend = arcOf(slices.Concat(all[4:6], all[2:4]))
	require.Equal(t, Heavier, trend)
}
