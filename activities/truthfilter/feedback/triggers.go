package feedback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// Triggers are what a person does not want to be reminded of; see [truthfilter.Policy].
func (s *Store) Triggers(ctx context.Context, subject uuid.UUID) ([]string, error) {
	var sealed []byte
	err := s.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		sealed, err = q.TriggersOf(ctx, subject)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a person's triggers: %w", err)
	}
	keys, err := s.Keys.Keys(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read a person's triggers: %w", err)
	}
	plain, err := keys.Open(sealed, triggersOf(subject))
	if err != nil {
		return nil, fmt.Errorf("read a person's triggers: %w", err)
	}
	var triggers []string
	if json.Unmarshal(plain, &triggers) != nil { // the decoder's message could quote them
		return nil, errors.New("read a person's triggers: unreadable")
	}
	return triggers, nil
}

// SetTriggers replaces them; none is a choice as well. [failure.KeyMissing] for somebody
// who never had a session.
func (s *Store) SetTriggers(ctx context.Context, subject uuid.UUID, triggers []string) error {
	keys, err := s.Keys.Keys(ctx, subject)
	if err != nil {
		return fmt.Errorf("keep a person's triggers: %w", err)
	}
	plain, err := json.Marshal(triggers)
	if err != nil {
		return errors.New("keep a person's triggers: they cannot be encoded")
	}
	sealed, err := keys.Seal(plain, triggersOf(subject))
	if err != nil {
		return fmt.Errorf("keep a person's triggers: %w", err)
	}
	err = s.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		return q.SetTriggers(ctx, subject, sealed)
	})
	if err != nil {
		return fmt.Errorf("keep a person's triggers: %w", err)
	}
	return nil
}

func triggersOf(subject uuid.UUID) keyring.Location {
	return keyring.Location{Table: "filter_triggers", Column: "triggers", Row: subject}
}
