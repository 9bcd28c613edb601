package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// changeMarks tell by table which of a person's rows were written since $2. All go by an
// index that begins with the person. Ids that hold their time (UUIDv7) bound what is
// looked at where a person has very many rows: $3 is the least of a time so much earlier
// that what began before has come to its end.
var changeMarks = []struct{ table, since string }{
	{"sessions", "id >= $3 and greatest(created_at, ended_at) >= $2"},
	{"interactions", "id >= $3 and greatest(accepted_at, answered_at) >= $2"},
	{"memory_writes", "changed_at >= $2"},
	{"memory_imports", "accepted_at >= $2"},
	{"memory_forgettings", "greatest(previewed_at, confirmed_at, forgotten_at) >= $2"},
	{"memory_vault_openings", "greatest(opened_at, closed_at) >= $2"},
	{"memory_vault_accesses", "at >= $2"},
	{"filter_feedback", "greatest(rated_at, withdrawn_at) >= $2"},
	{"filter_triggers", "changed_at >= $2"},
	{"consent_decisions", "decided_at >= $2"},
}

// unmarked are the tables that are written together with one that has a mark: what
// belongs to an interaction, and what a memory that was told, corrected or forgotten
// does to the graph. The rest of what befalls the graph leaves no trace that an index
// finds: pins, facts that are taken back, patterns of the night. [Snapshot.Contents]
// finds it. That somebody asked for an export is nothing to archive them for, and an
// import fills tables that are marked.
var unmarked = []string{
	"idempotency_keys", "interaction_steps", "escalations",
	"memory_nodes", "memory_terms", "memory_edges", "memory_evidence",
	"privacy_exports", "privacy_imports",
}

// concluded is how long a session, or an interaction, may take to its end.
const concluded = 8 * 24 * time.Hour

// ChangedSince reports whether a person told, had forgotten, opened or rated anything
// since a time: it is the cheap look that finds nearly all. The times are of the clocks
// of those who wrote, at the beginning of their transaction.
func (db *DB) ChangedSince(ctx context.Context, subject uuid.UUID, since time.Time) (changed bool, err error) {
	var marks strings.Builder
	for i, m := range changeMarks {
		if i > 0 {
			marks.WriteString(" or ")
		}
		fmt.Fprintf(&marks, "exists (select from %s where subject_id = $1 and %s)", m.table, m.since)
	}
	err = db.transactTx(ctx, reading(subject), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select "+marks.String(), subject, since, leastID(since.Add(-concluded))).Scan(&changed)
	})
	if err != nil {
		return false, fmt.Errorf("look for changes of subject %s: %w", subject, err)
	}
	return changed, nil
}

// leastID is the least UUIDv7 of a time; it has the milliseconds since 1970 in front.
func leastID(t time.Time) (id uuid.UUID) {
	var milliseconds [8]byte
	binary.BigEndian.PutUint64(milliseconds[:], uint64(max(t.UnixMilli(), 0)))
	copy(id[:], milliseconds[2:])
	return id
}
