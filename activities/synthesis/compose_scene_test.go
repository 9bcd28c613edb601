package synthesis_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/bridge"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
)

// now is when the words of these tests are said.
var now = time.Date(2026, 3, 14, 18, 0, 0, 0, time.UTC)

// felt is a reading as Mirror gives it.
func felt(kind mirror.Kind, primary string, intensity, confidence, valence float64) *mirror.Analysis {
	return &mirror.Analysis{
		Kind: kind, Primary: primary, Intensity: intensity, Confidence: confidence, Valence: valence, Language: "en",
	}
}

// saying is an input whose wording is chosen by its words.
func saying(words string, a *mirror.Analysis, memories ...memory.Memory) synthesis.ComposeInput {
	return synthesis.ComposeInput{
		Ref:   interaction.Ref{Interaction: uuid.NewSHA1(uuid.Nil, []byte(words))},
		Words: words, Analysis: a, Memories: memories, At: now,
	}
}

// told is a turn from some days ago.
func told(text string, daysAgo int, score float64) memory.Memory {
	id := uuid.NewSHA1(uuid.Nil, []byte(text))
	return memory.Memory{
		ID: id, Kind: memory.Turn, Text: text, SaidAt: now.AddDate(0, 0, -daysAgo), Interaction: uuid.NewSHA1(id, nil), Score: score,
	}
}

// variants composes the same input under many interaction ids.
func variants(in synthesis.ComposeInput) []synthesis.Answer {
	answers := make([]synthesis.Answer, 20)
	for i := range answers {
		in.Ref.Interaction = uuid.NewSHA1(uuid.Nil, []byte{byte(i)})
		answers[i] = synthesis.Compose(in)
	}
	return answers
}

// requireSound holds what is true of every answer.
func requireSound(t *testing.T, answer synthesis.Answer) {
	t.Helper()
	require.NotEmpty(t, answer.Components)
	require.NotEmpty(t, answer.FollowUp)
	require.True(t, strings.HasSuffix(answer.Text, answer.FollowUp), "the question comes last: %s", answer.Text)
	require.True(t, strings.HasSuffix(answer.FollowUp, "?"), answer.FollowUp)
	rest := answer.Text
	for _, part := range answer.Components {
		require.NotEmpty(t, part.Tone)
		require.NotEmpty(t, part.Purpose)
		_, after, found := strings.Cut(rest, part.Text)
		require.True(t, found, "%q is in %q", part.Text, rest)
		rest = after
	}
	require.True(t, utf8.ValidString(answer.Text))
	require.False(t, strings.ContainsFunc(answer.Text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }), "%q", answer.Text)
	require.Less(t, len(strings.Fields(answer.Text)), 215)
	require.NotContains(t, answer.Text, "..")
	require.NotContains(t, answer.Text, "{")
	require.NotContains(t, answer.Text, "  ")
}

// requirePasses puts the answer before TruthFilter, which goes by words alone.
func requirePasses(t *testing.T, in synthesis.ComposeInput, answer synthesis.Answer) {
	t.Helper()
	got := review(t, in, answer)
	require.Equal(t, truthfilter.Pass, got.Verdict, "%+v\n%s", got.Layers, answer.Text)
}

func review(t *testing.T, in synthesis.ComposeInput, answer synthesis.Answer) truthfilter.Judgement {
	t.Helper()
	return truthfilter.New(nil, truthfilter.Standard).Review(t.Context(), truthfilter.ReviewInput{
		Words: in.Words, Draft: answer.Text, Analysis: in.Analysis, Memories: in.Memories,
	})
}

func resource(id string, kind bridge.Kind, emotions ...string) bridge.Hit {
	return bridge.Hit{
		Resource: bridge.Resource{
			ID: id, Kind: kind, Title: "Title of " + id, Emotions: emotions, Minutes: 5,
			Summary: "A slow way of breathing out", Steps: []string{"Breathe in while you count to four.", "Breathe out."},
		},
		Relevance: 0.7, Judgement: truthfilter.Judgement{Verdict: truthfilter.Pass, Score: 0.9},
	}
}
