package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/internal/failure"
)

// The workflows of backups carry opaque ids, counts and times only, and each can be
// started with plain JSON by the temporal command.

// BackupInput starts a backup. The zero value is one of PostgreSQL that is verified and
// proven.
type BackupInput struct {
	// Kind is "postgres" or "weaviate".
	Kind repository.Kind `json:"kind,omitempty"`
	// MaxRate bounds how fast PostgreSQL is read, in KiB/s; 0 for the configured rate.
	MaxRate int `json:"max_rate,omitempty"`
	// Unproven leaves the backup at taken: it counts for nothing until it is proven.
	Unproven bool `json:"unproven,omitempty"`
}

// BackupDone tells how far a backup is.
type BackupDone struct {
	// Step is "taking", "marking", "archiving", "verifying", "proving" or "done".
	Step    string         `json:"step"`
	Taken   backup.Taken   `json:"taken,omitzero"`
	Mark    backup.Marked  `json:"mark,omitzero"`
	Outcome backup.Outcome `json:"outcome,omitzero"`
}

// Backup takes a backup, marks what the database holds after it, waits until the archive
// has come that far, then verifies the backup and proves it by restoring it to the mark.
func Backup(ctx workflow.Context, in BackupInput) (BackupDone, error) {
	p := &proving{run: workflow.GetInfo(ctx).WorkflowExecution.RunID}
	if err := p.answer(ctx); err != nil {
		return p.done, err
	}
	if in.Kind == "" {
		in.Kind = repository.Postgres
	}
	err := p.take(ctx, in)
	if err == nil && in.Kind == repository.Postgres {
		err = p.mark(ctx)
	}
	if err == nil && !in.Unproven {
		err = p.prove(ctx, backup.ProveInput{Backup: p.done.Taken.Backup, Mark: p.done.Mark.At})
	}
	return p.end(ctx, err)
}

// ProveBackup verifies a backup and proves it by restoring it to a mark, the newest one
// unless another is named.
func ProveBackup(ctx workflow.Context, in backup.ProveInput) (BackupDone, error) {
	p := &proving{run: workflow.GetInfo(ctx).WorkflowExecution.RunID}
	if err := p.answer(ctx); err != nil {
		return p.done, err
	}
	return p.end(ctx, p.prove(ctx, in))
}

// proving is a backup on its way.
type proving struct {
	run  string
	done BackupDone
}

func (p *proving) answer(ctx workflow.Context) error {
	return workflow.SetQueryHandler(ctx, ProgressQuery, func() (BackupDone, error) { return p.done, nil })
}

func (p *proving) take(ctx workflow.Context, in BackupInput) (err error) {
	p.done.Step = "taking"
	p.done.Taken, err = takeBackup.run(ctx, backup.TakeInput{Kind: in.Kind, MaxRate: in.MaxRate, Run: p.run})
	return err
}

func (p *proving) mark(ctx workflow.Context) (err error) {
	p.done.Step = "marking"
	if p.done.Mark, err = markBackup.run(ctx, struct{}{}); err != nil {
		return err
	}
	p.done.Step = "archiving"
	_, err = checkArchive.run(ctx, backup.ArchiveInput{Until: p.done.Mark.LSN})
	return err
}

// prove verifies first: what is damaged is named before anything is restored.
func (p *proving) prove(ctx workflow.Context, in backup.ProveInput) error {
	in.Run, p.done.Outcome.Backup = p.run, in.Backup
	for _, step := range []struct {
		name string
		call call[backup.ProveInput, backup.Outcome]
	}{{"verifying", verifyBackup}, {"proving", proveBackup}} {
		p.done.Step = step.name
		outcome, err := step.call.run(ctx, in)
		if err != nil {
			return err
		}
		if p.done.Outcome = outcome; len(p.done.Outcome.Problems) > 0 {
			return unsound(p.done.Outcome.Problems)
		}
	}
	return nil
}

// end brings the catalogue up to date, whatever became of the backup.
func (p *proving) end(ctx workflow.Context, failed error) (BackupDone, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	_, err := syncBackups.run(ctx, struct{}{})
	if failed != nil {
		return p.done, failed
	}
	p.done.Step = "done"
	return p.done, err
}

// unsound is the failure of a run that found something wrong: none of them may end in
// success. The problems name objects, tables and positions.
func unsound(problems []string) error {
	return failure.New(failure.Unsound, strings.Join(problems, "; "), nil)
}

// MarkBackup marks what the database holds, waits until the archive has come that far,
// and looks whether nothing is missing from it: a point in time to which it can be
// restored, and a measurement of how far the archive lags behind.
func MarkBackup(ctx workflow.Context, _ struct{}) (BackupDone, error) {
	p := &proving{run: workflow.GetInfo(ctx).WorkflowExecution.RunID}
	if err := p.answer(ctx); err != nil {
		return p.done, err
	}
	if err := p.mark(ctx); err != nil {
		return p.done, err
	}
	p.done.Step = "done"
	return p.done, nil
}

// CheckBackups reads everything in the bucket again, night by night, and compares it
// with what is recorded: bit rot shows before it is needed.
func CheckBackups(ctx workflow.Context, _ struct{}) (backup.ArchiveState, error) {
	checked, err := recheckBackups.run(ctx, struct{}{})
	if err != nil {
		return backup.ArchiveState{}, err
	}
	state, err := checkArchive.run(ctx, backup.ArchiveInput{Deep: true})
	if err != nil {
		return state, err
	}
	if state.Problems = append(checked.Problems, state.Problems...); len(state.Problems) > 0 {
		return state, unsound(state.Problems)
	}
	return state, nil
}

// KeepBackups deletes what is older than it has to be kept and is not needed: a backup
// only when a later one is proven, oldest first, never one that is held.
func KeepBackups(ctx workflow.Context, _ struct{}) (backup.Kept, error) {
	kept, err := keepBackups.run(ctx, struct{}{})
	if err != nil {
		return kept, err
	}
	_, err = syncBackups.run(ctx, struct{}{})
	return kept, err
}

// HoldInput keeps a backup from expiring, or no longer.
type HoldInput struct {
	Backup string `json:"backup"`
	Held   bool   `json:"held"`
}

// HoldBackup keeps a backup from expiring, or lets it expire again.
func HoldBackup(ctx workflow.Context, in HoldInput) (struct{}, error) {
	step := releaseBackup
	if in.Held {
		step = holdBackup
	}
	if _, err := step.run(ctx, backup.Ref{Backup: in.Backup}); err != nil {
		return struct{}{}, err
	}
	return syncBackups.run(ctx, struct{}{})
}
