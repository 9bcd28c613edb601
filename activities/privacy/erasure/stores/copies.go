package stores

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meai/activities/backup/copies"
)

// Copies are those of people's objects at a second location, and their names in its
// inventories.
type Copies struct {
	Copies *copies.Copies
	// Folders are those of all buckets.
	Folders []Folders
	// Destroyed reports whether a person's keys are destroyed.
	Destroyed func(ctx context.Context, subject uuid.UUID) (bool, error)
}

// Name implements [Store].
func (*Copies) Name() string { return "backups.second" }

func (c *Copies) each(ctx context.Context, subject uuid.UUID, f func(of *copies.Copier, folder string) error) error {
	for _, named := range c.Folders {
		folders, err := named(ctx, subject)
		if err != nil {
			return fmt.Errorf("name the person's objects: %w", err)
		}
		for _, folder := range folders {
			for _, of := range c.Copies.Sources() {
				if err := f(of, folder); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Count implements [Store], as [Objects.Count] does.
func (c *Copies) Count(ctx context.Context, subject uuid.UUID) (total int64, err error) {
	err = c.each(ctx, subject, func(of *copies.Copier, folder string) error {
		n, err := of.Count(ctx, folder)
		total += n
		return err
	})
	if err != nil || total == 0 {
		return 0, err
	}
	destroyed, err := c.Destroyed(ctx, subject)
	if err != nil || !destroyed {
		return total, err
	}
	kept, err := c.Kept(ctx, subject)
	return max(0, total-kept.Objects), err
}

// Sample implements [Store]. Copies are what their originals are.
func (*Copies) Sample(context.Context, uuid.UUID, int) ([][]byte, error) { return nil, nil }

// Delete implements [Store].
func (c *Copies) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (total int64, err error) {
	err = c.each(ctx, subject, func(of *copies.Copier, folder string) error {
		erased, err := of.Erase(ctx, folder, func(int, int64) { beat(total) })
		total += int64(erased.Removed)
		beat(total)
		return err
	})
	return total, err
}

// Kept implements [Keeper].
func (c *Copies) Kept(ctx context.Context, subject uuid.UUID) (kept Kept, err error) {
	err = c.each(ctx, subject, func(of *copies.Copier, folder string) error {
		erased, err := of.Erase(ctx, folder, nil)
		kept.Objects += int64(erased.Kept)
		return err
	})
	return kept, err
}
