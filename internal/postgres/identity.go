package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// EnsurePrincipal returns the opaque id of an account and the roles that are
// granted to it now. An account that is new gets the proposed id.
func (db *DB) EnsurePrincipal(ctx context.Context, account []byte, proposed uuid.UUID) (id uuid.UUID, granted []string, err error) {
	q := queries.New(db.pool)
	row, err := q.Principal(ctx, account)
	if errors.Is(err, pgx.ErrNoRows) {
		// Two processes may see a new account at once: the first id stays.
		if err := q.CreatePrincipal(ctx, account, proposed); err != nil {
			return uuid.Nil, nil, fmt.Errorf("record account: %w", err)
		}
		row, err = q.Principal(ctx, account)
	}
	if err != nil {
		return uuid.Nil, nil, fmt.Errorf("look up account: %w", err)
	}
	return row.ID, row.Granted, nil
}

// APIKey is what is known of an API key, its secret apart.
type APIKey struct {
	ID, Principal uuid.UUID
	Roles, Scopes []string
	CreatedAt     time.Time
	ExpiresAt     time.Time
	RevokedAt     *time.Time
}

// LiveAPIKey returns a key that is neither expired nor revoked, and the HMAC of
// its secret; [failure.NotFound] otherwise.
func (db *DB) LiveAPIKey(ctx context.Context, id uuid.UUID) (APIKey, []byte, error) {
	row, err := queries.New(db.pool).LiveAPIKey(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return APIKey{}, nil, failure.New(failure.NotFound, "no such API key", nil)
	}
	if err != nil {
		return APIKey{}, nil, fmt.Errorf("look up API key: %w", err)
	}
	return APIKey{ID: id, Principal: row.PrincipalID, Roles: row.Roles, Scopes: row.Scopes}, row.SecretHmac, nil
}

// APIKeys lists a principal's keys, newest first, before an id.
func (db *DB) APIKeys(ctx context.Context, principal, before uuid.UUID, limit int32) ([]APIKey, error) {
	rows, err := queries.New(db.pool).APIKeys(ctx, principal, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	keys := make([]APIKey, len(rows))
	for i, row := range rows {
		keys[i] = APIKey{
			ID: row.ID, Principal: principal, Roles: row.Roles, Scopes: row.Scopes,
			CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt,
		}
	}
	return keys, nil
}
