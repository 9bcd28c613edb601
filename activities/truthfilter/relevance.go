package truthfilter

import (
	"context"
	"maps"
	"slices"

	"meai/activities/mirror"
	"meai/internal/embedding"
	"meai/internal/lexicon"
)

const (
	// lowCosine and highCosine are where the similarity of two texts begins to
	// mean something and where it means as much as it can. With the built-in model
	// answers to the words have 0.31 to 0.81, answers to other words -0.1 to 0.38.
	lowCosine, highCosine = 0.2, 0.6
	// enoughTerms: taking up this many of the person's content words is plenty.
	enoughTerms = 3
	// unsaid is the relevance of an answer to words without content, such as "ok".
	unsaid = 0.6
)

// How much each sign of relevance can contribute by itself.
const (
	trustCosine, trustTerms, trustState = 0.75, 0.75, 0.35
)

// signs are the separate indications that a text is relevant, each in [0, 1].
type signs struct{ cosine, terms, state float64 }

// score joins the signs as independent indications: each takes its share of what
// the others leave open (a noisy or).
func (s signs) score() float64 {
	return 1 - (1-trustCosine*s.cosine)*(1-trustTerms*s.terms)*(1-trustState*s.state)
}

func (s signs) reasons() []Reason {
	var found []Reason
	if s.terms == 0 {
		found = append(found, Reason{Code: "no_shared_terms"})
	}
	if s.state > 0 {
		found = append(found, Reason{Code: "speaks_to_state"})
	}
	if s.cosine >= 0.5 {
		found = append(found, Reason{Code: "close_in_meaning"})
	}
	return found
}

// similarity scales the cosine of two texts to [0, 1]; ok is false when the
// embedder cannot be used.
func similarity(ctx context.Context, e embedding.Embedder, a, b string) (scaled float64, ok bool) {
	if e == nil {
		return 0, false
	}
	vectors, err := e.Embed(ctx, a, b)
	if err != nil || len(vectors) != 2 || len(vectors[0]) != len(vectors[1]) {
		// The judgement goes on without, with less confidence.
		return 0, false
	}
	return scale(embedding.Cosine(vectors[0], vectors[1])), true
}

func scale(cosine float64) float64 {
	return min(1, max(0, (cosine-lowCosine)/(highCosine-lowCosine)))
}

// takenUp is how much of what was asked a text takes up, in [0, 1]: its BM25 score beside
// that of enough of the words that were asked for, were they as rare as these are on
// average.
func takenUp(asked, text []string) float64 {
	distinct := slices.Sorted(maps.Keys(setOf(asked)))
	if len(distinct) == 0 {
		return 0
	}
	enough := float64(min(enoughTerms, len(distinct))) / float64(len(distinct))
	return min(1, ordinaryTexts.bm25(distinct, text)/(enough*ordinaryTexts.bm25(distinct, distinct)))
}

// stateSpoken is 1 when the text speaks of the person's feelings, half when only
// of a need.
func stateSpoken(a *mirror.Analysis, text []string) float64 {
	if a == nil {
		return 0
	}
	speaks := func(stems map[string]bool) bool {
		return slices.ContainsFunc(text, func(t string) bool { return stems[t] })
	}
	if speaks(feelings[a.Primary].stems) {
		return 1
	}
	for _, e := range a.Secondary {
		if speaks(feelings[e.Label].stems) {
			return 0.7
		}
	}
	for _, n := range a.Needs {
		if speaks(needStems[n.Name]) {
			return 0.5
		}
	}
	return 0
}

// judgeDraftRelevance scores whether a draft answers what was said.
func (f *Filter) judgeDraftRelevance(ctx context.Context, in ReviewInput) (LayerScore, bool) {
	asked, answered := lexicon.Terms(in.Words), lexicon.Terms(in.Draft)
	s := signs{terms: takenUp(asked, answered), state: stateSpoken(in.Analysis, answered)}
	var embedded bool
	s.cosine, embedded = similarity(ctx, f.embedder, in.Words, in.Draft)
	layer := LayerScore{Layer: Relevance, Score: s.score(), Reasons: s.reasons()}
	if len(asked) == 0 {
		layer.Score = max(layer.Score, unsaid)
		layer.Reasons = append(layer.Reasons, Reason{Code: "little_to_answer"})
	}
	if layer.Score < f.policy.Least.Relevance {
		layer.Reasons = append(layer.Reasons, Reason{Code: "off_topic"})
	}
	return layer, embedded
}
