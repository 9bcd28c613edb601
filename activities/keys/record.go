package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// Run is what a run over the keys does.
type Run string

// The runs over the keys that an operator can start.
const (
	Rekey  Run = "rekey"
	Rewrap Run = "rewrap"
	Retire Run = "retire"
)

// RunInput tells how a run over the keys ended; Subject is set when it was about
// one person.
type RunInput struct {
	Run       Run       `json:"run"`
	Subject   uuid.UUID `json:"subject,omitzero"`
	Succeeded bool      `json:"succeeded"`
}

// RecordRun writes the end of a run over the keys to the audit log, once.
func (a *Activities) RecordRun(ctx context.Context, in RunInput) error {
	acts := map[Run]audit.Act{Rekey: audit.KeyRotated, Rewrap: audit.KeyRewrapped, Retire: audit.KeyRetired}
	execution := activity.GetInfo(ctx).WorkflowExecution
	kind, object := audit.Workflow, execution.ID
	if in.Subject != uuid.Nil {
		kind, object = audit.Subject, in.Subject.String()
	}
	outcome := audit.Failed
	if in.Succeeded {
		outcome = audit.Succeeded
	}
	entry, err := entry(ctx, a.Audit, kind, object, audit.Entry{Act: acts[in.Run], Outcome: outcome, Request: execution.RunID})
	if err != nil {
		return err
	}
	return a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return audit.AppendOnce(ctx, q, entry)
	})
}

// ErasedInput names a person whose keys are destroyed, the erasure of which that is a part,
// and the approval of it.
type ErasedInput struct {
	Subject  uuid.UUID `json:"subject"`
	Erasure  uuid.UUID `json:"erasure"`
	Approval uuid.UUID `json:"approval"`
}

// commitErased takes into the ledger, and from there into the database, that a person's keys are
// destroyed; once, whichever run does it.
func (a *Activities) commitErased(ctx context.Context, in ErasedInput) error {
	var who alias.Alias
	err := a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		who, err = alias.Ensure(ctx, q, a.Keyring, in.Subject)
		return err
	})
	if err != nil {
		return err
	}
	_, err = a.Ledger.Commit(ctx, Erased(who, in, activity.GetInfo(ctx).WorkflowExecution.RunID))
	if errors.Is(err, ledger.ErrConflict) {
		return nil // an earlier run has
	}
	return err
}

// Erased is the ledger's act for keys that are destroyed, of which there is one for a
// person. The ledger outlives the person, so it knows them by their alias.
func Erased(who alias.Alias, in ErasedInput, run string) ledger.Act {
	fields := map[string]string{"alias": who.String(), "run": run, "erasure": in.Erasure.String()}
	if in.Approval != uuid.Nil {
		fields["approval"] = in.Approval.String()
	}
	return ledger.Act{Kind: ledger.ErasureCompleted, ID: "erasure/" + who.String(), Fields: fields}
}

// ApplyErased is the [ledger.Applier] of destroyed keys: it records the alias, by which
// whoever reappears is known, and marks the person erased where the database has them. One
// that is older than the destruction has them as active; one that does not know them has
// nothing of them.
func ApplyErased(log *audit.Log, keys *keyring.Keyring) ledger.Applier {
	return func(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
		who, err := alias.Parse(e.Fields["alias"])
		erasure, invalid := uuid.Parse(e.Fields["erasure"])
		if err = errors.Join(err, invalid); err != nil {
			return failure.New(failure.InvalidInput, "the ledger's entry is no erasure", err)
		}
		if err := q.RecordErasedPerson(ctx, who[:], erasure, e.Time); err != nil {
			return fmt.Errorf("record an erasure: %w", err)
		}
		// Where the database has the erasure at an earlier step, it goes on from this one.
		if err := q.ErasurePastReturn(ctx, who[:]); err != nil {
			return fmt.Errorf("record an erasure: %w", err)
		}
		subject, known, err := alias.Find(ctx, q, keys, who)
		if err != nil || !known {
			return err
		}
		entry, err := entry(ctx, log, audit.Subject, subject.String(), audit.Entry{
			Act: audit.KeyDestroyed, Outcome: audit.Succeeded, Request: e.Fields["run"], Approval: e.Fields["approval"],
		})
		if err != nil {
			return err
		}
		if err := q.FreezeSubject(ctx, subject); err != nil {
			return err
		}
		changed, err := q.MarkSubjectErased(ctx, subject)
		if err != nil || changed == 0 {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	}
}

// entry completes an entry about keys. Temporal does not know who started a
// workflow; who agreed to a destruction is in the approval's own entries.
func entry(ctx context.Context, log *audit.Log, kind audit.Kind, object string, e audit.Entry) (audit.Entry, error) {
	hmac, err := log.Object(ctx, kind, object)
	if err != nil {
		return audit.Entry{}, fmt.Errorf("name what was done in the audit log: %w", err)
	}
	e.Actor, e.Role, e.Kind, e.Object = "keys", "system", kind, hmac
	return e, nil
}
