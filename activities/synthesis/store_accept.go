package synthesis

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/interaction"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// Acceptance is a request for an interaction.
type Acceptance struct {
	Subject, Session uuid.UUID
	// IdempotencyKey is the client's name for this request, unique for the person.
	IdempotencyKey string
	// Previous names the interaction that this one follows; nil for none.
	Previous *uuid.UUID
	// Body is the canonical JSON of the request. Only its HMAC is kept.
	Body []byte
}

// ErrNoPrevious says that a request follows an interaction that does not exist.
var ErrNoPrevious = errors.New("the previous interaction does not exist")

// Accept makes the row of a new interaction, or finds the one that the same
// request made before; fresh tells which. Of simultaneous requests with one key
// exactly one is fresh. Errors: [failure.IdempotencyConflict] when the key came
// with another body or session; [failure.SessionExpired] when a new key comes
// after the session's end; [ErrNoPrevious].
func (s *Store) Accept(ctx context.Context, a Acceptance) (rec Record, fresh bool, err error) {
	if a.IdempotencyKey == "" {
		return Record{}, false, failure.New(failure.InvalidInput, "an interaction needs an idempotency key", nil)
	}
	keys, err := s.keysOf(ctx, a.Subject)
	if err != nil {
		return Record{}, false, err
	}
	id, err := s.newID()
	if err != nil {
		return Record{}, false, fmt.Errorf("make interaction id: %w", err)
	}
	request := blindRequest(keys, a, id, s.clock())
	var known queries.InteractionRow
	err = s.db.Write(ctx, a.Subject, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.AcceptInteraction(ctx, request)
		if fresh = err == nil; fresh {
			return checkPrevious(ctx, q, a)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		known, err = findAccepted(ctx, q, request)
		return err
	})
	if err != nil {
		return Record{}, false, fmt.Errorf("accept interaction: %w", err)
	}
	if !fresh {
		rec, err = openRecord(keys, known)
		return rec, false, err
	}
	return Record{Ref: refOf(request), State: interaction.Received, AcceptedAt: request.AcceptedAt}, true, nil
}

// blindRequest turns a request into what may be stored of it.
func blindRequest(keys *keyring.Keys, a Acceptance, id uuid.UUID, at time.Time) queries.AcceptInteractionParams {
	key := []byte(a.IdempotencyKey)
	return queries.AcceptInteractionParams{
		SubjectID:  a.Subject,
		SessionID:  a.Session,
		ID:         id,
		WorkflowID: fmt.Sprintf("person/%s/interaction/%s", a.Subject, hex.EncodeToString(keys.Blind(keyring.WorkflowID, key))),
		AcceptedAt: at,
		KeyHmac:    keys.Blind(keyring.Idempotency, key),
		// The session is part of the request although it is in the path.
		BodyHmac: keys.Blind(keyring.Body, slices.Concat(a.Session[:], a.Body)),
	}
}

func checkPrevious(ctx context.Context, q *queries.Queries, a Acceptance) error {
	if a.Previous == nil {
		return nil
	}
	exists, err := q.HasInteraction(ctx, a.Subject, *a.Previous)
	if err == nil && !exists {
		return ErrNoPrevious
	}
	return err
}

// findAccepted explains why nothing was inserted: the key is taken, by the same
// request or another one, or the session takes no new interactions.
func findAccepted(ctx context.Context, q *queries.Queries, request queries.AcceptInteractionParams) (queries.InteractionRow, error) {
	taken, err := q.IdempotencyKey(ctx, request.SubjectID, request.KeyHmac)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return queries.InteractionRow{}, sessionRefusal(ctx, q, request)
	case err != nil:
		return queries.InteractionRow{}, err
	case !bytes.Equal(taken.BodyHmac, request.BodyHmac):
		return queries.InteractionRow{}, failure.New(failure.IdempotencyConflict, "the idempotency key was used for another request", nil)
	}
	return q.Interaction(ctx, request.SubjectID, request.SessionID, taken.InteractionID)
}

func sessionRefusal(ctx context.Context, q *queries.Queries, request queries.AcceptInteractionParams) error {
	if _, err := readSession(ctx, q, request.SubjectID, request.SessionID); err != nil {
		return err
	}
	return failure.New(failure.SessionExpired, "session "+request.SessionID.String()+" has ended or expired", nil)
}

// Confirm notes that the workflow which answers the interaction is started for
// good. The note is a hint: after a crash the interaction may read as received
// although it is accepted.
func (s *Store) Confirm(ctx context.Context, ref interaction.Ref) error {
	err := s.db.WriteHint(ctx, ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		return q.ConfirmInteraction(ctx, ref.Subject, ref.Interaction)
	})
	if err != nil {
		return fmt.Errorf("confirm interaction: %w", err)
	}
	return nil
}

func refOf(request queries.AcceptInteractionParams) interaction.Ref {
	return interaction.Ref{
		Subject: request.SubjectID, Session: request.SessionID,
		Interaction: request.ID, Workflow: request.WorkflowID,
	}
}
