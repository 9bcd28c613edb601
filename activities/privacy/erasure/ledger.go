package erasure

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// actor is who does what no person does, in the audit log.
const actor = "erasure"

// requested is the ledger's act for a request: all that is needed to make its row.
func requested(e Erasure) ledger.Act {
	fields := map[string]string{
		"alias": e.Alias.String(), "erasure": e.ID.String(), "law": string(e.Law), "origin": string(e.By),
		"requested": e.RequestedAt.UTC().Format(time.RFC3339Nano), "cooling": e.CoolingUntil.UTC().Format(time.RFC3339Nano),
	}
	if e.Approval != uuid.Nil {
		fields["approval"] = e.Approval.String()
	}
	return ledger.Act{Kind: ledger.ErasureRequested, ID: "erasure-request/" + e.ID.String(), Fields: fields}
}

// cancelled is the ledger's act for an erasure that was taken back.
func cancelled(e Erasure) ledger.Act {
	return ledger.Act{
		Kind: ledger.ErasureCancelled, ID: "erasure-cancel/" + e.ID.String(),
		Fields: map[string]string{"alias": e.Alias.String(), "erasure": e.ID.String()},
	}
}

// fromLedger reads what [requested] wrote.
func fromLedger(fields map[string]string) (e Erasure, err error) {
	e = Erasure{State: Requested, Law: Law(fields["law"]), By: Origin(fields["origin"])}
	if e.ID, err = uuid.Parse(fields["erasure"]); err != nil {
		return e, malformed(err)
	}
	if e.Alias, err = alias.Parse(fields["alias"]); err != nil {
		return e, malformed(err)
	}
	if text := fields["approval"]; text != "" {
		if e.Approval, err = uuid.Parse(text); err != nil {
			return e, malformed(err)
		}
	}
	if e.RequestedAt, err = time.Parse(time.RFC3339Nano, fields["requested"]); err != nil {
		return e, malformed(err)
	}
	if e.CoolingUntil, err = time.Parse(time.RFC3339Nano, fields["cooling"]); err != nil {
		return e, malformed(err)
	}
	return e, nil
}

func malformed(cause error) error {
	return failure.New(failure.InvalidInput, "the ledger's entry is no erasure", cause)
}

// ApplyRequested is the [ledger.Applier] of requests. It makes the row, in a database that
// was restored as well, unless the person is being erased already or is not known there.
func ApplyRequested(keys *keyring.Keyring, log *audit.Log) ledger.Applier {
	return func(ctx context.Context, q *queries.Queries, entry ledger.Entry) error {
		e, err := fromLedger(entry.Fields)
		if err != nil {
			return err
		}
		subject, known, err := alias.Find(ctx, q, keys, e.Alias)
		if err != nil || !known {
			return err
		}
		return insert(ctx, q, keys, log, e, subject)
	}
}

// insert makes an erasure's row, and its entry in the audit log, unless it is there or
// another one of the person is under way.
func insert(ctx context.Context, q *queries.Queries, keys *keyring.Keyring, log *audit.Log, e Erasure, subject uuid.UUID) error {
	sealed, err := seal(ctx, keys, e.ID, "person", subject[:])
	if err != nil {
		return err
	}
	record, err := about(ctx, log, e, audit.ErasureRequested)
	if err != nil {
		return err
	}
	row := queries.InsertErasureParams{
		ID: e.ID, Alias: e.Alias[:], PersonSealed: sealed, State: string(e.State), Law: string(e.Law), Origin: string(e.By),
		RequestedAt: e.RequestedAt, CoolingUntil: e.CoolingUntil,
	}
	if e.Approval != uuid.Nil {
		row.ApprovalID = &e.Approval
	}
	fresh, err := q.InsertErasure(ctx, row)
	if err != nil || fresh == 0 {
		return err
	}
	_, err = audit.Append(ctx, q, record)
	return err
}

// ApplyCancelled is the [ledger.Applier] of erasures that were taken back.
func ApplyCancelled(log *audit.Log) ledger.Applier {
	return func(ctx context.Context, q *queries.Queries, entry ledger.Entry) error {
		id, err := uuid.Parse(entry.Fields["erasure"])
		if err != nil {
			return malformed(err)
		}
		record, err := about(ctx, log, Erasure{ID: id}, audit.ErasureCancelled)
		if err != nil {
			return err
		}
		row, err := lock(ctx, q, id)
		if failure.Is(err, failure.NotFound) {
			return nil // of a person whom a restored database does not know
		}
		if err != nil {
			return err
		}
		if state := State(row.State); state.Revocable() {
			if _, err := q.MoveErasure(ctx, string(Cancelled), id, row.State); err != nil {
				return err
			}
		}
		return audit.AppendOnce(ctx, q, record)
	}
}

// about is an entry of the audit log about an erasure.
func about(ctx context.Context, log *audit.Log, e Erasure, act audit.Act) (audit.Entry, error) {
	object, err := log.Object(ctx, audit.Erasure, e.ID.String())
	if err != nil {
		return audit.Entry{}, fmt.Errorf("name an erasure in the audit log: %w", err)
	}
	entry := audit.Entry{Actor: actor, Role: "system", Act: act, Kind: audit.Erasure, Object: object, Outcome: audit.Succeeded, Reason: string(e.By), Request: e.ID.String()}
	if e.Approval != uuid.Nil {
		entry.Approval = e.Approval.String()
	}
	return entry, nil
}
