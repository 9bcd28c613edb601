package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/objects"
)

// Destroy makes everything sealed under the subject's keys unreadable for ever:
// [Keyring.Bury], then [Keyring.Clear]. It is idempotent, and when it fails it is
// to be repeated until it does not.
func (k *Keyring) Destroy(ctx context.Context, subject uuid.UUID) error {
	if err := k.Bury(ctx, subject); err != nil {
		return err
	}
	return k.Clear(ctx, subject)
}

// Bury puts a tombstone on the subject's keys at a quorum of the replicas. From
// then on no process loads them again, and what is leased runs out within
// [Lease]. A tombstone is never removed, so a copy of the keys that returns later
// stays dead. Errors: [ErrBelowQuorum].
func (k *Keyring) Bury(ctx context.Context, subject uuid.UUID) error {
	if subject == system {
		return failure.New(failure.InvalidInput, "keyring: the system keys cannot be destroyed", nil)
	}
	defer k.cache.Invalidate(subject)
	buried, errs := make([]bool, len(k.replicas)), make([]error, len(k.replicas))
	k.replicas.each(func(i int, r replica) {
		errs[i] = r.bury(ctx, subject)
		buried[i] = errs[i] == nil
	})
	if !k.replicas.quorum(func(i int) bool { return buried[i] }) {
		return fmt.Errorf("write tombstone of %s: %w: %w", subject, ErrBelowQuorum, errors.Join(errs...))
	}
	return nil
}

// Clear deletes the subject's keys from every replica, each after a tombstone
// was put there, and looks whether anything is left. It fails while one replica
// does not answer.
func (k *Keyring) Clear(ctx context.Context, subject uuid.UUID) error {
	if subject == system {
		return failure.New(failure.InvalidInput, "keyring: the system keys cannot be destroyed", nil)
	}
	defer k.cache.Invalidate(subject)
	errs := make([]error, len(k.replicas))
	k.replicas.each(func(i int, r replica) {
		if err := r.clear(ctx, subject); err != nil {
			errs[i] = fmt.Errorf("replica %s: %w", r.name, err)
		}
	})
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete keys of %s: %w", subject, err)
	}
	return nil
}

func (r replica) bury(ctx context.Context, subject uuid.UUID) error {
	at := []byte(time.Now().UTC().Format(time.RFC3339))
	if err := r.createBounded(ctx, tombstoneName(subject), at); err != nil && !errors.Is(err, objects.ErrExists) {
		return fmt.Errorf("replica %s: %w", r.name, err)
	}
	return nil
}

func (r replica) clear(ctx context.Context, subject uuid.UUID) error {
	if err := r.bury(ctx, subject); err != nil {
		return err
	}
	names, err := r.all(ctx, generationsOf(subject))
	if err != nil {
		return err
	}
	for _, name := range slices.Concat(names, []string{objectName(subject, 1), candidateName(subject)}) {
		if err := r.removeBounded(ctx, name); err != nil {
			return err
		}
	}
	generation, _, err := r.newest(ctx, subject)
	if err == nil && generation > 0 {
		err = errors.New("keys were written at the same time")
	}
	return err
}
