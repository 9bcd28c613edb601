package memory

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// dissolvePatterns deletes every echo and storyline that rests on any of these
// turns, and returns their ids, so that the vector index can drop them. Their words
// may quote what is being forgotten, so they go as a whole; the next consolidation
// finds again what still holds without these turns. Markers and entities may be
// among the ids as well. It belongs into the transaction that deletes the turns,
// under the lock on the person's memories, and before they go: their edges go with
// them.
func dissolvePatterns(ctx context.Context, q *queries.Queries, keys *keyring.Keys, turns []uuid.UUID) (removed []uuid.UUID, err error) {
	removed, err = q.DissolvePatterns(ctx, keys.Subject(), turns)
	if err != nil {
		return nil, fmt.Errorf("dissolve what rests on %d turns: %w", len(turns), err)
	}
	return removed, nil
}
