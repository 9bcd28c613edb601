package main

import (
	"context"

	"github.com/google/uuid"

	"meai/activities/privacy/consent"
	"meai/internal/audit"
	"meai/internal/postgres"
)

type privacyCommand struct {
	Consents privacyConsentsCommand `cmd:"" help:"Count how many people agree to what."`
}

// consents are the decisions of people in one database. What takes decisions gives it
// the ledger.
func (p *parts) consents(db *postgres.DB, log *audit.Log) *consent.Store {
	return &consent.Store{DB: db, Keys: p.keys, Audit: log}
}

// permitting asks about one purpose.
func permitting(s *consent.Store, purpose consent.Purpose) func(context.Context, uuid.UUID) error {
	return func(ctx context.Context, subject uuid.UUID) error { return s.Permit(ctx, subject, purpose) }
}
