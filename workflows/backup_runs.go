package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"meai/activities/backup"
	"meai/internal/failure"
)

// backupPrefix begins the ids of the runs that people start; those of the schedules
// have others.
const backupPrefix = "backup-run/"

// requestMemo keeps a digest of what a run was started with.
const requestMemo = "request"

// BackupRun is a backup, a proof or a restore on its way.
type BackupRun struct {
	ID uuid.UUID
	// Kind is "backup", "proof" or "restore"; of those that only operators start also
	// "mark" and "keeping".
	Kind string
	// State is "running", "done" or "failed".
	State string
	// Backup it is about, once known.
	Backup string
	Step   string
	// Shown is what the step that runs shows of itself.
	Shown backup.Progress
	// Problem says what is wrong when it failed. It names objects and positions.
	Problem string
}

// Left estimates how long the step will take, from how fast it went; false when that
// cannot be said.
func (r BackupRun) Left(now time.Time) (time.Duration, bool) { return r.Shown.Left(now) }

var backupKinds = map[string]string{
	"Backup": "backup", "ProveBackup": "proof", "Restore": "restore", "MarkBackup": "mark", "KeepBackups": "keeping",
}

// lookBack is how long a run that has failed is asked how far it came: it answers only
// while a worker of its queue is there.
const lookBack = 2 * time.Second

// StartBackup starts a backup once for an id.
func (s *Starter) StartBackup(ctx context.Context, id uuid.UUID, digest string, in BackupInput) error {
	return s.startBackupRun(ctx, id, digest, QueueBatch, Backup, in)
}

// StartProof starts the proof of a backup once for an id.
func (s *Starter) StartProof(ctx context.Context, id uuid.UUID, digest string, in backup.ProveInput) error {
	return s.startBackupRun(ctx, id, digest, QueueBatch, ProveBackup, in)
}

// StartRestore starts a restore once for an id.
func (s *Starter) StartRestore(ctx context.Context, id uuid.UUID, digest string, in RestoreInput) error {
	return s.startBackupRun(ctx, id, digest, QueueOperations, Restore, in)
}

// startBackupRun answers [failure.IdempotencyConflict] when the id was used for
// something else.
func (s *Starter) startBackupRun(ctx context.Context, id uuid.UUID, digest, queue string, workflow, in any) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: BackupRunID(id), TaskQueue: queue, Memo: map[string]any{requestMemo: digest},
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflow, in)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &started) {
		return err
	}
	described, err := s.Client.DescribeWorkflowExecution(ctx, BackupRunID(id), "")
	if err != nil {
		return fmt.Errorf("look at what the key was used for: %w", err)
	}
	var before string
	memo := described.GetWorkflowExecutionInfo().GetMemo().GetFields()[requestMemo]
	if err := s.Converter.FromPayload(memo, &before); err != nil {
		return fmt.Errorf("read what the key was used for: %w", err)
	}
	if before != digest {
		return failure.New(failure.IdempotencyConflict, "the key was used for another request", nil)
	}
	return nil
}

// BackupRun tells how far a run is, or [failure.NotFound].
func (s *Starter) BackupRun(ctx context.Context, id uuid.UUID) (BackupRun, error) {
	run, err := s.WatchBackup(ctx, BackupRunID(id))
	run.ID = id
	return run, err
}

// WatchBackup tells how far a workflow of backups is, or [failure.NotFound].
func (s *Starter) WatchBackup(ctx context.Context, workflowID string) (BackupRun, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	described, err := s.Client.DescribeWorkflowExecution(ctx, workflowID, "")
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return BackupRun{}, failure.New(failure.NotFound, "there is no such run", err)
	}
	if err != nil {
		return BackupRun{}, fmt.Errorf("look at a run: %w", err)
	}
	kind, ok := backupKinds[described.GetWorkflowExecutionInfo().GetType().GetName()]
	if !ok {
		return BackupRun{}, failure.New(failure.NotFound, "there is no such run", nil)
	}
	run := BackupRun{Kind: kind, State: "running"}
	if described.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return run, s.ended(ctx, workflowID, &run)
	}
	s.underWay(ctx, workflowID, described, &run)
	return run, nil
}

// underWay fills in what can be learned; without it the run is running all the same.
func (s *Starter) underWay(ctx context.Context, workflowID string, described *workflowservice.DescribeWorkflowExecutionResponse, run *BackupRun) {
	for _, pending := range described.GetPendingActivities() {
		if details := pending.GetHeartbeatDetails(); details != nil {
			// Of an activity that shows something else, nothing is taken.
			_ = s.Converter.FromPayloads(details, &run.Shown)
		}
		if f := pending.GetLastFailure(); f != nil {
			run.Problem = said(s.failures().FailureToError(f))
		}
	}
	s.ask(ctx, workflowID, run)
	if run.Shown.Backup != "" {
		run.Backup = run.Shown.Backup
	}
}

// failures reads failures, whose texts are sealed like everything else.
func (s *Starter) failures() converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: s.Converter, EncodeCommonAttributes: true})
}

// ask fills in how far a run says that it came; of one that does not answer, nothing.
func (s *Starter) ask(ctx context.Context, workflowID string, run *BackupRun) {
	var done BackupDone
	if answer, err := s.Client.QueryWorkflow(ctx, workflowID, "", ProgressQuery); err == nil && answer.Get(&done) == nil {
		run.about(done)
	}
}

func (r *BackupRun) about(done BackupDone) {
	r.Step, r.Backup = done.Step, done.Taken.Backup
	if r.Backup == "" {
		r.Backup = done.Outcome.Backup // a proof takes nothing
	}
}

// ended fills in how a run ended.
func (s *Starter) ended(ctx context.Context, workflowID string, run *BackupRun) error {
	var done BackupDone
	err := s.Client.GetWorkflow(ctx, workflowID, "").Get(ctx, &done)
	var failed *temporal.WorkflowExecutionError
	switch {
	case err == nil:
		run.State = "done"
		run.about(done)
		return nil
	case errors.As(err, &failed):
		run.State, run.Problem = "failed", said(failed.Unwrap())
		ctx, cancel := context.WithTimeout(ctx, lookBack)
		defer cancel()
		s.ask(ctx, workflowID, run)
		return nil
	default:
		return fmt.Errorf("read how a run ended: %w", err)
	}
}

// said is what a step that failed said, without what Temporal puts around it.
func said(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

// BackupRunID is the workflow id of a run that was started for an id.
func BackupRunID(id uuid.UUID) string { return backupPrefix + id.String() }

// HoldBackup keeps a backup from expiring, or lets it expire again, and waits for that.
func (s *Starter) HoldBackup(ctx context.Context, id string, held bool) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	run, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "backup/hold/" + id, TaskQueue: QueueBatch}, HoldBackup, HoldInput{Backup: id, Held: held})
	if err != nil {
		return fmt.Errorf("start holding a backup: %w", err)
	}
	return run.Get(ctx, nil)
}
