package truthfilter

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
)

// Policies knows the policy that a person's texts are judged under. It always answers:
// what it cannot look up it does without.
type Policies interface {
	Of(ctx context.Context, subject uuid.UUID) Policy
}

// For is the filter under a person's policy; f itself without any policies.
func (f *Filter) For(ctx context.Context, p Policies, subject uuid.UUID) *Filter {
	if p == nil {
		return f
	}
	return f.Under(p.Of(ctx, subject))
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

// Review judges a drafted answer. It always succeeds: without embeddings it judges
// by words and is less confident.
func (a *Activities) Review(ctx context.Context, in ReviewInput) (Judgement, error) {
	started := time.Now().UTC()
	a.Steps.Begin(in.Ref, interaction.TruthReview)
	if a.Answers != nil {
		in.Earlier = a.Answers.Before(ctx, in.Ref)
	}
	judgement := a.Filter.For(ctx, a.Policies, in.Ref.Subject).Review(ctx, in)
	finished := time.Now().UTC()
	a.Steps.End(in.Ref, interaction.StepRecord{
		Step: interaction.TruthReview, State: interaction.Completed, StartedAt: started, CompletedAt: &finished,
	})
	return judgement, nil
}
