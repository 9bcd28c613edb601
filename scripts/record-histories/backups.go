package main

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup"
	"meai/activities/backup/copies"
	"meai/activities/backup/people"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/workflows"
)

const recordedBackup = "20261127T012000Z-postgres-0f3a9c1e"

var backupScenarios = []scenario{
	{name: "backup", queue: workflows.QueueBatch, workflow: workflows.Backup, input: workflows.BackupInput{}},
	{name: "backup-index", queue: workflows.QueueBatch, workflow: workflows.Backup, input: workflows.BackupInput{Kind: repository.Weaviate}},
	{name: "backup-unproven", queue: workflows.QueueBatch, workflow: workflows.Backup, input: workflows.BackupInput{Unproven: true}},
	{name: "prove-backup", queue: workflows.QueueBatch, workflow: workflows.ProveBackup, input: backup.ProveInput{Backup: recordedBackup}},
	{name: "mark-backup", queue: workflows.QueueBatch, workflow: workflows.MarkBackup, input: struct{}{}},
	{name: "check-backups", queue: workflows.QueueBatch, workflow: workflows.CheckBackups, input: struct{}{}},
	{name: "keep-backups", queue: workflows.QueueBatch, workflow: workflows.KeepBackups, input: struct{}{}},
	{name: "hold-backup", queue: workflows.QueueBatch, workflow: workflows.HoldBackup, input: workflows.HoldInput{Backup: recordedBackup, Held: true}},
	{
		name: "restore", queue: workflows.QueueOperations, workflow: workflows.Restore,
		input: workflows.RestoreInput{Target: restore.Target{Backup: recordedBackup}, Into: "second-try", Approval: uuid.UUID{9}},
	},
	{name: "archive-people", queue: workflows.QueueBatch, workflow: workflows.ArchivePeople, input: workflows.ArchivePeopleInput{PageSize: 2}},
	{name: "copy-objects", queue: workflows.QueueBatch, workflow: workflows.CopyObjects, input: workflows.CopyObjectsInput{}},
}

// usualBackups is the cast of a night on which everything works.
var usualBackups = map[string]any{
	"backup.Take": func(context.Context, backup.TakeInput) (backup.Taken, error) {
		return backup.Taken{Backup: recordedBackup, Bytes: 7, Objects: 2}, nil
	},
	"backup.Mark": func(context.Context, struct{}) (backup.Marked, error) {
		return backup.Marked{At: time.Date(2026, 11, 27, 1, 21, 0, 0, time.UTC), LSN: "0/30", Rows: 5}, nil
	},
	"backup.CheckArchive": func(context.Context, backup.ArchiveInput) (backup.ArchiveState, error) {
		return backup.ArchiveState{Tip: "0/31 on timeline 1", Segments: 1}, nil
	},
	"backup.Recheck": func(context.Context, struct{}) (backup.Rechecked, error) { return backup.Rechecked{Objects: 2}, nil },
	"backup.Keep":    func(context.Context, struct{}) (backup.Kept, error) { return backup.Kept{Backups: 2}, nil },
	"backup.Sync":    func(context.Context, struct{}) error { return nil },
	"backup.Hold":    func(context.Context, backup.Ref) error { return nil },
	"prover.Verify": func(_ context.Context, in backup.ProveInput) (backup.Outcome, error) {
		return backup.Outcome{Backup: in.Backup, State: repository.Verified}, nil
	},
	"prover.Prove": func(_ context.Context, in backup.ProveInput) (backup.Outcome, error) {
		return backup.Outcome{Backup: in.Backup, State: repository.Proven}, nil
	},
	"restorer.Plan": func(_ context.Context, in restore.Target) (restore.Plan, error) {
		return restore.Plan{ID: uuid.UUID{1}, Target: in, Backup: in.Backup}, nil
	},
	"restorer.Step": func(_ context.Context, in backup.RestoreInput) (restore.Done, error) {
		return restore.Done{Step: in.Step}, nil
	},
	"people.ListChanged": func(_ context.Context, in people.PageInput) (people.Page, error) {
		if in.After == uuid.Nil {
			return people.Page{Subjects: []uuid.UUID{{6}}, Seen: 2, Next: uuid.UUID{7}}, nil
		}
		return people.Page{Seen: 1, Next: uuid.UUID{8}, Ended: true}, nil
	},
	"people.Archive": func(_ context.Context, in people.Input) (people.Counts, error) {
		return people.Counts{Archived: len(in.Subjects)}, nil
	},
	"people.Expire": func(_ context.Context, in people.ExpireInput) (people.Expired, error) {
		if in.Token == nil {
			return people.Expired{Aged: 1, Next: []byte("next")}, nil
		}
		return people.Expired{Ended: true}, nil
	},
	"copies.List":      func(context.Context, struct{}) ([]string, error) { return []string{"ledger", "objects"}, nil },
	"copies.Copy":      func(context.Context, copies.Input) (copies.Copied, error) { return copies.Copied{}, nil },
	"copies.Reconcile": func(context.Context, copies.Input) (copies.Report, error) { return copies.Report{}, nil },
	"copies.Expire":    func(context.Context, copies.Input) (copies.Expired, error) { return copies.Expired{}, nil },
}
