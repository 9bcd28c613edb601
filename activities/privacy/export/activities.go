package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// Activities are the steps of the workflows of exports and imports. Every exported method
// is an activity that can run twice, and be killed anywhere, without harm. Their workflows
// are the person's own, so inputs and results are sealed with the person's keys.
type Activities struct{ Exports *Exports }

// Ref names an export, or an import.
type Ref struct {
	Subject uuid.UUID `json:"subject"`
	ID      uuid.UUID `json:"id"`
}

// Written is an export that was written.
type Written struct {
	ExpiresAt time.Time `json:"expires_at"`
	Rows      int64     `json:"rows"`
	Bytes     int64     `json:"bytes"`
}

// Write writes the export, for a person who is active still.
func (a *Activities) Write(ctx context.Context, in WriteInput) (Written, error) {
	if a.Exports == nil {
		return Written{}, errNone
	}
	e, err := a.Exports.Get(ctx, in.Subject, in.Export)
	if err != nil {
		return Written{}, err
	}
	// The process that took the request may have died before it could register it.
	if err := a.Exports.received(ctx, in.Subject, e); err != nil {
		return Written{}, err
	}
	if e, err = a.Exports.Write(ctx, in, func(done int64) { activity.RecordHeartbeat(ctx, done) }); err != nil {
		return Written{}, err
	}
	if err := a.Exports.given(ctx, in.Subject, in.Export); err != nil {
		return Written{}, err
	}
	return Written{ExpiresAt: e.ExpiresAt, Rows: e.RowsTotal, Bytes: e.Size}, nil
}

// FailInput says why an export, or an import, is given up.
type FailInput struct {
	Ref
	// Reason is a code, such as the type of a failure.
	Reason string `json:"reason"`
}

// Fail gives an export up and removes what there is of it. The request for access stays
// open until an export is written: its time runs on, and somebody is told.
func (a *Activities) Fail(ctx context.Context, in FailInput) (struct{}, error) {
	if a.Exports == nil {
		return struct{}{}, errNone
	}
	err := a.Exports.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.FailExport(ctx, queries.FailExportParams{SubjectID: in.Subject, ID: in.ID, Failure: &in.Reason, At: new(time.Now().UTC())})
		return err
	})
	// Of somebody who is being erased the objects go, whatever becomes of the row.
	if err != nil && !failure.Is(err, failure.SubjectInactive) {
		return struct{}{}, fmt.Errorf("give export %s up: %w", in.ID, err)
	}
	e, err := a.Exports.Get(ctx, in.Subject, in.ID)
	if err == nil && e.State == Ready {
		return struct{}{}, nil // an attempt that was given up on has come to its end
	}
	return struct{}{}, a.Exports.remove(ctx, in.Subject, in.ID)
}

// Waiting says until when there is nothing to do; zero when there is nothing more.
type Waiting struct {
	Until time.Time `json:"until,omitzero"`
}

// Expire removes an export whose time is over, or that was deleted.
func (a *Activities) Expire(ctx context.Context, in Ref) (Waiting, error) {
	if a.Exports == nil {
		return Waiting{}, errNone
	}
	var row queries.PrivacyExport
	err := a.Exports.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		if _, err := q.ExpireExport(ctx, new(time.Now().UTC()), in.Subject, in.ID); err != nil {
			return err
		}
		var err error
		row, err = q.ExportByID(ctx, in.Subject, in.ID)
		return unlessFound(err, "export")
	})
	if err != nil {
		return Waiting{}, fmt.Errorf("expire export %s: %w", in.ID, err)
	}
	if e := of(row); e.State == Ready {
		return Waiting{Until: e.ExpiresAt}, nil
	}
	return Waiting{}, a.Exports.remove(ctx, in.Subject, in.ID)
}

// Await says whether the archive of an import has arrived whole; Until is zero once it
// has, or will not.
func (a *Activities) Await(ctx context.Context, in Ref) (Waiting, error) {
	if a.Exports == nil {
		return Waiting{}, errNone
	}
	i, err := a.Exports.Import(ctx, in.Subject, in.ID)
	if err != nil {
		return Waiting{}, err
	}
	if until := i.RequestedAt.Add(arrival); i.State == Receiving && time.Now().Before(until) {
		return Waiting{Until: until}, nil
	}
	return Waiting{}, nil
}

// Imported says what became of an import.
type Imported struct {
	State ImportState `json:"state"`
	Rows  int64       `json:"rows"`
}

// Fill checks an archive that has arrived and adds its rows to the account, all at once.
// What is wrong with the archive, or the account, is no error but the import's failure.
func (a *Activities) Fill(ctx context.Context, in Ref) (Imported, error) {
	if a.Exports == nil {
		return Imported{}, errNone
	}
	i, err := a.Exports.Fill(ctx, in, func(done int64) { activity.RecordHeartbeat(ctx, done) })
	if reason := refusal(err); reason != "" {
		i, err = a.Exports.failImport(ctx, in, reason)
	}
	if err != nil {
		return Imported{}, err
	}
	return Imported{State: i.State, Rows: i.RowsDone}, nil
}

// Conclude ends an import whose rows are there and searchable.
func (a *Activities) Conclude(ctx context.Context, in Ref) (Imported, error) {
	if a.Exports == nil {
		return Imported{}, errNone
	}
	i, err := a.Exports.concludeImport(ctx, in)
	return Imported{State: i.State, Rows: i.RowsDone}, err
}

// Drop gives an import up and removes its archive.
func (a *Activities) Drop(ctx context.Context, in FailInput) (struct{}, error) {
	if a.Exports == nil {
		return struct{}{}, errNone
	}
	_, err := a.Exports.failImport(ctx, in.Ref, in.Reason)
	if failure.Is(err, failure.SubjectInactive) {
		err = a.Exports.removeParts(ctx, in.Subject, in.ID)
	}
	return struct{}{}, err
}

// refusal is the code of what is wrong with an archive or an account; "" for what a retry
// may mend, and for what ends the workflow.
func refusal(err error) string {
	for refused, code := range refusals {
		if errors.Is(err, refused) {
			return code
		}
	}
	return ""
}

// refusals are the codes of what nobody can mend but with another archive or account.
var refusals = map[error]string{
	ErrNoExport: "not_an_export", ErrForged: "not_signed_here", ErrAltered: "altered", ErrNewer: "written_by_a_later_version",
	ErrNotEmpty: "account_not_empty", errNotReceived: "not_received",
}
