package keyring

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// Clear deletes everything that names the subject from every replica, each after a
// tombstone was put there, and looks whether anything is left. It fails while one
// replica does not answer.
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
	// The second generation's name too, whether it was there or not: with the last of
	// them, a store in a folder gives up the folder that is named after the subject.
	for _, name := range slices.Concat(names, []string{objectName(subject, 1), objectName(subject, 2), candidateName(subject)}) {
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

// Tombstones lists the digests of everybody whose keys were destroyed, as [Digest]
// makes them, in order. Errors: [ErrBelowQuorum], for a tombstone may be at any majority.
func (k *Keyring) Tombstones(ctx context.Context) ([]string, error) {
	found, errs := k.replicas.tombstones(ctx)
	answered, all := 0, map[string]bool{}
	for i, names := range found {
		if errs[i] == nil {
			answered++
		}
		for _, name := range names {
			if digest, ok := digestOf(name); ok {
				all[digest] = true
			}
		}
	}
	if answered < k.replicas.majority() {
		return nil, fmt.Errorf("list tombstones: %w: %w", ErrBelowQuorum, errors.Join(errs...))
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// SpreadTombstones brings every tombstone to each replica that lacks it, and returns how
// many it brought. It fails when a replica does not answer, after having served the others.
func (k *Keyring) SpreadTombstones(ctx context.Context) (brought int, err error) {
	found, errs := k.replicas.tombstones(ctx)
	from := map[string]int{} // a replica that has it
	for i, names := range found {
		for _, name := range names {
			from[name] = i
		}
	}
	for i, r := range k.replicas {
		if errs[i] != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(from)) {
			if _, has := slices.BinarySearch(found[i], name); has {
				continue
			}
			if errs[i] = k.replicas[from[name]].give(ctx, name, r); errs[i] != nil {
				break
			}
			brought++
		}
	}
	if err := errors.Join(errs...); err != nil {
		return brought, fmt.Errorf("spread tombstones: %w", err)
	}
	return brought, nil
}

// tombstones lists the names of each replica's, in order, or why it could not.
func (rs replicas) tombstones(ctx context.Context) (found [][]string, errs []error) {
	found, errs = make([][]string, len(rs)), make([]error, len(rs))
	rs.each(func(i int, r replica) {
		var err error
		if found[i], err = r.all(ctx, tombstonesPrefix); err != nil {
			found[i], errs[i] = nil, fmt.Errorf("replica %s: %w", r.name, err)
		}
		slices.Sort(found[i])
	})
	return found, errs
}

// give copies a tombstone to another replica.
func (r replica) give(ctx context.Context, name string, to replica) error {
	at, err := r.readBounded(ctx, name)
	if err != nil {
		return fmt.Errorf("replica %s: %w", r.name, err)
	}
	if err := to.createBounded(ctx, name, at); err != nil && !errors.Is(err, objects.ErrExists) {
		return fmt.Errorf("replica %s: %w", to.name, err)
	}
	return nil
}
