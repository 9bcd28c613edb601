package erasure

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Stay is something that is kept after an erasure.
type Stay struct {
	// What and Why are codes, such as "backups" and "expire_by_themselves".
	What, Why string
	// For is how long, in seconds as a duration; zero for as long as the law asks.
	For time.Duration
}

// Preview is what an erasure would take, and what it would leave.
type Preview struct {
	Counts map[string]int64
	Stays  []Stay
	// CoolingOff is how long it would wait.
	CoolingOff time.Duration
}

// Preview counts what an erasure would take. Nothing happens.
func (s *Store) Preview(ctx context.Context, subject uuid.UUID) (Preview, error) {
	all, err := s.places(ctx)
	if err != nil {
		return Preview{}, fmt.Errorf("preview an erasure: %w", err)
	}
	counts, err := countAll(ctx, all, subject, func() {})
	if err != nil {
		return Preview{}, fmt.Errorf("preview an erasure: %w", err)
	}
	return Preview{Counts: counts, Stays: s.Retained.stays(), CoolingOff: s.CoolingOff}, nil
}

// stays is what is kept: nothing of it names the person, or can be read once their keys
// are destroyed.
func (r Retained) stays() []Stay {
	all := []Stay{
		{"application_logs", "opaque_ids_that_expire", r.Logs},
		{"audit_log", "accountability_under_a_pseudonym", r.Audit},
		{"ledger", "keeps_restores_from_undoing_the_erasure", 0},
		{"register_of_requests", "accountability_under_a_pseudonym", r.Register},
		{"certificates", "proof_for_the_person", 0},
	}
	if r.Backups > 0 {
		all = append(all, Stay{"backups", "unreadable_without_the_keys_until_they_expire", r.Backups})
	}
	return all
}
