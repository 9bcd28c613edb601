package synthesis_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/bridge"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
)

const asksForCalm = "I have a talk tomorrow. Is there anything I can try to calm down before it?"

func TestResourcesAreOfferedToWhoAsks(t *testing.T) {
	in := saying(asksForCalm, felt("resource_request", "anxiety", .6, .6, -.2))
	in.Hits = []bridge.Hit{resource("breathing", bridge.Technique, "anxiety"), resource("walking", bridge.Exercise), resource("writing", bridge.Exercise)}
	for _, answer := range variants(in) {
		requireSound(t, answer)
		requirePasses(t, in, answer)
		require.Contains(t, answer.Text, "something that helps you to calm down before it")
		require.Contains(t, answer.Text, "“Title of breathing” (about 5 minutes). A slow way of breathing out. First step: Breathe in while you count to four.")
		require.Len(t, answer.Resources, 2, "never more than two")
		require.Equal(t, "breathing", answer.Resources[0].ID)
		require.InDelta(t, .9, answer.Resources[0].Score, 1e-9)
		require.InDelta(t, .7, answer.Resources[0].Relevance, 1e-9)
		require.NotContains(t, answer.Text, "writing")
	}
}

func TestNothingFittingIsSaidHonestly(t *testing.T) {
	in := saying(asksForCalm, felt("resource_request", "anxiety", .6, .6, -.2))
	far := resource("chess", bridge.Exercise)
	far.Relevance = .1
	in.Hits = []bridge.Hit{far}
	answer := synthesis.Compose(in)
	require.Contains(t, answer.Text, "found nothing that I would stand behind")
	require.Empty(t, answer.Resources)
	requirePasses(t, in, answer)
}

func TestWhoDidNotAskIsOfferedOneShortThingForThatFeeling(t *testing.T) {
	in := saying("I'm so angry that my hands shake, he lied to me again.", felt("expression", "anger", .9, .8, -.7))
	in.Hits = []bridge.Hit{
		resource("other", bridge.Technique, "grief"), resource("reading", bridge.Reading, "anger"),
		resource("breathing", bridge.Technique, "anger"), resource("second", bridge.Technique, "anger"),
	}
	for _, answer := range variants(in) {
		requireSound(t, answer)
		requirePasses(t, in, answer)
		require.Len(t, answer.Resources, 1)
		require.Equal(t, "breathing", answer.Resources[0].ID)
		require.Regexp(t, "Only if you want it|If you would like|Should it help", answer.Text)
	}
}

func TestHelpLinesAreNamedWithoutSteps(t *testing.T) {
	in := saying(asksForCalm, felt("resource_request", "anxiety", .6, .6, -.2))
	line := resource("line", bridge.HelpLine)
	line.Resource.Summary = "Call 116 123 in the United Kingdom or Ireland"
	in.Hits = []bridge.Hit{line}
	text := synthesis.Compose(in).Text
	require.Contains(t, text, "Call 116 123 in the United Kingdom or Ireland.")
	require.NotContains(t, text, "First step")
	require.NotContains(t, text, "minutes")
}

func TestUnsafeResourceIsLeftOut(t *testing.T) {
	in := saying(asksForCalm, felt("resource_request", "anxiety", .6, .6, -.2))
	bad := resource("bad", bridge.Exercise)
	bad.Resource.Summary = "This is guaranteed to cure your anxiety overnight"
	in.Hits = []bridge.Hit{bad, resource("breathing", bridge.Technique)}
	answer := synthesis.Compose(in)
	require.NotContains(t, answer.Text, "cure")
	require.Len(t, answer.Resources, 1)
}

func TestObjectionsAreHeeded(t *testing.T) {
	fear := told("I'm terrified of the talk on Friday.", 9, .5)
	base := saying("I have a talk on Friday. I'm terrified. Is there anything I can try to calm down before it?", felt("resource_request", "fear", .8, .8, -.5), fear)
	base.Hits = []bridge.Hit{resource("breathing", bridge.Technique, "fear"), resource("walking", bridge.Exercise, "fear")}
	full := synthesis.Compose(base)
	require.Len(t, full.Resources, 2)

	objection := func(layer truthfilter.Layer, reasons ...string) *truthfilter.Judgement {
		layers := []truthfilter.LayerScore{}
		for _, l := range []truthfilter.Layer{truthfilter.Relevance, truthfilter.Honesty, truthfilter.Safety, truthfilter.Resonance} {
			score := truthfilter.LayerScore{Layer: l, Score: 1}
			if l == layer {
				score = truthfilter.LayerScore{Layer: l, Score: .3}
				for _, code := range reasons {
					score.Reasons = append(score.Reasons, truthfilter.Reason{Code: code})
				}
			}
			layers = append(layers, score)
		}
		return &truthfilter.Judgement{Verdict: truthfilter.Revise, Layers: layers}
	}
	mended := func(in synthesis.ComposeInput, objection *truthfilter.Judgement) synthesis.Answer {
		in.Revise = objection
		answer := synthesis.Compose(in)
		requireSound(t, answer)
		return answer
	}

	t.Run("safety: no resources, none of the person's words", func(t *testing.T) {
		answer := mended(base, objection(truthfilter.Safety, "shaming"))
		require.Empty(t, answer.Resources)
		require.NotContains(t, answer.Text, "talk on Friday")
		require.NotContains(t, answer.Text, "Title of")
	})
	t.Run("honesty, over a memory: the memory goes, the rest stays", func(t *testing.T) {
		in := saying("I passed the talk on Friday!", felt("expression", "pride", .7, .8, .7), fear)
		require.Len(t, synthesis.Compose(in).Memories, 1)
		answer := mended(in, objection(truthfilter.Honesty, "invented_memory"))
		require.Empty(t, answer.Memories)
		require.NotContains(t, answer.Text, "terrified")
		require.Contains(t, answer.Text, "ou passed the talk on Friday")
	})
	t.Run("honesty, over a claim: resources and turned words go", func(t *testing.T) {
		answer := mended(base, objection(truthfilter.Honesty, "cure_claim"))
		require.Empty(t, answer.Resources)
		require.NotContains(t, answer.Text, "ou have a talk")
	})
	t.Run("resonance: shorter, without naming the feeling", func(t *testing.T) {
		answer := mended(base, objection(truthfilter.Resonance, "too_long"))
		require.Len(t, answer.Resources, 1)
		require.NotContains(t, answer.Text, "First step")
		require.Less(t, len(strings.Fields(answer.Text)), len(strings.Fields(full.Text)))
	})
	t.Run("resonance, over a misnamed feeling: the person is quoted", func(t *testing.T) {
		in := saying("I'm happy for him and so sad that he goes.", felt("expression", "sadness", .6, .6, -.2))
		answer := mended(in, objection(truthfilter.Resonance, "misnamed_feeling"))
		require.Contains(t, answer.Text, "“I'm happy for him and so sad that he goes”")
	})
	t.Run("rejected: no resources and no memories", func(t *testing.T) {
		reject := objection(truthfilter.Resonance, "cold")
		reject.Verdict = truthfilter.Reject
		require.Empty(t, mended(base, reject).Resources)
	})
	t.Run("no layer in particular: less of everything that can be wrong", func(t *testing.T) {
		weak := &truthfilter.Judgement{Verdict: truthfilter.Revise}
		require.Len(t, mended(base, weak).Resources, 1)
	})
	t.Run("a review that passed changes nothing", func(t *testing.T) {
		require.Equal(t, full, mended(base, &truthfilter.Judgement{Verdict: truthfilter.Pass}))
	})
}
