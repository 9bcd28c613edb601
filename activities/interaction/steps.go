package interaction

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"meai/internal/postgres/queries"
)

// story is the order in which a status lists the steps.
func (s Step) story() int {
	return slices.Index([]Step{
		EmotionalAnalysis, MemoryRetrieval, ResourceSearch, ResponseGeneration,
		TruthReview, Delivery, MemoryStorage, MemoryIndexing,
	}, s)
}

// SortSteps puts records into the order of the story.
func SortSteps(records []StepRecord) {
	slices.SortFunc(records, func(a, b StepRecord) int { return a.Step.story() - b.Step.story() })
}

// FinishStep makes the outcome of one step durable inside the caller's
// transaction, so that the status and the step's own rows appear together. It
// replaces what a [Recorder] hinted and is idempotent.
func FinishStep(ctx context.Context, q *queries.Queries, ref Ref, rec StepRecord) error {
	err := q.FinishStep(ctx, queries.FinishStepParams{
		SubjectID:     ref.Subject,
		InteractionID: ref.Interaction,
		Step:          string(rec.Step),
		State:         string(rec.State),
		StartedAt:     rec.StartedAt,
		CompletedAt:   rec.CompletedAt,
		Reason:        rec.Reason,
	})
	if err != nil {
		return fmt.Errorf("finish step %s: %w", rec.Step, err)
	}
	return nil
}

// FinishSteps is [FinishStep] for several steps in one round trip. The steps
// must differ from each other.
func FinishSteps(ctx context.Context, q *queries.Queries, ref Ref, recs []StepRecord) error {
	if len(recs) == 0 {
		return nil
	}
	records, err := json.Marshal(recs)
	if err != nil {
		return fmt.Errorf("encode steps: %w", err)
	}
	if err := q.FinishSteps(ctx, ref.Subject, ref.Interaction, records); err != nil {
		return fmt.Errorf("finish %d steps: %w", len(recs), err)
	}
	return nil
}
