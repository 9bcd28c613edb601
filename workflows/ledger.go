package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/interaction"
)

// ledger collects what the status of an interaction will show for good. A step
// that runs twice keeps its first start and its last end.
type ledger struct{ records []interaction.StepRecord }

func (l *ledger) begin(ctx workflow.Context, step interaction.Step) {
	if l.find(step) == nil {
		l.records = append(l.records, interaction.StepRecord{Step: step, State: interaction.Started, StartedAt: workflow.Now(ctx)})
	}
}

func (l *ledger) end(ctx workflow.Context, step interaction.Step, state interaction.StepState, reason string) {
	l.begin(ctx, step)
	now := workflow.Now(ctx)
	r := l.find(step)
	r.State, r.CompletedAt, r.Reason = state, &now, reason
}

func (l *ledger) skip(ctx workflow.Context, step interaction.Step) {
	l.end(ctx, step, interaction.Skipped, "")
}

func (l *ledger) find(step interaction.Step) *interaction.StepRecord {
	for i := range l.records {
		if l.records[i].Step == step {
			return &l.records[i]
		}
	}
	return nil
}
