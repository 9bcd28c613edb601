package bridge

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/activities/truthfilter"
)

// words is a library without embeddings.
func words(t *testing.T) *Library {
	t.Helper()
	l, err := NewLibrary(nil)
	require.NoError(t, err)
	return l
}

func strict() *truthfilter.Filter { return truthfilter.New(nil, truthfilter.Standard) }

func TestLibraryIsWhole(t *testing.T) {
	byKind := map[Kind]int{}
	for _, r := range words(t).Resources() {
		byKind[r.Kind]++
		if r.Kind == HelpLine {
			require.NotEmpty(t, r.Steps, r.ID)
		}
	}
	for kind, least := range map[Kind]int{Technique: 50, Exercise: 50, Framework: 25, Reading: 30, HelpLine: 40} {
		require.GreaterOrEqual(t, byKind[kind], least, kind)
	}
}

// TestEntriesSpeakMirrorsLanguage: a feeling or need that Mirror never names would
// never lead to the entry.
func TestEntriesSpeakMirrorsLanguage(t *testing.T) {
	file, err := os.ReadFile("../mirror/emotions.yaml")
	require.NoError(t, err)
	var vocabulary []struct{ Label string }
	require.NoError(t, yaml.Unmarshal(file, &vocabulary))
	var feelings []string
	for _, emotion := range vocabulary {
		feelings = append(feelings, emotion.Label)
	}
	needs := strings.Fields("certainty variety significance connection growth contribution autonomy competence relatedness")
	used := map[Format]bool{}
	for _, r := range words(t).Resources() {
		require.Subset(t, feelings, r.Emotions, r.ID)
		require.Subset(t, needs, r.Needs, r.ID)
		used[r.Format] = true
	}
	require.Len(t, used, len(Formats), "a format that nothing has is none")
}

// What the library offers has to be fit to be offered.
func TestEveryResourcePassesTruthFilter(t *testing.T) {
	filter := strict()
	for _, r := range words(t).Resources() {
		j := filter.JudgeResource(t.Context(), truthfilter.ResourceInput{
			Topic: r.Title + " " + r.Topics[0], Title: r.Title, Summary: r.Summary, Steps: r.Steps,
			Evidence: r.Evidence, Caution: r.Caution, Topics: r.Topics, Emotions: r.Emotions,
			FitNeeds: r.Needs, Minutes: r.Minutes, WordsOnly: true,
		})
		require.Equal(t, truthfilter.Pass, j.Verdict, "%s %+v", r.ID, j)
		for _, l := range j.Layers[1:3] {
			require.Equal(t, 1.0, l.Score, "%s %+v", r.ID, l)
		}
	}
}

func TestFaultyCollectionsAreRefused(t *testing.T) {
	const whole = "- {id: a, kind: technique, title: T, topics: [x], needs: [growth], emotions: [joy], summary: S, steps: [s], evidence: E, minutes: 1, " +
		"format: do, complexity: simple, licence: own wording, reviewed: 2026-01-01}\n"
	but := func(old, changed string) string { return strings.Replace(whole, old, changed, 1) }
	for name, c := range map[string]struct{ file, fault string }{
		"same id twice":      {whole + whole, "the id is taken"},
		"empty entry":        {"- {id: a}", "no evidence note"},
		"id no slug":         {"- {id: A b}", "not a slug"},
		"kind unknown":       {"- {id: a, kind: potion}", "kind is unknown"},
		"field unknown":      {"- {id: a, tittle: T}", "tittle"},
		"not yaml":           {"- [", "x.yaml"},
		"another format":     {but("format: do", "format: juggle"), "format is unknown"},
		"read, no reading":   {but("format: do", "format: read"), "readings are read"},
		"another complexity": {but("simple", "easy"), "complexity is unknown"},
		"no licence":         {but("own wording", "''"), "no licence"},
		"never reviewed":     {but("2026-01-01", "''"), "no day of its review"},
		"an open source":     {but("reviewed", "source: 'http://example.org', reviewed"), "no source, as a https URL"},
		"related to nothing": {but("reviewed", "related: [b], reviewed"), "related"},
		"related to itself":  {but("reviewed", "related: [a], reviewed"), "related"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(fstest.MapFS{"library/x.yaml": {Data: []byte(c.file)}})
			require.ErrorContains(t, err, c.fault)
		})
	}
	found, err := load(fstest.MapFS{"library/x.yaml": {Data: []byte(whole)}})
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// provider is an embedder whose failures and calls a test controls.
type provider struct {
	mu     sync.Mutex
	down   bool
	counts map[string]int
}

func (p *provider) Embed(_ context.Context, texts ...string) ([][]float32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, errors.New("connection refused")
	}
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		if p.counts == nil {
			p.counts = map[string]int{}
		}
		p.counts[text]++
		vectors[i] = []float32{1, 0}
	}
	return vectors, nil
}
func (*provider) Model() string   { return "test" }
func (*provider) Dimensions() int { return 2 }

func TestResourcesAreEmbeddedOnce(t *testing.T) {
	p := &provider{}
	l, err := NewLibrary(p)
	require.NoError(t, err)
	var searches sync.WaitGroup
	for range 8 {
		searches.Go(func() { l.Search(t.Context(), SearchInput{Topic: "sleep"}, strict()) })
	}
	searches.Wait()
	for _, e := range l.entries {
		require.Equal(t, 1, p.counts[e.about], e.ID)
	}
}

func TestLibraryOutlivesItsEmbedder(t *testing.T) {
	p := &provider{down: true}
	l, err := NewLibrary(p)
	require.NoError(t, err, "a provider that is down does not keep the worker from starting")
	found := l.Search(t.Context(), SearchInput{Topic: "I can't sleep at night"}, strict())
	require.Equal(t, []string{"embedding_unavailable"}, found.Degraded)
	require.NotEmpty(t, found.Hits, "words still find something")

	p.down = false
	found = l.Search(t.Context(), SearchInput{Topic: "I can't sleep at night"}, strict())
	require.Empty(t, found.Degraded, "it recovers by itself")
}
