package identity

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// revokedWithin bounds how long a process goes on with a role or a key that was
// taken back.
const revokedWithin = 3 * time.Second

const (
	cachedCallers = 50_000
	lookUpTimeout = 5 * time.Second
)

// Directory knows accounts, granted roles and API keys. It is safe for
// concurrent use.
type Directory struct {
	db       *postgres.DB
	keys     *keyring.Keyring
	audit    *audit.Log
	ledger   audit.Committer
	accounts *otter.Cache[[32]byte, account]
	apiKeys  *otter.Cache[uuid.UUID, liveKey]
}

type account struct {
	id      uuid.UUID
	granted []Role
}

type liveKey struct {
	key  postgres.APIKey
	hmac []byte
}

// DirectoryOptions are what a directory stands on; all are required.
type DirectoryOptions struct {
	DB *postgres.DB
	// Keys blind what is stored, under the system's key.
	Keys *keyring.Keyring
	// Audit and Ledger record what is given out and taken back.
	Audit  *audit.Log
	Ledger audit.Committer
}

// NewDirectory returns a directory.
func NewDirectory(o DirectoryOptions) (*Directory, error) {
	accounts, err := otter.New(&otter.Options[[32]byte, account]{
		MaximumSize: cachedCallers, ExpiryCalculator: otter.ExpiryWriting[[32]byte, account](revokedWithin), StatsRecorder: stats.NewCounter(),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	apiKeys, err := otter.New(&otter.Options[uuid.UUID, liveKey]{
		MaximumSize: cachedCallers, ExpiryCalculator: otter.ExpiryWriting[uuid.UUID, liveKey](revokedWithin), StatsRecorder: stats.NewCounter(),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	return &Directory{db: o.DB, keys: o.Keys, audit: o.Audit, ledger: o.Ledger, accounts: accounts, apiKeys: apiKeys}, nil
}

// Lookups is how often accounts and API keys were known, and how often the database was
// asked for them.
func (d *Directory) Lookups() (hits, loads uint64) {
	a, k := d.accounts.Stats(), d.apiKeys.Stats()
	return a.Hits + k.Hits, a.LoadSuccesses + a.LoadFailures + k.LoadSuccesses + k.LoadFailures
}

// Close ends the caches.
func (d *Directory) Close() {
	d.accounts.StopAllGoroutines()
	d.apiKeys.StopAllGoroutines()
}

// account returns the opaque id of a provider's account, a new one when it was
// never seen, and the roles granted to it for a time.
func (d *Directory) account(ctx context.Context, issuer, subject string) (account, error) {
	system, err := d.keys.System(ctx)
	if err != nil {
		return account{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// The length keeps issuer and subject apart.
	text := append(binary.BigEndian.AppendUint32(nil, uint32(len(issuer))), issuer+subject...)
	blinded := [32]byte(system.Blind(keyring.Account, text))
	known, err := d.accounts.Get(ctx, blinded, otter.LoaderFunc[[32]byte, account](d.loadAccount))
	if err != nil {
		return account{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return known, nil
}

func (d *Directory) loadAccount(ctx context.Context, blinded [32]byte) (account, error) {
	proposed, err := uuid.NewRandom()
	if err != nil {
		return account{}, err
	}
	ctx, cancel := sharedLookUp(ctx)
	defer cancel()
	id, granted, err := d.db.EnsurePrincipal(ctx, blinded[:], proposed)
	if err != nil {
		return account{}, err
	}
	return account{id: id, granted: as(granted)}, nil
}

// sharedLookUp is for what several callers wait for: it must not end with the one
// who came first, and not last for ever either.
func sharedLookUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), lookUpTimeout)
}

// apiKey returns the caller that a key stands for.
func (d *Directory) apiKey(ctx context.Context, text string) (Caller, error) {
	id, secret, ok := parseAPIKey(text)
	if !ok {
		return Caller{}, ErrBadCredentials
	}
	live, err := d.apiKeys.Get(ctx, id, otter.LoaderFunc[uuid.UUID, liveKey](d.loadKey))
	if failure.Is(err, failure.NotFound) {
		return Caller{}, ErrBadCredentials
	}
	if err != nil {
		return Caller{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	mac, err := d.secretHMAC(ctx, id, secret)
	if err != nil {
		return Caller{}, err
	}
	if !sameMAC(mac, live.hmac) {
		return Caller{}, ErrBadCredentials
	}
	return newCaller(Caller{
		Principal: live.key.Principal, Roles: as(live.key.Roles), Method: APIKey, Key: id, Scopes: live.key.Scopes,
	}), nil
}

func (d *Directory) loadKey(ctx context.Context, id uuid.UUID) (liveKey, error) {
	ctx, cancel := sharedLookUp(ctx)
	defer cancel()
	key, mac, err := d.db.LiveAPIKey(ctx, id)
	return liveKey{key: key, hmac: mac}, err
}

func (d *Directory) secretHMAC(ctx context.Context, id uuid.UUID, secret []byte) ([]byte, error) {
	system, err := d.keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return system.Blind(keyring.APIKey, append(id[:], secret...)), nil
}

// IssueAPIKey makes a key that acts for a caller. The text is shown this once and
// is not stored.
func (d *Directory) IssueAPIKey(ctx context.Context, who Caller, roles []Role, scopes []string, lifetime time.Duration) (text string, key postgres.APIKey, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", postgres.APIKey{}, fmt.Errorf("make an id: %w", err)
	}
	text, secret := NewAPIKey(id)
	mac, err := d.secretHMAC(ctx, id, secret)
	if err != nil {
		return "", postgres.APIKey{}, err
	}
	entry, err := d.entry(ctx, who, audit.APIKeyCreated, id)
	if err != nil {
		return "", postgres.APIKey{}, err
	}
	key = postgres.APIKey{ID: id, Principal: who.Principal, Roles: namesOf(roles), Scopes: scopes}
	err = d.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.CreateAPIKey(ctx, queries.CreateAPIKeyParams{
			ID: id, PrincipalID: key.Principal, SecretHmac: mac, Roles: key.Roles, Scopes: scopes, LifetimeSeconds: lifetime.Seconds(),
		})
		if err != nil {
			return err
		}
		key.CreatedAt, key.ExpiresAt = row.CreatedAt, row.ExpiresAt
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return "", postgres.APIKey{}, fmt.Errorf("record an API key: %w", err)
	}
	return text, key, nil
}

// revokedKey is the ledger's word for a revoked API key.
const revokedKey = "api_key"

// RevokeAPIKey ends a key of the caller's everywhere within three seconds, here at
// once, and for ever: the ledger has it first, so that no restore brings the key
// back. Repeating it changes nothing.
func (d *Directory) RevokeAPIKey(ctx context.Context, who Caller, id uuid.UUID) (key postgres.APIKey, err error) {
	if err := d.owns(ctx, who.Principal, id); err != nil {
		return postgres.APIKey{}, err
	}
	entry, err := d.entry(ctx, who, audit.APIKeyRevoked, id)
	if err != nil {
		return postgres.APIKey{}, err
	}
	// A ledger that does not answer must not keep a leaked key alive: the row ends it
	// all the same, and the caller, who is told of the failure, repeats it.
	_, uncommitted := d.ledger.Commit(ctx, ledger.Revocation(revokedKey, id.String()))
	d.apiKeys.Invalidate(id)
	err = d.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		before, err := q.APIKey(ctx, who.Principal, id) // when it was revoked
		if err != nil {
			return err
		}
		row, err := q.RevokeAPIKey(ctx, who.Principal, id)
		if err != nil {
			return err
		}
		key = postgres.APIKey{
			ID: row.ID, Principal: who.Principal, Roles: row.Roles, Scopes: row.Scopes,
			CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt,
		}
		if before != nil {
			return nil // a repeat
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err = errors.Join(err, uncommitted); err != nil {
		return postgres.APIKey{}, fmt.Errorf("revoke API key %s: %w", id, err)
	}
	return key, nil
}

// owns fails with [failure.NotFound] unless the key is the principal's.
func (d *Directory) owns(ctx context.Context, principal, id uuid.UUID) error {
	err := d.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.APIKey(ctx, principal, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return failure.New(failure.NotFound, "no such API key", nil)
	}
	if err != nil {
		return fmt.Errorf("look up API key %s: %w", id, err)
	}
	return nil
}

func (d *Directory) entry(ctx context.Context, who Caller, act audit.Act, key uuid.UUID) (audit.Entry, error) {
	actor, err := d.audit.Person(ctx, who.Principal)
	if err != nil {
		return audit.Entry{}, err
	}
	object, err := d.audit.Object(ctx, audit.APIKey, key.String())
	return audit.Entry{
		Actor: actor, Role: who.FirstRole(), Act: act, Kind: audit.APIKey, Object: object, Outcome: audit.Succeeded,
	}, err
}

// APIKeys lists a principal's keys, newest first, before an id.
func (d *Directory) APIKeys(ctx context.Context, principal, before uuid.UUID, limit int32) ([]postgres.APIKey, error) {
	return d.db.APIKeys(ctx, principal, before, limit)
}

// newCaller fills in what follows from the rest.
func newCaller(c Caller) Caller {
	if slices.Contains(c.Roles, Person) {
		c.Subject = c.Principal
	}
	return c
}

func namesOf(roles []Role) []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

func as(names []string) []Role {
	roles := make([]Role, len(names))
	for i, name := range names {
		roles[i] = Role(name)
	}
	return roles
}
