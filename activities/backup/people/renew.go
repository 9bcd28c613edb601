package people

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/objects"
)

// Renewal replaces the archives of people who had something forgotten.
type Renewal struct {
	*Archives
	// Permit is that of [Activities].
	Permit func(ctx context.Context, subject uuid.UUID) error
}

// Renew writes an archive of what is stored of a person now and removes those from before,
// where there are any. Of who does not agree to be archived any more none is written. What a
// bucket keeps stays, and is no failure.
func (r Renewal) Renew(ctx context.Context, subject uuid.UUID, beat func()) error {
	older, err := r.List(ctx, subject)
	if err != nil || len(older) == 0 {
		return err
	}
	if r.Permit != nil {
		err = r.Permit(ctx, subject)
	}
	switch {
	case failure.Is(err, failure.ConsentMissing):
	case err != nil && !failure.Is(err, failure.ProcessingRestricted): // to store is allowed
		return err
	default:
		if _, err := r.Write(ctx, subject, beat); err != nil {
			return fmt.Errorf("renew the archive of subject %s: %w", subject, err)
		}
	}
	for _, k := range older {
		if err := r.Store.Remove(ctx, k.Name); err != nil && !errors.Is(err, objects.ErrKept) {
			return fmt.Errorf("remove %s: %w", k.Name, err)
		}
		beat()
	}
	return nil
}

// Before counts the archives that may hold what was stored of a person at a time: all from
// before it, and all but the newest. Until is when the years of the last of them are over.
func (r Renewal) Before(ctx context.Context, subject uuid.UUID, at time.Time) (n int, until time.Time, err error) {
	all, err := r.List(ctx, subject)
	for i, k := range all {
		if k.Begun.Before(at.Truncate(time.Second)) || i < len(all)-1 {
			n++
			if e := ExpiresAt(k.Name); e.After(until) {
				until = e
			}
		}
	}
	return n, until, err
}
