package synthesis_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/truthfilter"
	"meai/internal/failure"
)

func TestHowAnAnswerWasJudgedIsForItsPersonOnly(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	other, _ := s.newSession(t)
	rec := s.accept(t, subject, session, "k")
	judged, err := s.Judged(t.Context(), subject, rec.Ref.Interaction)
	require.NoError(t, err)
	require.Nil(t, judged, "not answered yet")

	in := delivery(rec)
	in.Answer.Review = &truthfilter.Judgement{Verdict: truthfilter.Pass, Policy: "1.4"}
	_, err = s.Deliver(t.Context(), in)
	require.NoError(t, err)
	judged, err = s.Judged(t.Context(), subject, rec.Ref.Interaction)
	require.NoError(t, err)
	require.Equal(t, in.Answer.Review, judged)
	for _, id := range []uuid.UUID{rec.Ref.Interaction, uuid.New()} {
		_, err = s.Judged(t.Context(), other, id)
		require.True(t, failure.Is(err, failure.NotFound), "%v", err)
	}
}
