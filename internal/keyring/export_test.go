package keyring

import (
	"context"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
)

// OpenWithClock opens a keyring whose leases follow the given clock.
func OpenWithClock(ctx context.Context, o Options, clock otter.Clock) (*Keyring, error) {
	o.clock = clock
	return Open(ctx, o)
}

// Store shows a store to the tests.
type Store struct{ s store }

// OpenStore opens the store behind a bucket URL.
func OpenStore(ctx context.Context, url string) (Store, error) {
	s, err := openStore(ctx, url)
	return Store{s}, err
}

func (s Store) Create(ctx context.Context, name string, data []byte) error {
	return s.s.create(ctx, name, data)
}
func (s Store) Read(ctx context.Context, name string) ([]byte, error) { return s.s.read(ctx, name) }
func (s Store) Remove(ctx context.Context, name string) error         { return s.s.remove(ctx, name) }
func (s Store) List(ctx context.Context, prefix string, token []byte, limit int) ([]string, []byte, error) {
	return s.s.list(ctx, prefix, token, limit)
}

// The errors that a store answers with.
var (
	ErrExists = errExists
	ErrAbsent = errAbsent
)

// As returns the same keys in another person's name.
func (k *Keys) As(subject uuid.UUID) *Keys {
	return &Keys{subject: subject, aead: k.aead, version: k.version, versions: k.versions, macRoot: k.macRoot}
}
