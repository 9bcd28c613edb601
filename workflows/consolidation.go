package workflows

import (
	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
)

const (
	defaultPageSize = 100
	// pagesPerRun bounds the history of one run.
	pagesPerRun = 10
	// atOnce bounds how many people's memories are worked on side by side.
	atOnce = 4
)

// ConsolidationInput starts the nightly run over everybody's memories. The zero
// value is a whole run.
type ConsolidationInput struct {
	PageSize int `json:"page_size,omitempty"`
	// After and Done carry a long run over to its continuation.
	After uuid.UUID         `json:"after,omitzero"`
	Done  ConsolidationDone `json:"done,omitzero"`
}

// ConsolidationDone counts what a run did. It holds no ids and no words.
type ConsolidationDone struct {
	Subjects int `json:"subjects"`
	// Failed counts subjects whose consolidation gave up; the next night tries again.
	Failed int `json:"failed"`
	memory.Consolidated
}

// Consolidation goes through all active subjects, completes what an outage had
// skipped and brings their patterns up to date. One subject's failure does not stop it.
func Consolidation(ctx workflow.Context, in ConsolidationInput) (ConsolidationDone, error) {
	if in.PageSize <= 0 {
		in.PageSize = defaultPageSize
	}
	for range pagesPerRun {
		page, err := listSubjects.run(ctx, memory.ListSubjectsInput{After: in.After, Limit: in.PageSize})
		if err != nil {
			return in.Done, err
		}
		err = sideBySide(ctx, page.Subjects, func(ctx workflow.Context, subject uuid.UUID) { consolidateOne(ctx, subject, &in.Done) })
		if err != nil {
			return in.Done, err
		}
		if len(page.Subjects) < in.PageSize {
			return in.Done, nil
		}
		in.After = page.Subjects[len(page.Subjects)-1]
	}
	return in.Done, workflow.NewContinueAsNewError(ctx, Consolidation, in)
}

// sideBySide does something for each of the subjects, for a few at once.
func sideBySide(ctx workflow.Context, subjects []uuid.UUID, do func(workflow.Context, uuid.UUID)) error {
	places := workflow.NewSemaphore(ctx, atOnce)
	group := workflow.NewWaitGroup(ctx)
	for _, subject := range subjects {
		if err := places.Acquire(ctx, 1); err != nil {
			return err
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			defer places.Release(1)
			do(ctx, subject)
		})
	}
	group.Wait(ctx)
	return ctx.Err()
}

func consolidateOne(ctx workflow.Context, subject uuid.UUID, done *ConsolidationDone) {
	did, err := consolidate.run(ctx, memory.ConsolidateInput{Subject: subject})
	done.Subjects++
	if err != nil {
		done.Failed++
		workflow.GetLogger(ctx).Warn("a subject's consolidation gave up until the next night", "subject", subject, "error", err)
		return
	}
	done.Add(did)
}
