package synthesis

import "meai/activities/truthfilter"

// mending says what the second draft does without, because a review objected to
// the first.
type mending struct {
	noReflection, noMemory, noResources, noSteps bool
	// unnamed leaves the feeling without a name; shorter says less of everything.
	unnamed, shorter bool
	// verbatim quotes the person instead of turning their words.
	verbatim bool
}

// objectionable is the layer score below which a layer is taken to have objected.
const objectionable = 0.6

// mendingOf reads the review of an earlier draft; nil asks for nothing.
func mendingOf(review *truthfilter.Judgement) mending {
	if review == nil || review.Verdict == truthfilter.Pass {
		return mending{}
	}
	var m mending
	if review.Verdict == truthfilter.Reject {
		m.noResources, m.noMemory = true, true
	}
	objected := false
	for _, layer := range review.Layers {
		if layer.Score < objectionable && layer.Layer != truthfilter.Relevance || layer.Has("off_topic") {
			m.heed(layer)
			objected = true
		}
	}
	if !objected { // the mean was too low: say less that can be wrong
		m.noMemory, m.unnamed, m.shorter = true, true, true
	}
	return m
}

// heed drops what a layer objected to.
func (m *mending) heed(layer truthfilter.LayerScore) {
	switch layer.Layer {
	case truthfilter.Relevance:
		m.noMemory, m.shorter = true, true
	case truthfilter.Honesty:
		m.noMemory = true
		m.noResources = m.noResources || !layer.Has("invented_memory")
		m.noReflection = m.noReflection || !layer.Has("invented_memory") || len(layer.Reasons) > 1
	case truthfilter.Safety:
		m.noReflection, m.noMemory, m.noResources = true, true, true
		if layer.Has(truthfilter.TriggerReason) { // wherever it came from
			m.unnamed, m.shorter, m.noSteps = true, true, true
		}
	case truthfilter.Resonance:
		m.unnamed, m.shorter, m.noSteps = true, true, true
		m.verbatim = layer.Has("misnamed_feeling")
	}
}

// unsayable reports whether TruthFilter's rules object to a piece of the answer.
func (c *composition) unsayable(text string) bool {
	sources := []string{c.in.Words}
	for _, m := range c.in.Memories {
		sources = append(sources, m.Text)
	}
	return len(truthfilter.Screen(text, sources...)) > 0
}
