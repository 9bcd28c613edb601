package quarantine

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// actor is who does what no person does, in the audit log.
const actor = "quarantine"

// beginning is the ledger's act for a new write epoch: the same one for the same
// database, restore and epoch.
func beginning(s postgres.State, loss audit.Loss) ledger.Act {
	fields := map[string]string{
		"epoch": strconv.FormatInt(loss.Epoch, 10), "restore": s.Restore, "reason": s.Reason,
		"note": base64.StdEncoding.EncodeToString([]byte(loss.Note)),
	}
	if s.LSN != "" {
		fields["lsn"] = s.LSN
	}
	if !s.Time.IsZero() {
		fields["to"] = s.Time.UTC().Format(time.RFC3339Nano)
	}
	if s.Approval != uuid.Nil {
		fields["approval"] = s.Approval.String()
	}
	return ledger.Act{Kind: ledger.EpochBegun, ID: fmt.Sprintf("epoch/%d/%s", loss.Epoch, s.Restore), Fields: fields}
}

// ApplyEpoch is the [ledger.Applier] of write epochs. A database in quarantine goes on
// in the epoch once it is released; one that serves was left behind and goes into
// quarantine. Its processes find out and end.
func ApplyEpoch(log *audit.Log) ledger.Applier {
	return func(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
		note, err := base64.StdEncoding.DecodeString(e.Fields["note"])
		if err != nil {
			return malformed(err)
		}
		object, err := log.Object(ctx, audit.LedgerEntry, strconv.FormatUint(e.Number, 10))
		if err != nil {
			return err
		}
		loss, err := log.ApplyLoss(ctx, q, string(note))
		if err != nil {
			return err
		}
		if strconv.FormatInt(loss.Epoch, 10) != e.Fields["epoch"] {
			return malformed(nil)
		}
		if err := q.ApplyEpoch(ctx, loss.Epoch, e.Fields["restore"], loss.Kept); err != nil {
			return err
		}
		_, err = audit.Append(ctx, q, audit.Entry{
			Actor: actor, Role: "system", Act: audit.EpochBegun, Kind: audit.LedgerEntry, Object: object, Outcome: audit.Succeeded,
			Reason: e.Fields["reason"], Request: e.Fields["restore"], Approval: e.Fields["approval"],
		})
		return err
	}
}

func malformed(cause error) error {
	return failure.New(failure.InvalidInput, "the ledger's entry begins no write epoch", cause)
}
