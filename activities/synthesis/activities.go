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

const (
	// remembered is how many answers have to pass before a question may return.
	remembered = 10
	// askedTimeout bounds the look back: a question that returns is better than an
	// answer that is late.
	askedTimeout = 500 * time.Millisecond
)

// asked are the questions that the last answers of the session ended on, none when
// they cannot be read.
func (a *Activities) asked(ctx context.Context, ref interaction.Ref) []string {
	if a.Store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askedTimeout)
	defer cancel()
	before, err := a.Store.Interactions(ctx, ref.Subject, ref.Session, ref.Interaction, remembered)
	if err != nil {
		return nil
	}
	var questions []string
	for _, r := range before {
		if r.Answer != nil && r.Answer.FollowUp != "" {
			questions = append(questions, r.Answer.FollowUp)
		}
	}
	return questions
}

// Deliver makes the answer readable; see [Store.Deliver]. The end of the step is
// written in the same transaction as the answer, so nothing hints at it.
func (a *Activities) Deliver(ctx context.Context, in DeliverInput) (Delivered, error) {
	a.Steps.Begin(in.Ref, interaction.Delivery)
	return a.Store.Deliver(ctx, in)
}
