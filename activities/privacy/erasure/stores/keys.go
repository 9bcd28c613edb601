package stores

import (
	"context"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/keyring"
)

// Keys are the keys of people themselves.
type Keys struct{ Keyring *keyring.Keyring }

// Name implements [Store].
func (*Keys) Name() string { return "keyring" }

// Count implements [Store].
func (k *Keys) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	n, err := k.Keyring.Holds(ctx, subject)
	return int64(n), err
}

// Sample implements [Store]. Nothing of a key is noted down anywhere.
func (*Keys) Sample(context.Context, uuid.UUID, int) ([][]byte, error) { return nil, nil }

// Delete implements [Store]. It destroys keys that are not destroyed yet.
func (k *Keys) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (int64, error) {
	n, err := k.Count(ctx, subject)
	if err != nil {
		return 0, err
	}
	beat(0)
	return n, k.Keyring.Clear(ctx, subject)
}

// destroyed reports whether a person's keys are destroyed, in this process at the latest a
// lease after they were.
func destroyed(keys *keyring.Keyring) func(context.Context, uuid.UUID) (bool, error) {
	return func(ctx context.Context, subject uuid.UUID) (bool, error) {
		_, err := keys.Keys(ctx, subject)
		switch {
		case failure.Is(err, failure.KeyDestroyed):
			return true, nil
		case failure.Is(err, failure.KeyMissing):
			return false, nil
		default:
			return false, err
		}
	}
}
