package memory

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meai/internal/audit"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// InLedger commits a confirmed forgetting.
func InLedger(ctx context.Context, to audit.Committer, keys *keyring.Keyring, subject, id uuid.UUID, nodes []uuid.UUID, at time.Time) error {
	return inLedger(ctx, to, keys, queries.MemoryForgetting{SubjectID: subject, ID: id, Nodes: nodes, ConfirmedAt: &at})
}
