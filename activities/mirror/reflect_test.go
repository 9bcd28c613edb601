package mirror_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/mirror"
	"meai/activities/mirror/reflection"
)

func reflected(t *testing.T, in mirror.ReflectInput) mirror.Reflection {
	t.Helper()
	activities := &mirror.Activities{Analyzer: newAnalyzer(t)}
	out, err := activities.Reflect(t.Context(), in)
	require.NoError(t, err)
	again, err := activities.Reflect(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, out.Prompts, again.Prompts, "a step that is repeated gives the same")
	return out
}

func TestReflectReadsWhatIsNotGiven(t *testing.T) {
	const words = "I feel so alone since my sister moved away, nobody to talk to at all."
	out := reflected(t, mirror.ReflectInput{Text: words, Purpose: reflection.Integrate, Tone: reflection.Warm, Count: 5, Seed: 3})
	require.Len(t, out.Prompts, 5)
	texts := map[string]bool{}
	for _, p := range out.Prompts {
		require.Equal(t, "loneliness", p.Emotion)
		require.Equal(t, reflection.Integrate, p.Purpose)
		require.Equal(t, reflection.Warm, p.Tone)
		require.Empty(t, reflection.Check(p.Text, words))
		texts[p.Text] = true
	}
	require.Len(t, texts, 5)

	given := reflected(t, mirror.ReflectInput{Text: words, Emotion: "anger", Needs: []mirror.Need{}, Count: 5})
	for _, p := range given.Prompts {
		require.Equal(t, "anger", p.Emotion, "what is given counts")
		require.Nil(t, p.Need)
	}
}

func TestReflectByAFeelingAlone(t *testing.T) {
	first := reflected(t, mirror.ReflectInput{Emotion: "joy", Count: 1})
	require.Len(t, first.Prompts, 1)
	require.True(t, first.Readable())
	next := reflected(t, mirror.ReflectInput{Emotion: "joy", Count: 1, Recent: []uuid.UUID{first.Prompts[0].ID}})
	require.NotEqual(t, first.Prompts[0].Text, next.Prompts[0].Text, "the same seed, but it was asked before")
}

func TestWhatGetsNoReflection(t *testing.T) {
	danger := reflected(t, mirror.ReflectInput{Text: "I want to kill myself tonight.", Count: 3})
	require.True(t, danger.Crisis.NeedsSafeAnswer())
	require.Empty(t, danger.Prompts)

	foreign := reflected(t, mirror.ReflectInput{Text: "Ich fühle mich heute so allein, seit meine Schwester weg ist.", Emotion: "loneliness", Count: 3})
	require.False(t, foreign.Readable())
	require.Empty(t, foreign.Prompts)
	require.Contains(t, foreign.Degraded, "unsupported_language")
}

// TestTheGrammarKnowsTheVocabulary: whoever adds a feeling or a need to Mirror adds
// questions about it.
func TestTheGrammarKnowsTheVocabulary(t *testing.T) {
	require.Subset(t, reflection.Emotions(), mirror.Labels(t))
	require.ElementsMatch(t, reflection.Needs(), mirror.NeedNames(t))
}
