package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"meai/internal/objects"
)

// Holds counts the objects with the subject's keys on all replicas together, tombstones
// left aside. It fails while one does not answer.
func (k *Keyring) Holds(ctx context.Context, subject uuid.UUID) (int, error) {
	counts, errs := make([]int, len(k.replicas)), make([]error, len(k.replicas))
	k.replicas.each(func(i int, r replica) {
		if counts[i], errs[i] = r.holds(ctx, subject); errs[i] != nil {
			errs[i] = fmt.Errorf("replica %s: %w", r.name, errs[i])
		}
	})
	total := 0
	for _, n := range counts {
		total += n
	}
	if err := errors.Join(errs...); err != nil {
		return 0, fmt.Errorf("look for keys of %s: %w", subject, err)
	}
	return total, nil
}

func (r replica) holds(ctx context.Context, subject uuid.UUID) (int, error) {
	names, err := r.all(ctx, generationsOf(subject))
	if err != nil {
		return 0, err
	}
	n := len(names)
	for _, name := range []string{objectName(subject, 1), candidateName(subject)} {
		_, err := r.readBounded(ctx, name)
		if errors.Is(err, objects.ErrAbsent) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
