package truthfilter

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
)

// Policies knows the policy that a person's texts are judged under. It goes on with what it
// last knew of thresholds; it fails when it does not know what the person wants to be
// spared, for nothing may reach them without that.
type Policies interface {
	Of(ctx context.Context, subject uuid.UUID) (Policy, error)
}

// For is the filter under a person's policy; f itself without any policies.
func (f *Filter) For(ctx context.Context, p Policies, subject uuid.UUID) (*Filter, error) {
	if p == nil {
		return f, nil
	}
	policy, err := p.Of(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("look up the person's policy: %w", err)
	}
	return f.Under(policy), nil
}

// Answers knows what the companion said to a person before: its last answers in the session,
// none of them when they cannot be read in time.
type Answers interface {
	Before(ctx context.Context, ref interaction.Ref) []string
}

// Activities is TruthFilter as a worker runs it.
type Activities struct {
	Filter *Filter
	// Answers are held against a draft; nil for none.
	Answers Answers
	// Policies are the persons'; nil judges everybody under the filter's own.
	Policies Policies
	Steps    *interaction.Recorder
}

// Review judges a drafted answer: without embeddings it does so by words and is less
// confident. It fails, to be retried, with [Policies] alone.
func (a *Activities) Review(ctx context.Context, in ReviewInput) (Judgement, error) {
	started := time.Now().UTC()
	a.Steps.Begin(in.Ref, interaction.TruthReview)
	if a.Answers != nil {
		in.Earlier = a.Answers.Before(ctx, in.Ref)
	}
	filter, err := a.Filter.For(ctx, a.Policies, in.Ref.Subject)
	if err != nil {
		return Judgement{}, err
	}
	judgement := filter.Review(ctx, in)
	finished := time.Now().UTC()
	a.Steps.End(in.Ref, interaction.StepRecord{
		Step: interaction.TruthReview, State: interaction.Completed, StartedAt: started, CompletedAt: &finished,
	})
	return judgement, nil
}
