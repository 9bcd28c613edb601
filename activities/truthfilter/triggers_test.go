package truthfilter

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatThePersonWantsToBeSparedIsKeptFromThem(t *testing.T) {
	own := Standard
	own.Triggers = []string{"dogs", "the car accident", "of"}
	f := New(nil, own)
	reviewed := func(words, draft string) Judgement {
		return f.Review(t.Context(), ReviewInput{Words: words, Draft: draft})
	}
	const tired = "I am so tired today."
	for _, draft := range []string{
		"You are so tired today. A walk with a dog might do you good.",
		"You are so tired today. Is it the accident with the car that keeps you awake?",
	} {
		j := reviewed(tired, draft)
		require.Equal(t, Reject, j.Verdict, draft)
		reason := j.Layers[2].Reasons[0]
		require.Equal(t, TriggerReason, reason.Code)
		require.NotContains(t, reason.Words, "so tired", "the sentence alone")
		require.Contains(t, own.Triggers, reason.Against)
		require.Contains(t, j.Framing, advice[TriggerReason])
		require.Equal(t, Reason{Code: TriggerReason}, j.Discreet().Layers[2].Reasons[0])
		require.NotEmpty(t, reason.Words, "the judgement itself keeps them for the revision")
		require.Equal(t, Pass, New(nil, Standard).Review(t.Context(), ReviewInput{Words: tired, Draft: draft}).Verdict, "to others it may be said")
	}
	for words, draft := range map[string]string{
		tired:                          "That sounds like a long day. Is there something in it that stays with you?",
		"I dreamt of our car today.":   "You dreamt of your car today. What was in that dream?",
		"My dog is ill, I am worried.": "Your dog is ill, and you worry about it.",
	} {
		require.False(t, reviewed(words, draft).Layers[2].Has(TriggerReason), draft)
	}
	walk := ResourceInput{
		Topic: "walking with a dog", Title: "A walk", Summary: "Borrow a dog from a neighbour and walk for half an hour.", Evidence: "Small studies.",
	}
	judge := func(change func(*ResourceInput)) Judgement {
		in := walk
		change(&in)
		return f.JudgeResource(t.Context(), in)
	}
	require.Equal(t, Reject, judge(func(in *ResourceInput) { in.Said = "something for the evening" }).Verdict)
	require.Equal(t, Reject, judge(func(*ResourceInput) {}).Verdict, "the topic is not the person's, who may have named a feeling alone")
	require.Equal(t, Reject, judge(func(in *ResourceInput) { in.Summary, in.Topics = "Walk for half an hour.", []string{"dogs"} }).Verdict)
	require.False(t, judge(func(in *ResourceInput) { in.Said = "a walk with my dog" }).Layers[2].Has(TriggerReason))
	require.False(t, judge(func(in *ResourceInput) { in.Needed = true }).Layers[2].Has(TriggerReason), "help in danger is not held back")
}

func TestATriggerNeedsAWordOfContent(t *testing.T) {
	require.True(t, CanTrigger("the dogs"))
	require.False(t, CanTrigger("of the"))
	require.False(t, CanTrigger("?!"))
}
