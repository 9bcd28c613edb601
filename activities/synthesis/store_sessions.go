package synthesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/privacy/consent"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// SessionState says whether a session accepts interactions.
type SessionState string

const (
	// SessionActive accepts interactions.
	SessionActive SessionState = "active"
	// SessionEnded was ended by its person.
	SessionEnded SessionState = "ended"
	// SessionExpired reached the end of its lifetime.
	SessionExpired SessionState = "expired"
)

// Session is one conversation.
type Session struct {
	ID, Subject uuid.UUID
	State       SessionState
	CreatedAt   time.Time
	ExpiresAt   time.Time
	EndedAt     *time.Time
	// Interactions counts the answered ones.
	Interactions    int
	LastInteraction *uuid.UUID
	// CurrentEmotion is the primary emotion of the newest answered interaction
	// that had one.
	CurrentEmotion string
	Device         string
}

// CreateSession opens a session that lasts for lifetime. The person's keys and
// registration are made on first use.
func (s *Store) CreateSession(ctx context.Context, subject uuid.UUID, device string, lifetime time.Duration) (Session, error) {
	keys, err := s.register(ctx, subject)
	if err != nil {
		return Session{}, err
	}
	id, err := s.newID()
	if err != nil {
		return Session{}, fmt.Errorf("make session id: %w", err)
	}
	var sealed []byte
	if device != "" {
		if sealed, err = keys.Seal([]byte(device), sessionColumn("device", id)); err != nil {
			return Session{}, err
		}
	}
	now := s.clock()
	created := Session{
		ID: id, Subject: subject, State: SessionActive, Device: device,
		CreatedAt: now, ExpiresAt: now.Add(lifetime).Truncate(time.Microsecond),
	}
	err = s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		return q.InsertSession(ctx, queries.InsertSessionParams{
			SubjectID: subject, ID: id, CreatedAt: now, ExpiresAt: created.ExpiresAt, DeviceSealed: sealed,
		})
	})
	if err != nil {
		return Session{}, fmt.Errorf("create session: %w", err)
	}
	return created, nil
}

func (s *Store) register(ctx context.Context, subject uuid.UUID) (*keyring.Keys, error) {
	if err := consent.Register(ctx, s.db, s.keys, subject); err != nil {
		return nil, err
	}
	return s.keys.Keys(ctx, subject)
}

// Session returns a session of the subject.
func (s *Store) Session(ctx context.Context, subject, id uuid.UUID) (Session, error) {
	var row queries.Session
	err := s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = readSession(ctx, q, subject, id)
		return err
	})
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	return s.openSession(ctx, row)
}

// EndSession ends a session; its interactions stay readable. Ending it again
// changes nothing.
func (s *Store) EndSession(ctx context.Context, subject, id uuid.UUID) (Session, error) {
	now := s.clock()
	var row queries.Session
	err := s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.EndSession(ctx, &now, subject, id)
		return sessionError(err, id)
	})
	if err != nil {
		return Session{}, fmt.Errorf("end session: %w", err)
	}
	return s.openSession(ctx, row)
}

func readSession(ctx context.Context, q *queries.Queries, subject, id uuid.UUID) (queries.Session, error) {
	row, err := q.Session(ctx, subject, id)
	return row, sessionError(err, id)
}

func sessionError(err error, id uuid.UUID) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return failure.New(failure.NotFound, "session "+id.String()+" does not exist", nil)
	}
	return err
}

func (s *Store) openSession(ctx context.Context, row queries.Session) (Session, error) {
	session := Session{
		ID: row.ID, Subject: row.SubjectID, State: s.sessionState(row),
		CreatedAt: row.CreatedAt.UTC(), ExpiresAt: row.ExpiresAt.UTC(), EndedAt: inUTC(row.EndedAt),
		Interactions: int(row.Interactions), LastInteraction: row.LastInteraction,
	}
	if row.DeviceSealed == nil && row.EmotionSealed == nil {
		return session, nil
	}
	keys, err := s.keysOf(ctx, row.SubjectID)
	if err != nil {
		return Session{}, err
	}
	if session.Device, err = openText(keys, row.DeviceSealed, sessionColumn("device", row.ID)); err != nil {
		return Session{}, err
	}
	session.CurrentEmotion, err = openText(keys, row.EmotionSealed, sessionColumn("emotion", row.ID))
	return session, err
}

func (s *Store) sessionState(row queries.Session) SessionState {
	switch {
	case row.EndedAt != nil:
		return SessionEnded
	case !s.clock().Before(row.ExpiresAt):
		return SessionExpired
	default:
		return SessionActive
	}
}

// openText opens a sealed text; an absent one is empty.
func openText(keys *keyring.Keys, sealed []byte, at keyring.Location) (string, error) {
	if sealed == nil {
		return "", nil
	}
	plain, err := keys.Open(sealed, at)
	return string(plain), err
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
