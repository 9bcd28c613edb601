package copies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"meai/activities/backup/repository"
	"meai/internal/objects"
)

// Copied is what a run of [Copier.Copy] did and found.
type Copied struct {
	Objects int   `json:"objects"` // at the source
	Copied  int   `json:"copied"`
	Bytes   int64 `json:"bytes"` // of those that were copied
	// Restored were copied once more, because their copy had gone.
	Restored Names `json:"restored,omitzero"`
	// Vanished are those that are gone at the source since this run.
	Vanished Names `json:"vanished,omitzero"`
	// Differing are not as the inventory, or an older copy, has them.
	Differing Names `json:"differing,omitzero"`
	// Lost were in the inventory and are at neither place.
	Lost Names `json:"lost,omitzero"`
	// Erased are copies that were removed because their people are erased; an earlier
	// run had brought them back.
	Erased int `json:"erased,omitempty"`
}

// Copy copies what has no copy yet, and records an inventory of what there is now. Each
// copy is read again and compared. It can be killed anywhere and goes on then. It fails
// with [ErrKeyring] at an object that is a set of keys, and never overwrites a copy.
func (c *Copier) Copy(ctx context.Context, progress Progress) (done Copied, err error) {
	run := copying{Copier: c, done: &done, record: c.record(), tally: tally{progress: progress}, erased: func(string) bool { return false }}
	if c.buried != nil {
		if run.erased, err = c.buried(ctx); err != nil {
			return done, fmt.Errorf("copy bucket %s: look up who is erased: %w", c.Name, err)
		}
	}
	for e, err := range c.walk(ctx, c.known(ctx)) {
		if err == nil {
			err = run.entry(ctx, e)
		}
		if err != nil {
			return done, fmt.Errorf("copy bucket %s: %w", c.Name, err)
		}
		run.object()
	}
	if err := run.record.conclude(ctx); err != nil {
		return done, fmt.Errorf("copy bucket %s: %w", c.Name, err)
	}
	if run.forgets {
		return done, c.prune(ctx, 1)
	}
	return done, c.prune(ctx, keptInventories)
}

type copying struct {
	*Copier
	tally
	done   *Copied
	record *record
	erased func(name string) bool
	// forgets: earlier inventories have names of people who are erased.
	forgets bool
}

func (r *copying) entry(ctx context.Context, e entry) error {
	if r.erased(e.name) {
		return r.bury(ctx, e)
	}
	if !e.source {
		return r.vanished(ctx, e)
	}
	r.done.Objects++
	i, err := e.known, error(nil)
	switch {
	case !e.copied:
		i, err = r.fresh(ctx, e)
	case !e.isKnown:
		i, err = r.compare(ctx, e.name)
	}
	if errors.Is(err, objects.ErrAbsent) {
		return nil // it went away just now; the next run sees it
	}
	if err != nil {
		return err
	}
	i.Gone = time.Time{} // it may have come back
	return r.record.add(ctx, i)
}

// bury removes the copy of something of a person who is erased, and records nothing of it.
func (r *copying) bury(ctx context.Context, e entry) error {
	r.forgets = r.forgets || e.isKnown
	if !e.copied {
		return nil
	}
	switch err := r.Place.Store().Remove(ctx, r.copyOf(e.name)); {
	case errors.Is(err, objects.ErrKept): // the certificate says so
	case err != nil:
		return fmt.Errorf("remove the copy of %s: %w", e.name, err)
	default:
		r.done.Erased++
	}
	return nil
}

// vanished remembers since when something is gone.
func (r *copying) vanished(ctx context.Context, e entry) (err error) {
	i := e.known
	switch {
	case !e.copied && (!e.isKnown || !i.Gone.IsZero()):
		return nil // it has expired
	case !e.copied:
		r.done.Lost.add(e.name)
		return nil
	case !e.isKnown: // it was copied, and gone before it was recorded
		if i, err = hash(ctx, r.Place.Store(), r.copyOf(e.name), &r.tally); err != nil {
			return err
		}
		i.Name = e.name
	}
	if i.Gone.IsZero() {
		i.Gone = r.record.end.Began
		r.done.Vanished.add(e.name)
	}
	return r.record.add(ctx, i)
}

