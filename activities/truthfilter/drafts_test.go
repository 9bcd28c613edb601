package truthfilter

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/embedding"
)

// feels builds the analysis that a draft is reviewed with.
func feels(emotion string, intensity float64) *mirror.Analysis {
	return &mirror.Analysis{Kind: mirror.Expression, Primary: emotion, Intensity: intensity, Language: "en"}
}

func told(texts ...string) []memory.Memory {
	memories := make([]memory.Memory, len(texts))
	for i, text := range texts {
		memories[i] = memory.Memory{Kind: memory.Turn, Text: text}
	}
	return memories
}

const (
	flat = "My sister Maya moved to Lisbon last week and the flat feels so empty without her."
	work = "Work is a lot, three deadlines in one week and my manager keeps adding more."
	dog  = "My dog Biscuit died last night. I had him for fourteen years."
)

var (
	lonely = feels("loneliness", 0.6)
	grief  = feels("grief", 0.8)
)

type draftCase struct {
	words    string
	analysis *mirror.Analysis
	draft    string
	// reason is a code that a bad draft's judgement has to name.
	reason string
	// memories are what the draft may claim besides.
	memories []memory.Memory
}

// The tables are cases/*.yaml, which the program evaluates learned policies on as well.
var (
	badDrafts    = drafts(func(c Case) bool { return c.Group != Good && !c.Alone })
	goodDrafts   = drafts(func(c Case) bool { return c.Group == Good && !c.Alone && c.Memories == nil })
	goodMemories = drafts(func(c Case) bool { return c.Group == Good && c.Memories != nil })
)

func drafts(which func(Case) bool) []draftCase {
	all, err := Cases()
	if err != nil {
		panic(err)
	}
	var found []draftCase
	for _, c := range all {
		if which(c) {
			found = append(found, draftCase{c.Words, c.Analysis, c.Draft, c.Reason, c.Memories})
		}
	}
	return found
}

func filters(t *testing.T) map[string]*Filter {
	t.Helper()
	e, err := embedding.NewBuiltin()
	require.NoError(t, err)
	return map[string]*Filter{
		"with embeddings":    New(embedding.Cached(e, 1000), Standard),
		"without embeddings": New(broken{}, Standard),
	}
}

// broken is a provider that is down.
type broken struct{}

func (broken) Embed(context.Context, ...string) ([][]float32, error) {
	return nil, errors.New("connection refused")
}
func (broken) Model() string   { return "broken" }
func (broken) Dimensions() int { return 512 }

func reasons(j Judgement) []string {
	var all []string
	for _, l := range j.Layers {
		for _, r := range l.Reasons {
			all = append(all, r.Code)
		}
	}
	return all
}

func TestBadDraftsDoNotPass(t *testing.T) {
	for name, f := range filters(t) {
		t.Run(name, func(t *testing.T) {
			for _, c := range badDrafts {
				t.Run(c.draft, func(t *testing.T) {
					j := f.Review(t.Context(), ReviewInput{Words: c.words, Draft: c.draft, Analysis: c.analysis})
					require.NotEqual(t, Pass, j.Verdict, "%+v", j)
					require.Contains(t, reasons(j), c.reason)
				})
			}
		})
	}
}

func TestGoodDraftsPass(t *testing.T) {
	for name, f := range filters(t) {
		t.Run(name, func(t *testing.T) {
			for _, c := range slices.Concat(goodDrafts, goodMemories) {
				t.Run(c.draft, func(t *testing.T) {
					j := f.Review(t.Context(), ReviewInput{Words: c.words, Draft: c.draft, Analysis: c.analysis, Memories: c.memories})
					require.Equal(t, Pass, j.Verdict, "%+v", j)
				})
			}
		})
	}
}

// A claim stands or falls with the memories that were recalled.
func TestClaimsNeedTheirMemory(t *testing.T) {
	f := New(nil, Standard)
	for _, c := range goodMemories {
		if !strings.Contains(c.draft, "ou told me that") || strings.Contains(c.draft, "don't find") {
			continue
		}
		with := f.Review(t.Context(), ReviewInput{Words: c.words, Draft: c.draft, Analysis: c.analysis, Memories: c.memories})
		without := f.Review(t.Context(), ReviewInput{Words: c.words, Draft: c.draft, Analysis: c.analysis, Memories: told("I bought a blue bicycle.")})
		require.NotContains(t, reasons(with), "invented_memory", c.draft)
		require.Contains(t, reasons(without), "invented_memory", c.draft)
		require.NotEqual(t, Pass, without.Verdict, c.draft)
	}
}

