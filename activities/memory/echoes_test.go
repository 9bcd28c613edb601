package memory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/enginetest"
	"meai/internal/failure"
)

// tellsOn has something remembered that was said some days ago, at noon.
func (p *person) tellsOn(t testing.TB, daysAgo int, emotion string, intensity float64, text string) memory.RememberInput {
	t.Helper()
	in := p.input(text)
	in.SaidAt = time.Now().UTC().AddDate(0, 0, -daysAgo).Truncate(24 * time.Hour).Add(12 * time.Hour)
	in.Analysis = &mirror.Analysis{Primary: emotion, Intensity: intensity, Confidence: 0.8}
	_, err := p.w.Remember(t.Context(), in)
	require.NoError(t, err)
	return in
}

func (p *person) patterns(t testing.TB) memory.FoundPatterns {
	t.Helper()
	found, err := memory.NewGraph(p.w.db, p.w.keys).Patterns(t.Context(), p.id)
	require.NoError(t, err)
	return found
}

// echo is the one echo that says so; the zero one when there is none.
func echoSaying(found memory.FoundPatterns, text string) memory.FoundEcho {
	at := slices.IndexFunc(found.Echoes, func(e memory.FoundEcho) bool { return e.Text == text })
	if at < 0 {
		return memory.FoundEcho{}
	}
	return found.Echoes[at]
}

// lastSunday is how many days ago the last Sunday but one was; today counts for none.
func lastSunday() int {
	if days := int(time.Now().UTC().Weekday()); days > 0 {
		return days + 7
	}
	return 14
}

// sundays tells of some weeks: sad on Sundays, and not in between.
func (p *person) sundays(t testing.TB, weeks int) {
	t.Helper()
	for week := range weeks {
		p.tellsOn(t, lastSunday()+7*week, "sadness", 0.4, "The house is so empty.")
		p.tellsOn(t, lastSunday()+7*week-2-week%2, []string{"joy", "neutral", "calm"}[week%3], 0.2, "I went for a run.")
		p.tellsOn(t, lastSunday()+7*week-4-week%2, []string{"neutral", "joy"}[week%2], 0.2, "We cooked together.")
	}
}

func TestSadSundaysBecomeAnEchoThatCarriesItsEvidence(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.sundays(t, 10)
	require.Positive(t, p.consolidates(t).Echoes)
	const said = "You have been sad nearly every Sunday."
	echo := echoSaying(p.patterns(t), said)
	require.Equal(t, []any{"sunday", "sadness", 10, 10, "nearly every Sunday"}, []any{echo.When, echo.Emotion, echo.Times, echo.Occasions, echo.Frequency})
	require.Len(t, echo.Evidence, 10)
	require.Equal(t, 0.99, echo.Confidence)
	require.Contains(t, p.asks(t, p.w.Activities, memory.RecallInput{Query: "sad on Sundays", Kinds: []memory.Kind{memory.Echo}}), said)
	require.Equal(t, 10, p.count(t, `select count(*) from memory_edges e join memory_nodes n on n.id = e.from_id and n.kind = 'turn'
		where e.to_id = $1 and e.relation = 'instance_of' and e.inferred`, echo.ID))
	require.Equal(t, 1, p.count(t, "select count(*) from memory_nodes where id = $1 and origin = 'inferred' and details_sealed is not null", echo.ID))

	before := p.graphCounts(t)
	require.Equal(t, memory.Consolidated{}, p.consolidates(t), "a second night finds nothing new")
	require.Equal(t, before, p.graphCounts(t))
	require.Equal(t, echo, echoSaying(p.patterns(t), said))

	p.tellsOn(t, lastSunday()-7, "sadness", 0.4, "Sunday again, and nobody rang.")
	require.Positive(t, p.consolidates(t).Echoes)
	grown := echoSaying(p.patterns(t), said)
	require.Equal(t, echo.ID, grown.ID)
	require.Len(t, grown.Evidence, 11)
	require.Equal(t, 11, grown.Times)
	require.True(t, grown.Last.After(echo.Last))
}

func TestWeekdaysAreThoseOfTheTimeZone(t *testing.T) {
	w := newWorld(t)
	p := w.newPerson(t)
	p.sundays(t, 8) // at noon
	faraway := memory.New(memory.Options{
		DB: w.db, Keyring: w.keys, Vectors: w.index, Embedder: w.model, Logger: enginetest.Logger(t), Location: time.FixedZone("", -12*60*60),
	})
	_, err := faraway.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	require.NotZero(t, echoSaying(p.patterns(t), "You have been sad nearly every Saturday.").ID, "the night that Sunday begins with")
	require.Zero(t, echoSaying(p.patterns(t), "You have been sad nearly every Sunday.").ID)
}

func TestAPatternThatCeasesIsClosedAndFoundAgainAsAnother(t *testing.T) {
	p := newWorld(t).newPerson(t)
	for _, ago := range []int{80, 70, 60} {
		p.tellsOn(t, ago, "hope", 0.4, "I have an idea.")
	}
	const said = "Hope keeps coming back."
	require.Equal(t, 1, p.consolidates(t).Echoes)
	first := echoSaying(p.patterns(t), said)
	require.Len(t, first.Evidence, 3)

	later := p.w.with(t, p.w.index, p.w.model)
	later.SetClock(time.Now().AddDate(0, 0, 45))
	done, err := later.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	require.Equal(t, 1, done.Ceased)
	require.Empty(t, p.patterns(t).Echoes)
	require.NotContains(t, p.asks(t, p.w.Activities, memory.RecallInput{Query: "hope", Kinds: []memory.Kind{memory.Echo}}), said, "nobody is told of it any more")
	require.Equal(t, 1, p.count(t, `select count(*) from memory_nodes where id = $1 and valid_to = said_at and retracted_at is not null and reason = 'superseded'`, first.ID))
	require.Equal(t, 3, p.count(t, `select count(*) from memory_edges where to_id = $1 and retracted_at is not null`, first.ID))
	done, err = later.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	require.Zero(t, done.Ceased, "it is closed once")

	for _, ago := range []int{3, 2, 1} {
		p.tellsOn(t, ago, "hope", 0.4, "It may work out.")
	}
	require.Equal(t, 1, p.consolidates(t).Echoes)
	again := echoSaying(p.patterns(t), said)
	require.NotEqual(t, first.ID, again.ID, "what was believed then stays as it was")
	require.Equal(t, 2, p.count(t, "select count(*) from memory_nodes where kind = 'echo'"))
}

func TestATurnThatIsReadOtherwiseShowsThePatternNoMore(t *testing.T) {
	p := newWorld(t).newPerson(t)
	var last memory.RememberInput
	for ago := 4; ago > 0; ago-- {
		last = p.tellsOn(t, ago, "hope", 0.4, "I have an idea.")
	}
	p.consolidates(t)
	echo := echoSaying(p.patterns(t), "Hope keeps coming back.")
	require.Len(t, echo.Evidence, 4)
	last.Analysis = &mirror.Analysis{Primary: "fear", Intensity: 0.4, Confidence: 0.9}
	_, err := p.w.Remember(t.Context(), last)
	require.NoError(t, err)
	p.consolidates(t)
	after := echoSaying(p.patterns(t), "Hope keeps coming back.")
	require.Equal(t, echo.Evidence[:3], after.Evidence)
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where to_id = $1 and retracted_at is not null and reason = 'superseded'", echo.ID))

	last.Analysis.Primary = "hope"
	_, err = p.w.Remember(t.Context(), last)
	require.NoError(t, err)
	p.consolidates(t)
	require.Equal(t, echo.Evidence, echoSaying(p.patterns(t), "Hope keeps coming back.").Evidence)
}

func TestAPatternWhoseEvidenceWasDeletedIsDeletedToo(t *testing.T) {
	p := newWorld(t).newPerson(t)
	for ago := 4; ago > 1; ago-- {
		p.tellsOn(t, ago, "hope", 0.4, "I have an idea.")
	}
	p.consolidates(t)
	echo := p.patterns(t).Echoes[0]
	require.Equal(t, 1, p.count(t, "with gone as (delete from memory_nodes where id = $1 returning 1) select count(*) from gone", echo.Evidence[0]))
	require.Equal(t, 1, p.consolidates(t).Ceased)
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'echo'"))
}

