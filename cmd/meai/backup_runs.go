package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"go.temporal.io/sdk/client"
	"golang.org/x/term"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/internal/codec"
	"meai/workflows"
)

// runFlags are those of commands that start a workflow and watch it.
type runFlags struct {
	NoWait bool `help:"Start it, print its workflow id and return."`
}

type backupTakeCommand struct {
	runFlags
	Kind     repository.Kind `default:"postgres" enum:"postgres,weaviate" help:"What of: postgres (the whole cluster, Temporal with it) or weaviate."`
	MaxRate  int             `help:"The most that is read of PostgreSQL, in KiB a second; backup.max_rate when left out." placeholder:"KIB"`
	Unproven bool            `help:"Leave it at taken."`
}

func (backupTakeCommand) Help() string {
	return `Starts the workflow Backup on queue batch, and shows how far it is. Stopping this command does not stop the workflow;
'temporal workflow cancel' does, and then nothing is left of the backup. By hand:

  temporal workflow start --task-queue batch --type Backup --workflow-id backup/by-hand --input '{"kind":"postgres"}'

After the backup the database is marked, and the archive waited for ('meai backup archive' must run). Then a worker of queue
proving reads it all again, opens it, restores it to the mark in a scratch server and compares.`
}

func (t backupTakeCommand) Run(ctx context.Context, c *cli) error {
	return t.start(ctx, c, workflows.QueueBatch, workflows.Backup, workflows.BackupInput{Kind: t.Kind, MaxRate: t.MaxRate, Unproven: t.Unproven})
}

type backupProveCommand struct {
	runFlags
	Backup string `arg:"" help:"The backup's id."`
}

func (backupProveCommand) Help() string {
	return `Starts the workflow ProveBackup. By hand:

  temporal workflow start --task-queue batch --type ProveBackup --workflow-id backup/proof-by-hand --input '{"backup":"ID"}'`
}

func (b backupProveCommand) Run(ctx context.Context, c *cli) error {
	return b.start(ctx, c, workflows.QueueBatch, workflows.ProveBackup, backup.ProveInput{Backup: b.Backup})
}

type backupMarkCommand struct{ runFlags }

func (backupMarkCommand) Help() string {
	return `Starts the workflow MarkBackup, which the schedule hourly-mark starts each hour. By hand:

  temporal workflow start --task-queue batch --type MarkBackup --workflow-id backup/mark-by-hand --input '{}'`
}

func (m backupMarkCommand) Run(ctx context.Context, c *cli) error {
	return m.start(ctx, c, workflows.QueueBatch, workflows.MarkBackup, struct{}{})
}

type backupHoldCommand struct {
	Backup string `arg:"" help:"The backup's id."`
}

func (h backupHoldCommand) Run(ctx context.Context, c *cli) error {
	return holding(ctx, c, h.Backup, true)
}

type backupReleaseCommand struct {
	Backup string `arg:"" help:"The backup's id."`
}

func (r backupReleaseCommand) Run(ctx context.Context, c *cli) error {
	return holding(ctx, c, r.Backup, false)
}

func holding(ctx context.Context, c *cli, id string, held bool) error {
	return onBackups(ctx, c, func(starter *workflows.Starter) error { return starter.HoldBackup(ctx, id, held) })
}

type backupKeepCommand struct{ runFlags }

func (backupKeepCommand) Help() string {
	return `Starts the workflow KeepBackups, which the schedule daily-backup-keeping starts each day. By hand:

  temporal workflow start --task-queue batch --type KeepBackups --workflow-id backup/keep-by-hand --input '{}'

A backup goes when it is older than backup.keep and a later one that is as old is proven, oldest first, never one that is held.`
}

func (k backupKeepCommand) Run(ctx context.Context, c *cli) error {
	return k.start(ctx, c, workflows.QueueBatch, workflows.KeepBackups, struct{}{})
}

// onBackups opens Temporal for a starter of backups.
func onBackups(ctx context.Context, c *cli, do func(*workflows.Starter) error) (err error) {
	p, err := open(ctx, c, "meai-backup")
	if err != nil {
		return err
	}
	defer p.close(&err)
	temporal, err := p.temporal(ctx)
	if err != nil {
		return err
	}
	return do(&workflows.Starter{Client: temporal, Converter: codec.DataConverter(p.keys)})
}

func (f runFlags) start(ctx context.Context, c *cli, queue string, workflow, in any) error {
	return onBackups(ctx, c, func(starter *workflows.Starter) error {
		run, err := starter.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: "backup/" + time.Now().UTC().Format("20060102T150405.000"), TaskQueue: queue,
		}, workflow, in)
		if err != nil {
			return fmt.Errorf("start the workflow: %w", err)
		}
		fmt.Println("workflow", run.GetID())
		if f.NoWait {
			return nil
		}
		return watch(ctx, starter, run.GetID())
	})
}

// watch shows a run's steps, with a bar for each, and how it ended.
func watch(ctx context.Context, starter *workflows.Starter, id string) error {
	shown := bars{}
	for {
		run, err := starter.WatchBackup(ctx, id)
		if err != nil {
			return err
		}
		if err := shown.show(run); err != nil {
			return err
		}
		switch run.State {
		case "done":
			_, err := fmt.Printf("done  %s\n", run.Backup)
			return err
		case "failed":
			return errors.New(run.Problem)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no longer watching; the workflow goes on: %w", ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// bars is the progress bar of the step that runs, or just its name where nobody looks at
// a terminal.
type bars struct {
	step string
	bar  *progressbar.ProgressBar
}

// shownInBytes is the least total that is taken for bytes: other steps count files.
const shownInBytes = 1 << 20

func (b *bars) show(run workflows.BackupRun) error {
	if run.State != "running" {
		return b.end()
	}
	step := run.Step
	if run.Shown.Step != "" {
		step += ": " + run.Shown.Step
	}
	return b.at(step, run.Shown.Done, run.Shown.Total)
}

// at shows how far a step is; a new step has a new bar.
func (b *bars) at(step string, done, total int64) error {
	if step != b.step {
		if err := b.end(); err != nil {
			return err
		}
		b.step = step
		if !term.IsTerminal(int(os.Stderr.Fd())) {
			_, err := fmt.Fprintln(os.Stderr, step)
			return err
		}
		b.bar = progressbar.NewOptions64(max(total, 1), progressbar.OptionSetDescription(fmt.Sprintf("%-22s", step)),
			progressbar.OptionShowBytes(total >= shownInBytes), progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond))
		// A step that shows nothing of itself is named all the same.
		if err := b.bar.RenderBlank(); err != nil {
			return fmt.Errorf("show progress: %w", err)
		}
	}
	if total <= 0 || b.bar == nil {
		return nil
	}
	b.bar.ChangeMax64(total)
	if err := b.bar.Set64(min(done, total)); err != nil {
		return fmt.Errorf("show progress: %w", err)
	}
	return nil
}

func (b *bars) end() error {
	if b.bar == nil {
		return nil
	}
	err := b.bar.Exit()
	b.bar = nil
	fmt.Fprintln(os.Stderr)
	return err
}
