package bridge

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/truthfilter"
	"meai/internal/embedding"
)

// prepared is the library with the built-in embeddings, made once for all tests.
var prepared = sync.OnceValues(func() (*Library, error) {
	e, err := embedding.NewBuiltin()
	if err != nil {
		return nil, err
	}
	return NewLibrary(embedding.Cached(e, 500))
})

func library(t *testing.T) *Library {
	t.Helper()
	l, err := prepared()
	require.NoError(t, err)
	require.NoError(t, l.Prepare(t.Context()))
	return l
}

func ids(r SearchResult) []string {
	found := make([]string, len(r.Hits))
	for i, h := range r.Hits {
		found[i] = h.Resource.ID
	}
	return found
}

func TestSearchFindsWhatFits(t *testing.T) {
	for _, l := range []*Library{library(t), words(t)} {
		for _, c := range []struct{ topic, emotion, among string }{
			{"I can't sleep at night, what could help?", "exhaustion", "out-of-bed list-before-bed winding-down say-good-night muscle-relaxation"},
			{"Is there a book on grief?", "grief", "ok-not-ok grief-observed"},
			{"I keep putting things off, something against procrastination?", "frustration", "two-minute-start if-then-plan"},
			{"What can I do about my anger in an argument?", "anger", "anger-pause stop-skill speak-for-yourself four-parts-of-asking"},
			{"I moved to a new city and have no friends, loneliness all week", "loneliness", "connection-ladder"},
			{"Too many deadlines and too much workload", "overwhelm", "drop-one-thing circle-of-control one-clear-no stress-bucket"},
			{"I had a panic attack, anything for breathing?", "anxiety", "box-breathing long-exhale five-senses"},
			{"I lost my job last week", "fear", "first-week-after-job-loss"},
			{"I want to celebrate some good news", "joy", "share-good-news savour-it"},
			{"How do I make an apology for a mistake?", "guilt", "making-amends"},
		} {
			found := ids(l.Search(t.Context(), SearchInput{Topic: c.topic, Emotion: c.emotion}, strict()))
			require.True(t, slices.ContainsFunc(found, func(id string) bool {
				return slices.Contains(strings.Fields(c.among), id)
			}), "%s\nfound %v", c.topic, found)
		}
	}
}

func TestWhatDoesNotFitIsNotOffered(t *testing.T) {
	for _, topic := range []string{"What is the capital of France?", "How do I make sourdough bread?"} {
		found := library(t).Search(t.Context(), SearchInput{Topic: topic}, strict())
		require.Empty(t, found.Hits, topic)
		require.Positive(t, found.Rejected, topic)
	}
}

func TestHitsAreSortedAndJudged(t *testing.T) {
	found := library(t).Search(t.Context(), SearchInput{Topic: "sleep and worry at night", Emotion: "anxiety", Limit: 5}, strict())
	require.Len(t, found.Hits, 5)
	require.True(t, slices.IsSortedFunc(found.Hits, func(a, b Hit) int {
		return int(1000*b.Relevance) - int(1000*a.Relevance)
	}))
	for _, h := range found.Hits {
		require.Equal(t, truthfilter.Pass, h.Judgement.Verdict)
		require.Len(t, h.Judgement.Layers, 4)
		require.True(t, h.Relevance > 0 && h.Relevance <= 1)
	}
}

func TestConstraintsHold(t *testing.T) {
	found := words(t).Search(t.Context(), SearchInput{Topic: "sleep stress worry", Kinds: []Kind{Technique, Reading}, MaxMinutes: 5, Limit: 20}, strict())
	require.NotEmpty(t, found.Hits)
	for _, h := range found.Hits {
		require.Contains(t, []Kind{Technique, Reading}, h.Resource.Kind)
		require.LessOrEqual(t, h.Resource.Minutes, 5)
	}
	require.Len(t, words(t).Search(t.Context(), SearchInput{Topic: "sleep worry night stress"}, strict()).Hits, 3, "three unless more are asked for")
}

