package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
	"meai/activities/privacy/export"
)

// ExportWakeSignal has a workflow look at once whether there is something to do. It says
// nothing: the row decides.
const ExportWakeSignal = "wake"

// Export writes what a person asked to be given, keeps it until its time is over, and
// removes it. The row tells the person how far it is.
func Export(ctx workflow.Context, in export.WriteInput) error {
	ref := export.Ref{Subject: in.Subject, ID: in.Export}
	written, err := writeExport.run(ctx, in)
	if err != nil {
		return giveUpExport(ctx, failExport, ref, err)
	}
	return untilNothingIsLeft(ctx, written.ExpiresAt, func(ctx workflow.Context) (export.Waiting, error) {
		return expireExport.run(ctx, ref)
	})
}

// ImportExport waits for an archive to arrive, adds what is in it to the account, makes
// it searchable with the vectors that came along, and removes the archive.
func ImportExport(ctx workflow.Context, in export.Ref) (export.Imported, error) {
	done, err := importExport(ctx, in)
	if err != nil {
		err = giveUpExport(ctx, dropImport, in, err)
	}
	return done, err
}

func importExport(ctx workflow.Context, in export.Ref) (export.Imported, error) {
	err := untilNothingIsLeft(ctx, workflow.Now(ctx), func(ctx workflow.Context) (export.Waiting, error) {
		return awaitImport.run(ctx, in)
	})
	if err != nil {
		return export.Imported{}, err
	}
	filled, err := fillImport.run(ctx, in)
	if err != nil || filled.State == export.ImportFailed {
		return filled, err
	}
	for repair := (memory.RepairInput{Subject: in.Subject}); ; {
		did, err := repairIndex.under(lengthy).run(ctx, repair)
		if err != nil {
			// The rows hold the vectors; the nightly consolidation copies them.
			workflow.GetLogger(ctx).Warn("vectors are left to the nightly consolidation", "error", err)
			break
		}
		if repair.After = did.Next; repair.After == uuid.Nil {
			break
		}
	}
	return concludeImport.run(ctx, in)
}

// untilNothingIsLeft looks at a time, and whenever it is woken, until there is no next time.
func untilNothingIsLeft(ctx workflow.Context, next time.Time, look func(workflow.Context) (export.Waiting, error)) error {
	signals := workflow.GetSignalChannel(ctx, ExportWakeSignal)
	for {
		if wait := next.Sub(workflow.Now(ctx)); wait > 0 {
			woken, _ := signals.ReceiveWithTimeout(ctx, wait, nil)
			if err := ctx.Err(); err != nil && !woken {
				return err
			}
		}
		waiting, err := look(ctx)
		if err != nil || waiting.Until.IsZero() {
			return err
		}
		next = waiting.Until
	}
}

// giveUpExport notes for the person why nothing came of it, and removes what there is,
// also when the workflow was cancelled.
func giveUpExport(ctx workflow.Context, drop call[export.FailInput, struct{}], ref export.Ref, cause error) error {
	reason := failureOf(cause)
	if temporal.IsCanceledError(cause) {
		reason = "Cancelled"
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if _, err := drop.run(ctx, export.FailInput{Ref: ref, Reason: reason}); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

func exportID(subject, id uuid.UUID) string { return personID(subject, "export", id.String()) }

func importExportID(subject, id uuid.UUID) string {
	return personID(subject, "export-import", id.String())
}

// StartExport has an export written. One that runs or ran is not started again.
func (s *Starter) StartExport(ctx context.Context, in export.WriteInput) error {
	return s.startOnce(ctx, exportID(in.Subject, in.Export), in.Subject, Export, in)
}

// WakeExport tells an export's workflow that the row has changed; one that has ended need
// not know.
func (s *Starter) WakeExport(ctx context.Context, subject, id uuid.UUID) error {
	return s.wake(ctx, exportID(subject, id))
}

// StartImportExport waits for what a person brings along. One that runs or ran is not
// started again.
func (s *Starter) StartImportExport(ctx context.Context, in export.Ref) error {
	return s.startOnce(ctx, importExportID(in.Subject, in.ID), in.Subject, ImportExport, in)
}

// WakeImportExport tells an import's workflow that its archive has arrived, or will not.
func (s *Starter) WakeImportExport(ctx context.Context, subject, id uuid.UUID) error {
	return s.wake(ctx, importExportID(subject, id))
}

func (s *Starter) wake(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	err := s.Client.SignalWorkflow(ctx, id, "", ExportWakeSignal, nil)
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("wake %s: %w", id, err)
	}
	return nil
}
