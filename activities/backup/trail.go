package backup

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"

	"meai/internal/audit"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Recorder writes down what is done with a backup; [Trail] is the real one.
type Recorder interface {
	// Record writes an act of this activity once, however often it is tried.
	Record(ctx context.Context, act audit.Act, backup string) error
}

// Trail writes to the audit log what was done with a backup.
type Trail struct {
	Log *audit.Log
	DB  *postgres.DB
}

// Record implements [Recorder].
func (t Trail) Record(ctx context.Context, act audit.Act, backup string) error {
	object, err := t.Log.Object(ctx, audit.Backup, backup)
	if err != nil {
		return fmt.Errorf("name a backup in the audit log: %w", err)
	}
	entry := audit.Entry{
		Actor: "backup", Role: "system", Act: act, Kind: audit.Backup, Object: object, Outcome: audit.Succeeded,
		Request: activity.GetInfo(ctx).WorkflowExecution.RunID,
	}
	return t.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return audit.AppendOnce(ctx, q, entry)
	})
}
