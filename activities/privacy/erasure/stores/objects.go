package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"meai/internal/objects"
)

// Keeper is implemented by a store that may be unable to delete: one on a medium that keeps
// what it was given until a day. What it keeps is unreadable, for it was sealed with the
// person's keys, so Count leaves it out once those are destroyed.
type Keeper interface {
	// Kept is how much the store keeps although it is to be deleted. Like Delete it is for
	// people whose keys are destroyed.
	Kept(ctx context.Context, subject uuid.UUID) (Kept, error)
}

// Kept is what a store does not let go of.
type Kept struct {
	Objects int64 `json:"objects"`
	// Until is when the last of it goes; zero where nobody knows.
	Until time.Time `json:"until,omitzero"`
}

// Folders are what the names of a person's objects begin with, each with a slash at its end.
type Folders func(ctx context.Context, subject uuid.UUID) ([]string, error)

// Objects are those of people in a bucket, each person's under names that begin alike.
type Objects struct {
	// Store names them in the data map.
	Store string
	// Bucket is where they are.
	Bucket  objects.Erasable
	Folders Folders
	// Destroyed reports whether a person's keys are destroyed.
	Destroyed func(ctx context.Context, subject uuid.UUID) (bool, error)
	// Until is when the bucket lets go of an object that it keeps; zero where nobody knows.
	Until func(name string) time.Time
}

// objectsPage is how many names are listed at once.
const objectsPage = 500

// Name implements [Store].
func (o *Objects) Name() string { return o.Store }

// each calls f for every object of a person.
func (o *Objects) each(ctx context.Context, subject uuid.UUID, f func(name string) error) error {
	folders, err := o.Folders(ctx, subject)
	if err != nil {
		return fmt.Errorf("name the person's objects of %s: %w", o.Store, err)
	}
	for _, folder := range folders {
		if err := o.below(ctx, folder, f); err != nil {
			return err
		}
	}
	return nil
}

func (o *Objects) below(ctx context.Context, folder string, f func(name string) error) error {
	for token := []byte(nil); ; {
		names, next, err := o.Bucket.List(ctx, folder, token, objectsPage)
		if err != nil {
			return fmt.Errorf("list the person's objects of %s: %w", o.Store, err)
		}
		for _, name := range names {
			if err := f(name); err != nil {
				return err
			}
		}
		if token = next; len(token) == 0 {
			return nil
		}
	}
}

// Count implements [Store]. Of a person whose keys are destroyed it counts what can be
// removed, which only an attempt tells.
func (o *Objects) Count(ctx context.Context, subject uuid.UUID) (n int64, err error) {
	err = o.each(ctx, subject, func(string) error { n++; return nil })
	if err != nil || n == 0 {
		return 0, err
	}
	destroyed, err := o.Destroyed(ctx, subject)
	if err != nil || !destroyed {
		return n, err
	}
	kept, err := o.Kept(ctx, subject)
	return max(0, n-kept.Objects), err
}

// Kept implements [Keeper].
func (o *Objects) Kept(ctx context.Context, subject uuid.UUID) (kept Kept, err error) {
	err = o.each(ctx, subject, func(name string) error {
		err := o.Bucket.Remove(ctx, name)
		if !errors.Is(err, objects.ErrKept) {
			return err
		}
		kept.Objects++
		if o.Until != nil {
			kept.Until = later(kept.Until, o.Until(name))
		}
		return nil
	})
	if err != nil {
		return Kept{}, fmt.Errorf("look what %s keeps: %w", o.Store, err)
	}
	return kept, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Sample implements [Store]: a piece of the middle of each object, which is ciphertext.
func (o *Objects) Sample(ctx context.Context, subject uuid.UUID, n int) (samples [][]byte, err error) {
	enough := errors.New("enough")
	err = o.each(ctx, subject, func(name string) error {
		if len(samples) == n {
			return enough
		}
		sample, err := o.piece(ctx, name)
		if len(sample) > 0 {
			samples = append(samples, sample)
		}
		return err
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return samples, err
}

// furthest bounds how far an object is read for a piece of it.
const furthest = 1 << 20

// piece is the middle of an object, or of its first 2 MiB.
func (o *Objects) piece(ctx context.Context, name string) (_ []byte, err error) {
	info, err := o.Bucket.Stat(ctx, name)
	if errors.Is(err, objects.ErrAbsent) || err == nil && info.Size < 2*sampled {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at an object of %s: %w", o.Store, err)
	}
	r, err := o.Bucket.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open an object of %s: %w", o.Store, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	piece := make([]byte, sampled)
	if _, err = io.CopyN(io.Discard, r, min(info.Size/2, furthest)); err == nil {
		_, err = io.ReadFull(r, piece)
	}
	if err != nil {
		return nil, fmt.Errorf("read an object of %s: %w", o.Store, err)
	}
	return piece, nil
}

// sampled is how long a piece of something larger is, in bytes.
const sampled = 32

// Delete implements [Store]. What the bucket keeps is passed over: [Objects.Kept] tells.
func (o *Objects) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (done int64, err error) {
	err = o.each(ctx, subject, func(name string) error {
		err := o.Bucket.Remove(ctx, name)
		if errors.Is(err, objects.ErrKept) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove an object of %s: %w", o.Store, err)
		}
		if done++; done%objectsPage == 0 {
			beat(done)
		}
		return nil
	})
	beat(done)
	if err != nil {
		return done, err
	}
	folders, err := o.Folders(ctx, subject)
	for _, folder := range folders { // what a crash has left of writing there
		err = errors.Join(err, o.Bucket.Tidy(ctx, folder))
	}
	return done, err
}
