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
	// Writer composes the answers.
	Writer *Writer
	// Metrics measure what is delivered; nil for none.
	Metrics *Metrics
}

// Compose is the activity around [Writer.Write]. It never fails; asked again after
// a crash it may answer in other words, of which one answer counts.
func (a *Activities) Compose(ctx context.Context, in ComposeInput) (Answer, error) {
	started := time.Now().UTC()
	a.Steps.Begin(in.Ref, interaction.ResponseGeneration)
	in.Asked = a.asked(ctx, in.Ref)
	answer := a.Writer.Write(ctx, in)
	finished := time.Now().UTC()
	record := interaction.StepRecord{
		Step: interaction.ResponseGeneration, State: interaction.Completed,
		StartedAt: started, CompletedAt: &finished,
	}
	if len(answer.Degraded) > 0 {
		record.State, record.Reason = interaction.Degraded, answer.Degraded[0]
	}
	a.Steps.End(in.Ref, record)
	return answer, nil
}

// asked are the questions that the last answers of the session ended on, none when
// they cannot be read.
func (a *Activities) asked(ctx context.Context, ref interaction.Ref) []string {
	if a.Store == nil {
		return nil
	}
	var questions []string
	for _, answer := range a.Store.answersBefore(ctx, ref, remembered) {
		if answer.FollowUp != "" {
			questions = append(questions, answer.FollowUp)
		}
	}
	return questions
}

// Deliver makes the answer readable; see [Store.Deliver]. The end of the step is
// written in the same transaction as the answer, so nothing hints at it.
func (a *Activities) Deliver(ctx context.Context, in DeliverInput) (Delivered, error) {
	a.Steps.Begin(in.Ref, interaction.Delivery)
	delivered, first, err := a.Store.deliver(ctx, in)
	if first {
		a.Metrics.answered(ctx, in, delivered.At)
	}
	return delivered, err
}
