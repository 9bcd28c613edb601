// Package consenttest gives the consents of people in tests that have a database and no API.
package consenttest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
	"meai/internal/audit"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// Give has a person agree to purposes, to all when none is named, and registers them first.
func Give(t testing.TB, db *postgres.DB, keys *keyring.Keyring, subject uuid.UUID, purposes ...consent.Purpose) {
	t.Helper()
	s := &consent.Store{DB: db, Keys: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys})}
	if len(purposes) == 0 {
		for _, d := range consent.Purposes() {
			if !d.OptOut {
				purposes = append(purposes, d.Purpose)
			}
		}
	}
	for _, purpose := range purposes {
		d, known := consent.Defined(purpose)
		require.True(t, known, purpose)
		_, err := s.Decide(t.Context(), consent.Answer{
			Subject: subject, Purpose: purpose, Decision: consent.Given, Version: d.Current().Number, Language: consent.Languages[0],
		})
		require.NoError(t, err, "agree to %s", purpose)
	}
}
