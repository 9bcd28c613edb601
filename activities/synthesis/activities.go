package synthesis

import (
	"context"
	"time"

	"meai/activities/interaction"
)

// Activities are synthesis's steps as workflows call them.
type Activities struct {
	Store *Store
	Steps *interaction.Recorder
}

// Compose is the activity around the pure function [Compose]. It never fails.
func (a *Activities) Compose(_ context.Context, in ComposeInput) (Answer, error) {
	started := time.Now().UTC()
	a.Steps.Begin(in.Ref, interaction.ResponseGeneration)
	answer := Compose(in)
	finished := time.Now().UTC()
	a.Steps.End(in.Ref, interaction.StepRecord{
		Step: interaction.ResponseGeneration, State: interaction.Completed,
		StartedAt: started, CompletedAt: &finished,
	})
	return answer, nil
}

// Deliver makes the answer readable; see [Store.Deliver]. The end of the step is
// written in the same transaction as the answer, so nothing hints at it.
func (a *Activities) Deliver(ctx context.Context, in DeliverInput) (Delivered, error) {
	a.Steps.Begin(in.Ref, interaction.Delivery)
	return a.Store.Deliver(ctx, in)
}