// What hides from a pattern by its spelling is found all the same.
func TestDisguisesAreSeenThrough(t *testing.T) {
	f := New(nil, Standard)
	for name, draft := range map[string]string{
		"zero-width characters": "Your dog died, just g\u200bet o\u200dver it.",
		"soft hyphens":          "Your dog died, just ge\u00adt ov\u00ader it.",
		"cyrillic letters":      "Your dog died, just gеt оvеr it.",
		"full-width letters":    "Your dog died, just ｇｅｔ ｏｖｅｒ it.",
		"decorated letters":     "Your dog died, just 𝗀𝖾𝗍 𝗈𝗏𝖾𝗋 it.",
		"accents":               "Your dog died, just gét ôver it.",
		"digits for letters":    "Your dog died, you are path3t1c about it.",
		"capitals":              "Your dog died, just GeT OvEr IT.",
		"stretched letters":     "Your dog died, just geeet ooover it.",
		"spaced letters":        "Your dog died, just  g e t  o v e r  it, you are  p a t h e t i c  now.",
		"underscores":           "Your dog died, just get_over_it now.",
		"curly apostrophe":      "Your dog died. You’re pathetic.",
		"line breaks":           "Your dog died, just get\nover\nit.",
	} {
		t.Run(name, func(t *testing.T) {
			j := f.Review(t.Context(), ReviewInput{Words: dog, Draft: draft, Analysis: grief})
			require.Equal(t, Reject, j.Verdict, "%q\n%+v", plain(draft), j)
		})
	}
}

// The person's own hard words may be given back as theirs, never stated as true.
func TestHardWordsAreGivenBackOnlyAsTheirs(t *testing.T) {
	f := New(nil, Standard)
	review := func(words, draft string) Judgement {
		return f.Review(t.Context(), ReviewInput{Words: words, Draft: draft, Analysis: feels("shame", 0.5)})
	}
	const words = "I'm a failure and nobody should trust me."
	require.Equal(t, Pass, review(words, "Right now it seems to you that you're a failure. What happened?").Verdict)
	require.Contains(t, reasons(review(words, "You're a failure. What happened?")), "shaming")
	require.Contains(t, reasons(review("You are a failure, companion.", "It seems to you that you are a failure.")), "shaming",
		"what they said about somebody else is not theirs")
	require.Contains(t, reasons(review("I lost my job.", "It seems to you that you're a failure.")), "shaming",
		"what they never said cannot be given back")
}

func TestSafetyRejectsWhateverTheMeanSays(t *testing.T) {
	policy := Standard
	policy.Least = Scores{Mean: 0.01, Relevance: 0.01, Honesty: 0.01, Safety: Standard.Least.Safety, Resonance: 0.01}
	lenient := New(nil, policy)
	for _, c := range badDrafts {
		j := lenient.Review(t.Context(), ReviewInput{Words: c.words, Draft: c.draft, Analysis: c.analysis})
		safety := j.Layers[slices.IndexFunc(j.Layers, func(l LayerScore) bool { return l.Layer == Safety })]
		if safety.Score < Standard.Least.Safety {
			require.Equal(t, Reject, j.Verdict, c.draft)
		}
	}
}

func TestJudgementExplainsItself(t *testing.T) {
	f := New(nil, Standard)
	j := f.Review(t.Context(), ReviewInput{Words: dog, Draft: "Biscuit was only a dog. Everything will be fine, I guarantee it.", Analysis: grief})
	require.Equal(t, Reject, j.Verdict)
	layers := make([]Layer, len(j.Layers))
	for i, l := range j.Layers {
		layers[i] = l.Layer
		require.True(t, l.Score >= 0 && l.Score <= 1, "%+v", l)
	}
	require.Equal(t, []Layer{Relevance, Honesty, Safety, Resonance}, layers)
	require.Contains(t, j.Framing, "Let the feeling be as big as it is.")
	require.Contains(t, j.Framing, "Say what may happen, and promise nothing.")
}

func TestConfidenceFallsWithWhatIsMissing(t *testing.T) {
	all := filters(t)
	in := ReviewInput{Words: flat, Draft: goodDrafts[0].draft, Analysis: lonely}
	whole := all["with embeddings"].Review(t.Context(), in)
	wordsOnly := all["without embeddings"].Review(t.Context(), in)
	in.Analysis = nil
	unreadToo := all["without embeddings"].Review(t.Context(), in)
	require.Greater(t, whole.Confidence, wordsOnly.Confidence)
	require.Greater(t, wordsOnly.Confidence, unreadToo.Confidence)
}
