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

// Activities is TruthFilter as a worker runs it.
type Activities struct {
	Filter *Filter
	// Policies are the persons'; nil judges everybody under the filter's own.
	Policies Policies
	Steps    *interaction.Recorder
}

// Review judges a drafted answer. It always succeeds: without embeddings it judges
// by words and is less confident.
func (a *Activities) Review(ctx context.Context, in ReviewInput) (Judgement, error) {
	started := time.Now().UTC()
	a.Steps.Begin(in.Ref, interaction.TruthReview)
	judgement := a.Filter.For(ctx, a.Policies, in.Ref.Subject).Review(ctx, in)
	finished := time.Now().UTC()
	a.Steps.End(in.Ref, interaction.StepRecord{
		Step: interaction.TruthReview, State: interaction.Completed, StartedAt: started, CompletedAt: &finished,
	})
	return judgement, nil
}
