package synthesis_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/mirror"
	"meai/activities/synthesis"
	"meai/internal/language"
)

// moods are ways to say the same thing day after day.
var moods = []synthesis.ComposeInput{
	saying("I feel low and I don't see the end of it.", felt("expression", "sadness", .5, .5, -.5)),
	saying("My sister moved to Lisbon and the flat feels so empty.", felt("expression", "loneliness", .46, .31, -.27)),
	saying("I finished the essay and it went well.", felt("expression", "pride", .6, .6, .6)),
	saying("I went to the shop and then I cooked dinner.", felt("expression", "neutral", .1, .5, 0)),
	saying("My boss ignored me in the meeting again.", &mirror.Analysis{
		Kind: "expression", Primary: "frustration", Intensity: .6, Confidence: .5, Valence: -.5, Language: "en",
		Needs: []mirror.Need{{Name: "significance", Lacking: true}},
	}),
}

func TestNoQuestionReturnsWithinTenTurns(t *testing.T) {
	for _, in := range moods {
		var before []string
		for turn := range 25 {
			in.Ref.Interaction, in.Asked = uuid.NewSHA1(uuid.Nil, fmt.Append(nil, turn)), before[max(0, len(before)-10):]
			question := synthesis.Compose(in).FollowUp
			require.NotContains(t, in.Asked, question, "turn %d after %s", turn, in.Words)
			before = append(before, question)
		}
	}
}

func TestQuestionsOfTheSessionAreRemembered(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	writer, err := synthesis.NewWriter(language.None{})
	require.NoError(t, err)
	activities := &synthesis.Activities{Store: s.Store, Writer: writer}
	var asked []string
	for turn := range 14 {
		rec := s.accept(t, subject, session, fmt.Sprint(turn))
		in := moods[0]
		in.Ref = rec.Ref
		answer, err := activities.Compose(t.Context(), in)
		require.NoError(t, err)
		require.NotContains(t, asked[max(0, len(asked)-10):], answer.FollowUp)
		again, err := activities.Compose(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, answer.FollowUp, again.FollowUp, "an attempt that is repeated says the same")
		asked = append(asked, answer.FollowUp)
		given := delivery(rec)
		given.Answer = answer
		_, err = s.Deliver(t.Context(), given)
		require.NoError(t, err)
	}

	t.Run("and forgotten when they cannot be read", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		in := moods[0]
		in.Ref.Subject, in.Ref.Session = subject, session
		answer, err := activities.Compose(ctx, in)
		require.NoError(t, err)
		require.NotEmpty(t, answer.FollowUp)
	})
}
