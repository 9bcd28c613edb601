package truthfilter

import (
	"context"
	"math"

	"meai/internal/embedding"
)

// Filter judges texts. It is safe for concurrent use and keeps nothing.
type Filter struct {
	embedder   embedding.Embedder
	thresholds Thresholds
}

// New returns a filter. Without an embedder, and whenever it fails, relevance is
// judged by words alone and the judgement says so by less confidence. Thresholds
// left at zero take their defaults; check them with [Thresholds.Validate] first.
func New(e embedding.Embedder, t Thresholds) *Filter {
	return &Filter{embedder: e, thresholds: t.withDefaults()}
}

// Review judges a drafted answer.
func (f *Filter) Review(ctx context.Context, in ReviewInput) Judgement {
	sources := []string{in.Words}
	for _, m := range in.Memories {
		sources = append(sources, m.Text)
	}
	s := newSubject(in.Draft, sources...)
	relevance, embedded := f.judgeDraftRelevance(ctx, in)
	layers := []LayerScore{
		relevance,
		judgeHonesty(s, in.Draft, in.Words, sources),
		judgeSafety(s),
		judgeResonance(s, in.Draft, in.Analysis),
	}
	return f.judgement(layers, true, confidence(embedded, in.Analysis != nil))
}

// Screen names the safety and honesty rules that a piece of a draft would break,
// given what the person said. It needs no model: a composer asks it before it
// gives words back.
func Screen(text string, sources ...string) []string {
	s := newSubject(text, sources...)
	_, unsafe := s.judge(rulebook.safety)
	_, dishonest := s.judge(rulebook.honesty)
	return append(unsafe, dishonest...)
}

func (f *Filter) judgement(layers []LayerScore, mendable bool, sure float64) Judgement {
	for i := range layers {
		layers[i].Score = round(layers[i].Score)
	}
	mean := f.thresholds.mean(layers)
	return Judgement{
		Verdict: f.thresholds.verdict(layers, mean, mendable),
		Score:   round(mean), Layers: layers, Framing: framing(layers), Confidence: round(sure),
	}
}

const (
	confident = 0.9
	// wordsOnly and unread scale confidence down when no embedding, and when no
	// analysis of the person's words, was at hand.
	wordsOnly, unread = 0.75, 0.85
)

func confidence(embedded, analysed bool) float64 {
	sure := confident
	if !embedded {
		sure *= wordsOnly
	}
	if !analysed {
		sure *= unread
	}
	return sure
}

// round keeps three decimals, so that judgements read well and compare stably.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }
