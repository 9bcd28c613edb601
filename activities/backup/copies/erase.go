package copies

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"meai/internal/objects"
)

// Erased is what [Copier.Erase] did.
type Erased struct {
	Removed int `json:"removed"`
	// Kept should go, and the place does not let them.
	Kept int `json:"kept,omitempty"`
}

// Sources names the buckets that are copied.
func (c *Copies) Sources() []*Copier {
	all := make([]*Copier, 0, len(c.byName))
	for _, copier := range c.byName {
		all = append(all, copier)
	}
	return all
}

// Count is how many copies there are of objects whose names begin with a prefix.
func (c *Copier) Count(ctx context.Context, prefix string) (n int64, err error) {
	for _, err := range names(ctx, c.Place.Store(), c.copyOf(prefix)) {
		if err != nil {
			return 0, fmt.Errorf("count copies of bucket %s: %w", c.Name, err)
		}
		n++
	}
	return n, nil
}

// Erase removes the copies of all objects whose names begin with a prefix, at once instead
// of after 90 days, and takes those names out of the inventories: what is erased is neither
// gone nor lost. It can be killed anywhere and called again. A run of [Copier.Copy] that
// goes on meanwhile may bring a copy or a name back, which another call removes.
func (c *Copier) Erase(ctx context.Context, prefix string, progress Progress) (done Erased, err error) {
	t := tally{progress: progress}
	for i, err := range names(ctx, c.Place.Store(), c.copyOf(prefix)) {
		if err != nil {
			return done, fmt.Errorf("erase copies of bucket %s: %w", c.Name, err)
		}
		err = c.Place.Store().Remove(ctx, c.copyOf(prefix+i.Name))
		switch {
		case errors.Is(err, objects.ErrKept):
			done.Kept++
		case err != nil:
			return done, fmt.Errorf("erase a copy of bucket %s: %w", c.Name, err)
		default:
			done.Removed++
		}
		t.object()
	}
	if done.Kept > 0 {
		return done, nil // the place keeps inventories as well
	}
	if err := c.forget(ctx, prefix, &t); err != nil {
		return done, fmt.Errorf("take names out of the inventory of bucket %s: %w", c.Name, err)
	}
	return done, nil
}

// forget records an inventory without what begins with a prefix, when the last one has any
// of it, and removes those before it.
func (c *Copier) forget(ctx context.Context, prefix string, t *tally) error {
	before, err := c.found(ctx)
	if err != nil || len(before.all) == 0 {
		return err
	}
	mentioned, err := c.mentions(ctx, before, prefix)
	if err != nil || !mentioned {
		return err
	}
	fresh := c.record()
	for i, err := range c.known(ctx) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(i.Name, prefix) {
			continue
		}
		if err := fresh.add(ctx, i); err != nil {
			return err
		}
		t.object()
	}
	if err := fresh.conclude(ctx); err != nil {
		return err
	}
	return c.prune(ctx, 1)
}

// mentions reports whether any page of any inventory has a name that begins with a prefix.
func (c *Copier) mentions(ctx context.Context, f found, prefix string) (bool, error) {
	for _, name := range f.all {
		if strings.HasSuffix(name, "/"+endName) {
			continue
		}
		var p page
		if err := c.Place.Get(ctx, name, &p); err != nil {
			return false, err
		}
		for _, i := range p.Items {
			if strings.HasPrefix(i.Name, prefix) {
				return true, nil
			}
		}
	}
	return false, nil
}
