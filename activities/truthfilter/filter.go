package truthfilter

import (
	"context"
	"math"

	"meai/internal/embedding"
)

// Filter judges texts. It is safe for concurrent use and keeps nothing.
type Filter struct {
	embedder embedding.Embedder
	policy   Policy
}

// New returns a filter that judges under a policy. Without an embedder, and whenever it
// fails, relevance is judged by words alone and the judgement says so by less confidence.
func New(e embedding.Embedder, p Policy) *Filter { return &Filter{embedder: e, policy: p} }

// Under is the same filter under another policy.
func (f *Filter) Under(p Policy) *Filter {
	other := *f
	other.policy = p
	return &other
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
	var codes []string
	for _, r := range append(s.judge(Safety, rulebook.safety).Reasons, s.judge(Honesty, rulebook.honesty).Reasons...) {
		codes = append(codes, r.Code)
	}
	return codes
}

func (f *Filter) judgement(layers []LayerScore, mendable bool, sure float64) Judgement {
	for i := range layers {
		layers[i].Score = round(layers[i].Score)
	}
	mean := f.policy.mean(layers)
	return Judgement{
		Verdict: f.policy.verdict(layers, mean, mendable),
		Score:   round(mean), Layers: layers, Framing: framing(layers), Confidence: round(sure),
		Policy: f.policy.Version, Adjusted: f.policy.Adjusted,
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