// moves tells of Maya and the move, in four months.
func (p *person) moves(t testing.TB) []memory.RememberInput {
	t.Helper()
	var told []memory.RememberInput
	for _, one := range []struct {
		ago           int
		emotion, text string
	}{
		{125, "anxiety", "I told Maya about the move."}, {118, "anxiety", "My sister Maya is afraid of the move."},
		{80, "anger", "I shouted at Maya, the move is her idea."}, {20, "relief", "Maya and I laughed about the move."},
	} {
		told = append(told, p.tellsOn(t, one.ago, one.emotion, 0.8, one.text))
	}
	return told
}

func TestMarkersBecomeAStorylineThatGrows(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.moves(t)
	p.tellsOn(t, 50, "joy", 0.9, "I got the promotion.")
	require.Equal(t, 1, p.consolidates(t).Storylines)
	found := p.patterns(t).Storylines
	require.Len(t, found, 1)
	story := found[0]
	require.Equal(t, "Maya and the move", story.Title)
	require.Contains(t, story.Text, "Maya and the move: from anxiety in ")
	require.Contains(t, story.Text, " to relief in ")
	require.Contains(t, story.Text, "It has grown lighter.")
	require.Len(t, story.Evidence, 4)
	require.Equal(t, []string{"anxiety", "anger", "relief"}, []string{story.Arc[0].Emotion, story.Arc[1].Emotion, story.Arc[2].Emotion})
	require.Equal(t, 4, p.count(t, `select count(*) from memory_edges e join memory_nodes n on n.id = e.from_id and n.kind = 'marker'
		where e.to_id = $1 and e.relation = 'part_of'`, story.ID))
	require.Equal(t, 1, p.count(t, `select count(*) from memory_edges e join memory_nodes n on n.id = e.to_id and n.kind = 'entity'
		where e.from_id = $1 and e.relation = 'about'`, story.ID))
	require.Equal(t, memory.Consolidated{}, p.consolidates(t))

	for ago := range 3 {
		p.tellsOn(t, 3-ago, "joy", 0.7, fmt.Sprintf("Maya helped with the move, day %d.", ago))
	}
	require.Equal(t, 1, p.consolidates(t).Storylines)
	grown := p.patterns(t).Storylines[0]
	require.Equal(t, story.ID, grown.ID)
	require.Len(t, grown.Evidence, 7)
	require.Contains(t, grown.Text, " to joy")
	maya := echoSaying(p.patterns(t), "Maya keeps coming up.")
	require.Contains(t, grown.Echoes, maya.ID, "the echo of the same person goes with it")
	require.Equal(t, memory.Consolidated{}, p.consolidates(t))
}

func TestAStorylineDissolvesWithItsTurnsAndIsToldAgainWithoutThem(t *testing.T) {
	p := newWorld(t).newPerson(t)
	told := p.moves(t)
	p.consolidates(t)
	story := p.patterns(t).Storylines[0]
	kept, err := p.w.Remember(t.Context(), told[2])
	require.NoError(t, err)
	turn := p.turnOf(t, kept)

	require.Contains(t, p.dissolves(t, turn), story.ID)
	require.Empty(t, p.patterns(t).Storylines)
	require.Equal(t, 2, p.count(t, "with gone as (delete from memory_nodes where kind in ('turn', 'marker') and interaction_id = $1 returning 1) select count(*) from gone", told[2].Ref.Interaction))
	require.Equal(t, 1, p.consolidates(t).Storylines)
	again := p.patterns(t).Storylines[0]
	require.Len(t, again.Evidence, 3)
	require.NotContains(t, again.Text, "anger")
}

func TestNobodysPatternsMixWithAnothers(t *testing.T) {
	w := newWorld(t)
	one, other := w.newPerson(t), w.newPerson(t)
	one.moves(t)
	for _, who := range []*person{one, other} {
		who.tellsOn(t, 3, "hope", 0.4, "I have an idea.")
	}
	one.tellsOn(t, 2, "hope", 0.4, "I have an idea.")
	other.tellsOn(t, 2, "hope", 0.4, "I have an idea.")
	require.Positive(t, one.consolidates(t).Storylines)
	require.Equal(t, memory.Consolidated{Vectors: 2}, other.consolidates(t), "two times are no echo, whoever else hopes")
	require.Empty(t, other.patterns(t).Echoes)
	require.Empty(t, other.patterns(t).Storylines)

	_, err := memory.NewGraph(w.db, w.keys).Patterns(t.Context(), uuid.New())
	require.True(t, failure.Is(err, failure.KeyMissing), err)
}
