package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup"
	"meai/activities/backup/catalogue"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/internal/identity"
	"meai/workflows"
)

// Backups shows what is known of backups; [catalogue.Store] is the real one.
type Backups interface {
	Get(ctx context.Context, id string) (catalogue.Backup, error)
	List(ctx context.Context, before string, limit int32) ([]catalogue.Backup, error)
}

// ListBackups implements [StrictServerInterface].
func (s *Server) ListBackups(ctx context.Context, r ListBackupsRequestObject) (ListBackupsResponseObject, error) {
	limit := defaultPage
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	list, err := s.backups.List(ctx, orZero(r.Params.Cursor), int32(limit))
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	page := BackupPage{Backups: each(list, toBackup)}
	if len(list) == limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListBackups200JSONResponse(page), nil
}

// GetBackup implements [StrictServerInterface].
func (s *Server) GetBackup(ctx context.Context, r GetBackupRequestObject) (GetBackupResponseObject, error) {
	found, err := s.backups.Get(ctx, r.BackupId)
	if err != nil {
		return nil, fmt.Errorf("read a backup: %w", err)
	}
	return GetBackup200JSONResponse(toBackup(found)), nil
}

// TakeBackup implements [StrictServerInterface].
func (s *Server) TakeBackup(ctx context.Context, r TakeBackupRequestObject) (TakeBackupResponseObject, error) {
	id, digest, err := requested(ctx, r.Params.IdempotencyKey, "backup", r.Body)
	if err != nil {
		return nil, err
	}
	in := workflows.BackupInput{Kind: repository.Kind(r.Body.Kind), MaxRate: r.Body.MaxRate, Unproven: r.Body.Unproven}
	if err := s.engine.StartBackup(ctx, id, digest, in); err != nil {
		return nil, fmt.Errorf("start a backup: %w", err)
	}
	run, err := s.backupRun(ctx, id)
	return TakeBackup202JSONResponse{Body: run, Headers: TakeBackup202ResponseHeaders{Location: runLocation(id)}}, err
}

// ProveBackup implements [StrictServerInterface].
func (s *Server) ProveBackup(ctx context.Context, r ProveBackupRequestObject) (ProveBackupResponseObject, error) {
	if _, err := s.backups.Get(ctx, r.BackupId); err != nil {
		return nil, fmt.Errorf("read a backup: %w", err)
	}
	id, digest, err := requested(ctx, r.Params.IdempotencyKey, "proof", r.BackupId)
	if err != nil {
		return nil, err
	}
	if err := s.engine.StartProof(ctx, id, digest, backup.ProveInput{Backup: r.BackupId}); err != nil {
		return nil, fmt.Errorf("start a proof: %w", err)
	}
	run, err := s.backupRun(ctx, id)
	return ProveBackup202JSONResponse{Body: run, Headers: ProveBackup202ResponseHeaders{Location: runLocation(id)}}, err
}

// HoldBackup implements [StrictServerInterface].
func (s *Server) HoldBackup(ctx context.Context, r HoldBackupRequestObject) (HoldBackupResponseObject, error) {
	if _, err := s.backups.Get(ctx, r.BackupId); err != nil {
		return nil, fmt.Errorf("read a backup: %w", err)
	}
	if err := s.engine.HoldBackup(ctx, r.BackupId, r.Body.Held); err != nil {
		return nil, fmt.Errorf("hold a backup: %w", err)
	}
	found, err := s.backups.Get(ctx, r.BackupId)
	if err != nil {
		return nil, fmt.Errorf("read a backup: %w", err)
	}
	return HoldBackup200JSONResponse(toBackup(found)), nil
}

// GetBackupRun implements [StrictServerInterface].
func (s *Server) GetBackupRun(ctx context.Context, r GetBackupRunRequestObject) (GetBackupRunResponseObject, error) {
	run, err := s.backupRun(ctx, r.RunId)
	return GetBackupRun200JSONResponse(run), err
}

// RestoreBackup implements [StrictServerInterface].
func (s *Server) RestoreBackup(ctx context.Context, r RestoreBackupRequestObject) (RestoreBackupResponseObject, error) {
	if !r.Body.To.IsZero() && r.Body.Lsn != "" {
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: pointer("lsn"), Reason: "is set besides to: a restore has one target"})
	}
	id, digest, err := requested(ctx, r.Params.IdempotencyKey, "restore", r.Body)
	if err != nil {
		return nil, err
	}
	in := workflows.RestoreInput{
		Target:   restore.Target{Backup: r.Body.Backup, Time: r.Body.To, LSN: r.Body.Lsn, Index: r.Body.Index},
		Approval: r.Body.Approval, Into: r.Body.Into, Queue: r.Body.TaskQueue,
	}
	if err := s.engine.StartRestore(ctx, id, digest, in); err != nil {
		return nil, fmt.Errorf("start a restore: %w", err)
	}
	run, err := s.backupRun(ctx, id)
	return RestoreBackup202JSONResponse{Body: run, Headers: RestoreBackup202ResponseHeaders{Location: runLocation(id)}}, err
}

// requested is the id of the run that a caller's key stands for, and a digest of what
// it was asked for: the same key with another request is a conflict.
func requested(ctx context.Context, key, kind string, request any) (uuid.UUID, string, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return uuid.Nil, "", fmt.Errorf("describe the request: %w", err)
	}
	sum := sha256.Sum256(append([]byte(kind+" "), text...))
	who, _ := identity.FromContext(ctx)
	return uuid.NewSHA1(who.Principal, []byte("backup-run "+key)), hex.EncodeToString(sum[:]), nil
}

func runLocation(id uuid.UUID) string { return "/v1/backup-runs/" + id.String() }

func (s *Server) backupRun(ctx context.Context, id uuid.UUID) (BackupRun, error) {
	run, err := s.engine.BackupRun(ctx, id)
	if err != nil {
		return BackupRun{}, fmt.Errorf("look at a run: %w", err)
	}
	shown := BackupRun{
		Id: id, Kind: BackupRunKind(run.Kind), State: BackupRunState(run.State), Backup: run.Backup, Step: run.Step,
		Done: run.Shown.Done, Total: run.Shown.Total, Problem: run.Problem, WorkflowUrl: s.workflow(workflows.BackupRunID(id)),
	}
	if left, ok := run.Shown.Left(time.Now()); ok {
		shown.SecondsLeft = int(left.Seconds())
	}
	return shown, nil
}

func toBackup(b catalogue.Backup) Backup {
	return Backup{
		Id: b.ID, Kind: BackupKind(b.Kind), State: BackupState(b.State), Held: b.Held, StartedAt: b.StartedAt, EndedAt: b.EndedAt,
		Bytes: b.Bytes, Objects: b.Objects, VerifiedAt: b.VerifiedAt, ProvenAt: b.ProvenAt, ExpiredAt: b.ExpiredAt,
		Problems: b.Problems, Seconds: b.Seconds,
	}
}