func TestFiltersHold(t *testing.T) {
	l := library(t)
	for name, c := range map[string]struct {
		in   SearchInput
		fits func(Resource) bool
	}{
		"format":          {SearchInput{Formats: []Format{Breathe, Move}}, func(r Resource) bool { return r.Format == Breathe || r.Format == Move }},
		"complexity":      {SearchInput{Complexities: []Complexity{Simple}}, func(r Resource) bool { return r.Complexity == Simple }},
		"format and time": {SearchInput{Formats: []Format{Write}, MaxMinutes: 15}, func(r Resource) bool { return r.Format == Write && r.Minutes <= 15 }},
		"region":          {SearchInput{Kinds: []Kind{HelpLine}, Region: "SE"}, func(r Resource) bool { return len(r.Regions) == 0 || slices.Contains(r.Regions, "SE") }},
		"to call":         {SearchInput{Formats: []Format{Call}}, func(r Resource) bool { return r.Kind == HelpLine }},
	} {
		t.Run(name, func(t *testing.T) {
			for _, topic := range []string{"sleep stress worry crisis someone to talk to", ""} {
				c.in.Topic, c.in.Emotion, c.in.Limit = topic, "anxiety", mostHits
				found := l.Search(t.Context(), c.in, strict())
				require.NotEmpty(t, found.Hits, topic)
				for _, h := range found.Hits {
					require.True(t, c.fits(h.Resource), "%+v", h.Resource)
				}
			}
		})
	}
	found := l.Search(t.Context(), SearchInput{Topic: "I want to kill myself", Region: "SE"}, strict())
	require.Equal(t, "se-sjalvmordslinjen", ids(found)[0], "the region asked for is as good as one that is named")
}

func TestAFeelingOrANeedAloneFinds(t *testing.T) {
	found := library(t).Search(t.Context(), SearchInput{Emotion: "grief", Needs: []string{"connection"}, Limit: 5}, strict())
	require.Empty(t, found.Degraded)
	require.Len(t, found.Hits, 5)
	for _, h := range found.Hits {
		require.Contains(t, h.Resource.Emotions, "grief")
		require.Contains(t, h.Resource.Needs, "connection")
	}
}

func TestHelpLinesComeOnlyWhenFitting(t *testing.T) {
	search := func(in SearchInput) SearchResult { return words(t).Search(t.Context(), in, strict()) }
	for _, topic := range []string{"I feel lonely", "I can't sleep and I worry about work", "my friend moved away"} {
		for _, h := range search(SearchInput{Topic: topic, Emotion: "loneliness", Limit: 10}).Hits {
			require.NotEqual(t, HelpLine, h.Resource.Kind, topic)
		}
	}
	for topic, want := range map[string]string{
		"I need a hotline in Germany":                         "de-telefonseelsorge",
		"Is there a crisis line I can call in Australia?":     "au-lifeline",
		"I want to kill myself":                               "find-a-helpline",
		"I want to kill myself, I live in London":             "samaritans",
		"My boyfriend hits me and I am scared, I'm in the UK": "uk-domestic-abuse",
	} {
		require.Contains(t, ids(search(SearchInput{Topic: topic})), want, topic)
	}
	asked := search(SearchInput{Topic: "someone who listens to children", Kinds: []Kind{HelpLine}})
	require.NotEmpty(t, asked.Hits, "asked for by kind")
}

// A resource that TruthFilter keeps back is counted and not shown.
func TestUnsoundResourcesAreKeptBack(t *testing.T) {
	l := words(t)
	l.entries = append(l.entries, newEntry(Resource{
		ID: "miracle-sleep", Kind: Technique, Title: "Miracle sleep", Topics: []string{"sleep", "insomnia", "night"},
		Needs: []string{"certainty"}, Emotions: []string{"exhaustion"}, Minutes: 1,
		Summary: "Guaranteed to cure insomnia for everyone. Stop taking your sleeping pills tonight.",
		Steps:   []string{"Throw away your pills."}, Evidence: "Studies prove that it always works.",
	}))
	found := l.Search(t.Context(), SearchInput{Topic: "sleep insomnia night", Emotion: "exhaustion"}, strict())
	require.NotContains(t, ids(found), "miracle-sleep")
	require.Positive(t, found.Rejected)
	require.NotEmpty(t, found.Hits)
}

func TestOddTopics(t *testing.T) {
	for name, topic := range map[string]string{
		"empty": "", "invalid": "\xff\xfe sleep", "long": strings.Repeat("sleep 𝗓 ", 5000), "other script": "не могу спать",
	} {
		t.Run(name, func(t *testing.T) {
			found := words(t).Search(t.Context(), SearchInput{Topic: topic, Emotion: "anxiety"}, strict())
			require.NotNil(t, found.Hits)
		})
	}
}

func TestActivityWorksOutsideAnInteraction(t *testing.T) {
	a := &Activities{Library: words(t), Filter: strict()}
	found, err := a.Search(t.Context(), SearchInput{Topic: "I can't sleep"})
	require.NoError(t, err)
	require.NotEmpty(t, found.Hits)
}
