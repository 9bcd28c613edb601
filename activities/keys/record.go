package keys

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/internal/audit"
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
	entry, err := a.entry(ctx, kind, object, audit.Entry{Act: acts[in.Run], Outcome: outcome, Request: execution.RunID})
	if err != nil {
		return err
	}
	return a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return audit.AppendOnce(ctx, q, entry)
	})
}

// ErasedInput names a person whose keys are destroyed, and the approval of it.
type ErasedInput struct {
	Subject  uuid.UUID `json:"subject"`
	Approval uuid.UUID `json:"approval"`
}

// MarkErased records that the person's data is unreadable for good, in the audit
// log as well.
func (a *Activities) MarkErased(ctx context.Context, in ErasedInput) error {
	entry, err := a.entry(ctx, audit.Subject, in.Subject.String(), audit.Entry{
		Act: audit.KeyDestroyed, Outcome: audit.Succeeded,
		Request: activity.GetInfo(ctx).WorkflowExecution.RunID, Approval: in.Approval.String(),
	})
	if err != nil {
		return err
	}
	return a.DB.MarkErased(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		_, err := audit.Append(ctx, q, entry)
		return err
	})
}

// entry completes an entry about keys. Temporal does not know who started a
// workflow; who agreed to a destruction is in the approval's own entries.
func (a *Activities) entry(ctx context.Context, kind audit.Kind, object string, e audit.Entry) (audit.Entry, error) {
	hmac, err := a.Audit.Object(ctx, kind, object)
	if err != nil {
		return audit.Entry{}, fmt.Errorf("name what was done in the audit log: %w", err)
	}
	e.Actor, e.Role, e.Kind, e.Object = "keys", "system", kind, hmac
	return e, nil
}
