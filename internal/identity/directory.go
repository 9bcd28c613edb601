package identity

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// revokedWithin bounds how long a process goes on with a role or a key that was
// taken back.
const revokedWithin = 3 * time.Second

const cachedCallers = 50_000

// Directory knows accounts, granted roles and API keys. It is safe for
// concurrent use.
type Directory struct {
	db       *postgres.DB
	keys     *keyring.Keyring
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

// NewDirectory returns a directory on a database; the keyring's system key
// blinds what it stores.
func NewDirectory(db *postgres.DB, keys *keyring.Keyring) (*Directory, error) {
	accounts, err := otter.New(&otter.Options[[32]byte, account]{
		MaximumSize: cachedCallers, ExpiryCalculator: otter.ExpiryWriting[[32]byte, account](revokedWithin),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	apiKeys, err := otter.New(&otter.Options[uuid.UUID, liveKey]{
		MaximumSize: cachedCallers, ExpiryCalculator: otter.ExpiryWriting[uuid.UUID, liveKey](revokedWithin),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	return &Directory{db: db, keys: keys, accounts: accounts, apiKeys: apiKeys}, nil
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
	id, granted, err := d.db.EnsurePrincipal(context.WithoutCancel(ctx), blinded[:], proposed)
	if err != nil {
		return account{}, err
	}
	return account{id: id, granted: as(granted)}, nil
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
	key, mac, err := d.db.LiveAPIKey(context.WithoutCancel(ctx), id)
	return liveKey{key: key, hmac: mac}, err
}

func (d *Directory) secretHMAC(ctx context.Context, id uuid.UUID, secret []byte) ([]byte, error) {
	system, err := d.keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return system.Blind(keyring.APIKey, append(id[:], secret...)), nil
}

// IssueAPIKey makes a key for a principal. The text is shown this once and is
// not stored.
func (d *Directory) IssueAPIKey(ctx context.Context, principal uuid.UUID, roles []Role, scopes []string, lifetime time.Duration) (text string, key postgres.APIKey, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", postgres.APIKey{}, fmt.Errorf("make an id: %w", err)
	}
	text, secret := NewAPIKey(id)
	mac, err := d.secretHMAC(ctx, id, secret)
	if err != nil {
		return "", postgres.APIKey{}, err
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	key, err = d.db.CreateAPIKey(ctx, postgres.APIKey{ID: id, Principal: principal, Roles: names, Scopes: scopes}, mac, lifetime)
	return text, key, err
}

// RevokeAPIKey ends a key everywhere within three seconds, here at once.
func (d *Directory) RevokeAPIKey(ctx context.Context, principal, id uuid.UUID) (postgres.APIKey, error) {
	key, err := d.db.RevokeAPIKey(ctx, principal, id)
	d.apiKeys.Invalidate(id)
	return key, err
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

func as(names []string) []Role {
	roles := make([]Role, len(names))
	for i, name := range names {
		roles[i] = Role(name)
	}
	return roles
}
