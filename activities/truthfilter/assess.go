package truthfilter

import (
	"context"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
)

// TextKind is what an assessed text is.
type TextKind string

const (
	// DraftText is meant to be said to the person, by a companion.
	DraftText TextKind = "draft"
	// ResourceText is something that the person could be offered.
	ResourceText TextKind = "resource"
	// AnyText is anything else: it is not held to the form of an answer.
	AnyText TextKind = "text"
)

// unsafeOdds are those from which a text of the kind counts as unsafe.
func (k TextKind) unsafeOdds() float64 {
	switch k {
	case DraftText:
		return draftOdds
	case ResourceText:
		return resourceOdds
	default:
		return unsafeOdds
	}
}

// AssessInput is any text, with what it answers when it answers something.
type AssessInput struct {
	Ref   interaction.Ref `json:"ref"`
	Text  string          `json:"text"`
	About string          `json:"about,omitempty"`
	// Kind is [AnyText] when it is left out.
	Kind     TextKind        `json:"kind,omitempty"`
	Emotion  string          `json:"emotion,omitempty"`
	Needs    []string        `json:"needs,omitempty"`
	Memories []memory.Memory `json:"memories,omitempty"`
}

// Assessed is the judgement of a text.
type Assessed struct {
	Judgement Judgement `json:"judgement"`
	// Foreign: the text is in a language that the rules do not read.
	Foreign bool `json:"foreign,omitempty"`
	// Degraded holds codes of what could not be used.
	Degraded []string `json:"degraded,omitempty"`
}

// Assess judges any text as [Filter.Review] judges a draft, with these differences:
// relevance is judged only where it is known what the text answers; only a draft is held
// to the form of an answer, and to the odds of harm of one; and a resource that is off
// topic cannot be mended.
func (f *Filter) Assess(ctx context.Context, in AssessInput) Judgement {
	judging := *f
	if in.About == "" {
		judging.embedder = nil // there is nothing to compare the text with
	}
	j := judging.review(ctx, ReviewInput{
		Ref: in.Ref, Words: in.About, Draft: in.Text, Analysis: in.Analysis(), Memories: in.Memories,
	}, in.Kind.unsafeOdds())
	layers := j.Layers
	if in.About == "" {
		layers = without(layers, Relevance)
	}
	for i, l := range layers {
		if l.Layer == Resonance && in.Kind != DraftText {
			layers[i] = judgeFit(newSubject(in.Text), ResourceInput{Summary: in.Text, Emotion: in.Emotion})
		}
	}
	return f.judgement(layers, in.Kind != ResourceText, j.Confidence)
}

// Analysis is what is known of the person's state; nil for nothing.
func (in AssessInput) Analysis() *mirror.Analysis {
	if in.Emotion == "" && len(in.Needs) == 0 {
		return nil
	}
	a := &mirror.Analysis{Primary: in.Emotion}
	for _, name := range in.Needs {
		a.Needs = append(a.Needs, mirror.Need{Name: name})
	}
	return a
}

// Assess judges a text for a person, under their policy. It fails with [Policies] alone.
func (a *Activities) Assess(ctx context.Context, in AssessInput) (Judgement, error) {
	filter, err := a.Filter.For(ctx, a.Policies, in.Ref.Subject)
	if err != nil {
		return Judgement{}, err
	}
	return filter.Assess(ctx, in), nil
}
