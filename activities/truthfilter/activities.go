package truthfilter

import (
	"context"
	"time"

	"meai/activities/interaction"
)

// Activities is TruthFilter as a worker runs it.
type Activities struct {
	Filter *Filter
	Steps  *interaction.Recorder
}

// Review judges a drafted answer. It always succeeds: without embeddings it judges
// by words and is less confident.
func (a *Activities) Review(ctx context.Context, in ReviewInput) (Judgement, error) {
	started := time.Now().UTC()
	a.Steps.Begin(in.Ref, interaction.TruthReview)
	judgement := a.Filter.Review(ctx, in)
	finished := time.Now().UTC()
	a.Steps.End(in.Ref, interaction.StepRecord{
		Step: interaction.TruthReview, State: interaction.Completed, StartedAt: started, CompletedAt: &finished,
	})
	return judgement, nil
}
