package truthfilter

import (
	"context"
	"slices"
	"strings"

	"meai/activities/mirror"
	"meai/internal/lexicon"
)

// ResourceInput is a resource with the request that it may answer.
type ResourceInput struct {
	// Topic is what the person asked for, in their words.
	Topic   string
	Emotion string
	Needs   []string
	// Intensity of the emotion in [0, 1], 0 when unknown.
	Intensity float64

	Title    string
	Summary  string
	Steps    []string
	Evidence string
	Caution  string
	// Topics, Emotions and FitNeeds are what the resource says it is for.
	Topics   []string
	Emotions []string
	FitNeeds []string
	Minutes  int
	// Similarity is the cosine between request and resource when it is known
	// already; it spares the embedding. WordsOnly says that no embedding is to be
	// had, so that the filter does not try again for each resource.
	Similarity *float64
	WordsOnly  bool
}

func (in ResourceInput) about() string {
	return in.Title + ". " + strings.Join(in.Topics, ", ") + ". " + in.Summary
}

func (in ResourceInput) text() string {
	parts := slices.Concat([]string{in.Title, in.Summary}, in.Steps, []string{in.Evidence, in.Caution})
	return strings.Join(parts, ".\n")
}

// JudgeResource judges a resource before a person sees it.
func (f *Filter) JudgeResource(ctx context.Context, in ResourceInput) Judgement {
	s := newSubject(in.text())
	relevance, embedded := f.judgeResourceRelevance(ctx, in)
	layers := []LayerScore{relevance, judgeClaims(s, in), judgeSafety(s), judgeFit(s, in)}
	return f.judgement(layers, false, confidence(embedded, in.Emotion != ""))
}

func (f *Filter) judgeResourceRelevance(ctx context.Context, in ResourceInput) (LayerScore, bool) {
	asked := lexicon.Terms(in.Topic)
	offered := lexicon.Terms(in.about())
	s := signs{terms: sharedTermsOf(asked, offered)}
	switch {
	case slices.Contains(in.Emotions, in.Emotion) && in.Emotion != "":
		s.state = 1
	case slices.ContainsFunc(in.Needs, func(n string) bool { return slices.Contains(in.FitNeeds, n) }):
		s.state = 0.6
	}
	embedded := in.Similarity != nil
	switch {
	case embedded:
		s.cosine = scale(*in.Similarity)
	case !in.WordsOnly:
		s.cosine, embedded = similarity(ctx, f.embedder, in.Topic, in.about())
	}
	layer := LayerScore{Layer: Relevance, Score: s.score(), Reasons: s.reasons()}
	if layer.Score < f.thresholds.Relevance {
		layer.Reasons = append(layer.Reasons, "off_topic")
	}
	return layer, embedded
}

// judgeClaims scores the honesty of a resource: what it promises, and whether it
// says how well it is known to work.
func judgeClaims(s subject, in ResourceInput) LayerScore {
	score, codes := s.judge(rulebook.honesty)
	if strings.TrimSpace(in.Evidence) == "" {
		score *= 0.55
		codes = append(codes, "no_evidence_note")
	}
	return LayerScore{Layer: Honesty, Score: score, Reasons: codes}
}

const (
	// longForAStorm is how many minutes somebody in strong distress can give.
	longForAStorm = 15
	// shortSummary is how many words a summary needs to say anything.
	shortSummary = 3
)

// judgeFit scores how a resource is likely to land.
func judgeFit(s subject, in ResourceInput) LayerScore {
	layer := LayerScore{Layer: Resonance, Score: 1}
	take := func(weight float64, code string, found bool) {
		if found {
			layer.Score *= 1 - weight
			layer.Reasons = append(layer.Reasons, code)
		}
	}
	m := moodOf(&mirror.Analysis{Primary: in.Emotion})
	take(0.65, "cheerleading", m == heavy && s.says(cheer))
	take(0.6, "cold", s.says(cold))
	take(0.55, "shouting", shouts(in.Title+" "+in.Summary))
	take(0.55, "too_short", len(lexicon.Words(in.Summary)) < shortSummary)
	take(0.3, "takes_long", in.Intensity >= strong && in.Minutes > longForAStorm)
	take(0.25, "not_for_this_feeling", in.Emotion != "" && m != neutral && len(in.Emotions) > 0 && !slices.Contains(in.Emotions, in.Emotion))
	take(0.05, "needs_care", in.Caution != "")
	return layer
}