// fresh makes a copy.
func (r *copying) fresh(ctx context.Context, e entry) (Item, error) {
	i, err := r.copy(ctx, e.name)
	if errors.Is(err, objects.ErrExists) {
		return r.compare(ctx, e.name) // somebody else has made it meanwhile
	}
	if err != nil {
		return Item{}, err
	}
	r.done.Copied++
	r.done.Bytes += i.Size
	if e.isKnown && e.known.Gone.IsZero() {
		r.done.Restored.add(e.name)
		if !i.sameAs(e.known) {
			r.done.Differing.add(e.name)
		}
	}
	return i, nil
}

func (r *copying) copy(ctx context.Context, name string) (Item, error) {
	return transfer(ctx, transferred{from: r.Source, source: name, to: r.Place.Store(), target: r.copyOf(name)}, &r.tally)
}

// compare looks at a copy that no inventory has.
func (r *copying) compare(ctx context.Context, name string) (Item, error) {
	original, err := hash(ctx, r.Source, name, &r.tally)
	if err != nil {
		return Item{}, err
	}
	there, err := hash(ctx, r.Place.Store(), r.copyOf(name), &r.tally)
	if err == nil && !there.sameAs(original) {
		r.done.Differing.add(name)
	}
	return original, err
}

// transferred is an object on its way from one bucket to another.
type transferred struct {
	from   Bucket
	source string
	to     objects.Erasable
	target string
}

// transfer copies an object and reads the copy again.
func transfer(ctx context.Context, t transferred, also io.Writer) (Item, error) {
	info, err := t.from.Stat(ctx, t.source)
	if err != nil {
		return Item{}, fmt.Errorf("look at %s: %w", t.source, err)
	}
	i := Item{Name: t.source}
	err = t.to.Write(ctx, t.target, func(w io.Writer) (err error) {
		i, err = hash(ctx, t.from, t.source, io.MultiWriter(&guard{to: w}, also))
		if err == nil && i.Size != info.Size {
			err = fmt.Errorf("%s: %d bytes of %d were read", t.source, i.Size, info.Size)
		}
		return err
	})
	if err != nil {
		return Item{}, err
	}
	there, err := hash(ctx, t.to, t.target, io.Discard)
	if err == nil && !there.sameAs(i) {
		err = fmt.Errorf("%s: %w: it is not as it was written just now", t.target, repository.ErrAltered)
		// Nobody has recorded it: the next attempt can take the name.
		err = errors.Join(err, t.to.Remove(ctx, t.target))
	}
	return i, err
}

// Restored is what [Copier.Restore] did.
type Restored struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	// Present were there already, and are the same.
	Present int `json:"present,omitempty"`
	// Differing are there and are others, or their copies are not as the inventory has
	// them; they are left alone.
	Differing Names `json:"differing,omitzero"`
	// Lost have no copy.
	Lost Names `json:"lost,omitzero"`
}

// Restore writes the copies of all that was at the source into a bucket, which may be
// the source once more: what is there stays. What had vanished before does not return.
func (c *Copier) Restore(ctx context.Context, into objects.Erasable, progress Progress) (done Restored, err error) {
	t := tally{progress: progress}
	for e, err := range c.walk(ctx, c.known(ctx)) {
		if err == nil && (e.copied || e.isKnown) && e.known.Gone.IsZero() {
			err = c.restore(ctx, e, into, &t, &done)
		}
		if err != nil {
			return done, fmt.Errorf("restore bucket %s: %w", c.Name, err)
		}
		t.object()
	}
	return done, nil
}

func (c *Copier) restore(ctx context.Context, e entry, into objects.Erasable, t *tally, done *Restored) error {
	if !e.copied {
		done.Lost.add(e.name)
		return nil
	}
	i, err := hash(ctx, c.Place.Store(), c.copyOf(e.name), t)
	if err != nil {
		return err
	}
	if e.isKnown && !i.sameAs(e.known) {
		done.Differing.add(e.name)
		return nil
	}
	_, err = transfer(ctx, transferred{from: c.Place.Store(), source: c.copyOf(e.name), to: into, target: e.name}, io.Discard)
	switch {
	case errors.Is(err, objects.ErrExists):
		there, err := hash(ctx, into, e.name, io.Discard)
		if err != nil {
			return err
		}
		if !there.sameAs(i) {
			done.Differing.add(e.name)
			return nil
		}
		done.Present++
	case err != nil:
		return err
	default:
		done.Objects++
		done.Bytes += i.Size
	}
	return nil
}
