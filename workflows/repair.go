package workflows

import (
	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
)

// RepairIndexInput starts a comparison of the vector index with the rows. The zero
// value is a whole run.
type RepairIndexInput struct {
	// Subject restricts the run to one person.
	Subject  uuid.UUID `json:"subject,omitzero"`
	PageSize int       `json:"page_size,omitempty"`
	// After and Done carry a long run over to its continuation.
	After uuid.UUID  `json:"after,omitzero"`
	Done  RepairDone `json:"done,omitzero"`
}

// RepairDone counts what a run found and mended. It holds no ids and no words.
type RepairDone struct {
	Subjects int `json:"subjects"`
	// Failed counts subjects whose repair gave up; the next run tries again.
	Failed int `json:"failed"`
	// Compared memories, of which Missing were not in the index and Stale were there
	// otherwise than the rows say; those that are Lost were there, and no search by vector
	// found them. Stray objects had no memory.
	Compared int `json:"compared"`
	Missing  int `json:"missing"`
	Stale    int `json:"stale"`
	Lost     int `json:"lost,omitempty"`
	Stray    int `json:"stray"`
	// Tenants of erased people that were removed, and Unknown ones that were left.
	Tenants int `json:"tenants"`
	Unknown int `json:"unknown"`
}

// RepairIndex goes through all active subjects, or the one it is given, and makes the
// vector index hold what the rows say, no less and no more. Then it removes the
// tenants of those who are erased. One subject's failure does not stop it.
func RepairIndex(ctx workflow.Context, in RepairIndexInput) (RepairDone, error) {
	if in.Subject != uuid.Nil {
		err := repairOne(ctx, in.Subject, &in.Done)
		return in.Done, err
	}
	if in.PageSize <= 0 {
		in.PageSize = defaultPageSize
	}
	for range pagesPerRun {
		page, err := listSubjects.run(ctx, memory.ListSubjectsInput{After: in.After, Limit: in.PageSize})
		if err != nil {
			return in.Done, err
		}
		err = sideBySide(ctx, page.Subjects, func(ctx workflow.Context, subject uuid.UUID) {
			if err := repairOne(ctx, subject, &in.Done); err != nil {
				workflow.GetLogger(ctx).Warn("the repair of a subject's index gave up until the next run", "subject", subject, "error", err)
			}
		})
		if err != nil {
			return in.Done, err
		}
		if len(page.Subjects) < in.PageSize {
			swept, err := sweepTenants.run(ctx, struct{}{})
			in.Done.Tenants += swept.Removed
			in.Done.Unknown = swept.Unknown
			return in.Done, err
		}
		in.After = page.Subjects[len(page.Subjects)-1]
	}
	return in.Done, workflow.NewContinueAsNewError(ctx, RepairIndex, in)
}

// repairOne calls the activity until the subject is done.
func repairOne(ctx workflow.Context, subject uuid.UUID, done *RepairDone) error {
	done.Subjects++
	for in := (memory.RepairInput{Subject: subject}); ; {
		did, err := repairIndex.run(ctx, in)
		if err != nil {
			done.Failed++
			return err
		}
		done.Compared += did.Compared
		done.Missing += did.Missing
		done.Stale += did.Stale
		done.Lost += did.Lost
		done.Stray += did.Stray
		done.Tenants += did.Tenants
		if in.After = did.Next; in.After == uuid.Nil {
			return nil
		}
	}
}
