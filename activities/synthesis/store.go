package synthesis

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/escalation"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// Store keeps sessions and interactions. Words, contexts, answers, emotions and
// device descriptions are sealed under the person's keys before they reach the
// database; what is left in the clear are ids, times, counts and states.
//
// Every method fails with [failure.SubjectInactive] when it would write for a
// person whose erasure has begun, with [failure.KeyDestroyed] when it would
// read what can no longer be opened, and with [failure.NotFound] for an unknown
// person, session or interaction.
type Store struct {
	db    *postgres.DB
	keys  *keyring.Keyring
	now   func() time.Time
	newID func() (uuid.UUID, error)
	cases *escalation.Store
}

// NewStore returns a store on the given database and keyring.
func NewStore(db *postgres.DB, keys *keyring.Keyring) *Store {
	return &Store{db: db, keys: keys, now: time.Now, newID: uuid.NewV7, cases: escalation.NewStore(db, keys)}
}

// clock is the current time as the database can hold it: microseconds, UTC.
func (s *Store) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// keysOf returns the keys of a person. Without keys and without a subject row
// the person is unknown; without keys alone they were lost.
func (s *Store) keysOf(ctx context.Context, subject uuid.UUID) (*keyring.Keys, error) {
	keys, err := s.keys.Keys(ctx, subject)
	if !failure.Is(err, failure.KeyMissing) {
		return keys, err
	}
	known, lookupErr := s.db.KnowsSubject(ctx, subject)
	if lookupErr != nil {
		return nil, lookupErr
	}
	if !known {
		return nil, failure.New(failure.NotFound, "subject "+subject.String()+" does not exist", nil)
	}
	return nil, err
}

// sealJSON seals the JSON form of a value.
func sealJSON(keys *keyring.Keys, value any, at keyring.Location) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s.%s: %w", at.Table, at.Column, err)
	}
	return keys.Seal(plain, at)
}

// openJSON reads what sealJSON wrote.
func openJSON(keys *keyring.Keys, sealed []byte, at keyring.Location, value any) error {
	plain, err := keys.Open(sealed, at)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, value); err != nil {
		// The decoder's message could quote the person's words.
		return fmt.Errorf("decode %s.%s of row %s: unreadable", at.Table, at.Column, at.Row)
	}
	return nil
}

func sessionColumn(column string, id uuid.UUID) keyring.Location {
	return keyring.Location{Table: "sessions", Column: column, Row: id}
}

func interactionColumn(column string, id uuid.UUID) keyring.Location {
	return keyring.Location{Table: "interactions", Column: column, Row: id}
}
