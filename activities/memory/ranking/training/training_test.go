package training

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/memory/evaluation"
	"meai/activities/memory/ranking"
	"meai/internal/embedding"
	"meai/internal/embedding/asking"
	"meai/internal/embedding/encoder"
)

func examples(t *testing.T) Examples {
	e, err := embedding.NewBuiltin()
	require.NoError(t, err)
	return Examples{Embedder: e, Map: make(asking.Map, encoder.Dimensions*encoder.Dimensions)}
}

func TestACaseHoldsWhatWasKnownWhenItIsAsked(t *testing.T) {
	at := time.Date(2025, 3, 1, 9, 0, 0, 0, time.UTC)
	c := evaluation.Conversation{Name: "ana", Turns: []evaluation.Turn{
		{ID: "1", Session: "a", At: at, Text: "My sister plays the cello."},
		{ID: "2", Session: "a", At: at.Add(time.Minute), Text: "The rice burned."},
		{ID: "3", Session: "b", At: at.AddDate(0, 0, 2), Text: "She sold the cello."},
	}, Questions: []evaluation.Question{
		{ID: "early", Question: "Who plays the cello?", AskedAt: at.AddDate(0, 0, 1), Evidence: []string{"1"}},
		{ID: "late", Question: "What became of the cello?", Evidence: []string{"3"}},
		{ID: "never", Question: "Who plays chess?"},
	}}
	cases, err := examples(t).Cases(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, cases, 2, "what has no answer teaches nothing")
	require.Equal(t, []bool{true, false}, cases[0].Right, "the third turn was yet to be said")
	require.Equal(t, []bool{false, false, true}, cases[1].Right)
	require.InDelta(t, 0.5, cases[0].Counts, 1e-9, "a conversation counts one")
	first, second := cases[0].Memories[0], cases[0].Memories[1]
	own, beside := second.Shared()
	require.Zero(t, own)
	require.Positive(t, beside, "the turn before shares a word")
	own, _ = first.Shared()
	require.Positive(t, own)
	model := ranking.Fit(cases)
	require.InDelta(t, 1, Recall(model, cases), 1e-9, "ten of three")
}

func TestWeightsAreFittedOnThePeopleForTuningAlone(t *testing.T) {
	_, err := Fit(t.Context(), examples(t), []evaluation.Conversation{{Name: "okon"}}, func(string, ...any) {})
	require.ErrorContains(t, err, "only 0 are there")
}
