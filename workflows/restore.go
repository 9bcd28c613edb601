package workflows

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"meai/activities/approval"
	"meai/activities/backup"
	"meai/activities/backup/restore"
)

// RestoreInput starts a restore.
type RestoreInput struct {
	Target restore.Target `json:"target"`
	// Into is the name of a new folder, below the one that is configured for restores.
	Into string `json:"into"`
	// Approval is that of two others to the act restore, for exactly this backup.
	Approval uuid.UUID `json:"approval"`
	// Queue of the machine to restore on; empty for the one that proves backups.
	Queue string `json:"queue,omitempty"`
}

// Restore brings a backup back into a new place: it plans, spends the approval, then
// does one step after the other. The cluster that comes back is quarantined and not
// running; docs/runbooks/restore.md says how it is taken into use.
func Restore(ctx workflow.Context, in RestoreInput) (BackupDone, error) {
	done := BackupDone{Step: "planning", Taken: backup.Taken{Backup: in.Target.Backup}}
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (BackupDone, error) { return done, nil }); err != nil {
		return done, err
	}
	if in.Queue == "" {
		in.Queue = QueueProving
	}
	begun := workflow.Now(ctx)
	plan, err := planRestore.at(in.Queue).run(ctx, in.Target)
	if err != nil {
		return done, err
	}
	done.Step = "approving"
	if _, err := useApproval.run(ctx, approval.UseInput{
		ID: in.Approval, Act: approval.Restore, Parameters: map[string]string{"backup": plan.Backup},
		By: workflow.GetInfo(ctx).WorkflowExecution.ID,
	}); err != nil {
		return done, err
	}
	plan.Approval = in.Approval
	for _, step := range restore.Steps() {
		done.Step = step
		found, err := restoreStep.at(in.Queue).run(ctx, backup.RestoreInput{Plan: plan, Into: in.Into, Step: step})
		if err != nil {
			return done, err
		}
		done.Outcome.Problems = append(done.Outcome.Problems, found.Problems...)
	}
	done.Step = "done"
	done.Outcome.Seconds = map[string]float64{"rto": workflow.Now(ctx).Sub(begun).Round(time.Millisecond).Seconds(), "loss": plan.Loss}
	if len(done.Outcome.Problems) > 0 {
		return done, unsound(done.Outcome.Problems)
	}
	return done, nil
}
