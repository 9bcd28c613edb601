package main

import (
	"context"

	"github.com/google/uuid"

	"meai/activities/privacy/consent"
	"meai/internal/audit"
	"meai/internal/postgres"
)

type privacyCommand struct {
	Map              privacyMapCommand          `cmd:"" help:"Show everything that can hold personal data, for what, how long, and how it is erased."`
	Consents         privacyConsentsCommand     `cmd:"" help:"Count how many people agree to what."`
	Requests         privacyRequestsCommand     `cmd:"" help:"Look at the register of what people have asked for; keep what comes by letter."`
	Holds            privacyHoldsCommand        `cmd:"" help:"List legal holds."`
	Erase            privacyEraseCommand        `cmd:"" help:"Have everything of a person erased, with the approval of two others."`
	Erasure          privacyErasureCommand      `cmd:"" help:"Show how far an erasure is."`
	Certificate      privacyCertificateCommand  `cmd:"" help:"Read and verify what proves erasures."`
	VerifyExport     privacyVerifyExportCommand `cmd:"" help:"Verify an export: nothing is missing or changed, and who has signed it."`
	OpenExport       privacyOpenExportCommand   `cmd:"" help:"Decrypt an export into the zip that is in it."`
	Retention        retentionCommand           `cmd:"" help:"Delete what is older than it is kept; show what went, what did not, and what is to come."`
	VerifyEncryption verifyEncryptionCommand    `cmd:"" help:"Look whether everything that has to be sealed is."`
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
