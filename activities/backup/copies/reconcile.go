package copies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/internal/objects"
)

// Report compares both places. Names are of the source's objects.
type Report struct {
	Source string `json:"source"`
	// Deep: every object was read, at both places.
	Deep    bool  `json:"deep"`
	Objects int   `json:"objects"` // at the source
	Bytes   int64 `json:"bytes"`   // that were read
	// Missing have no copy, MissingOlderThan15Min although they are older than [Late].
	Missing               Names `json:"missing,omitzero"`
	MissingOlderThan15Min Names `json:"missing_older_than_15_min,omitzero"`
	// Differing have another size or SHA-256 than their copy; of those that were recorded,
	// AlteredSource and AlteredCopy say which of the two is not as it was.
	Differing     Names `json:"differing,omitzero"`
	AlteredSource Names `json:"altered_source,omitzero"`
	AlteredCopy   Names `json:"altered_copy,omitzero"`
	// Extra are copies of what no inventory has and the source neither.
	Extra Names `json:"extra,omitzero"`
	// Kept are copies of what has vanished, for 90 days.
	Kept int `json:"kept,omitempty"`
	// Lost were recorded and are at neither place.
	Lost Names `json:"lost,omitzero"`
}

// Sound reports whether nothing calls for an operator.
func (r Report) Sound() bool {
	return r.MissingOlderThan15Min.Count+r.Differing.Count+r.AlteredSource.Count+r.AlteredCopy.Count+r.Extra.Count+r.Lost.Count == 0
}

// Reconcile compares source and copies by names and sizes and, if deep, by SHA-256. It
// changes nothing.
func (c *Copier) Reconcile(ctx context.Context, deep bool, progress Progress) (Report, error) {
	r := reconciling{Copier: c, report: Report{Source: c.Name, Deep: deep}, tally: tally{progress: progress}}
	for e, err := range c.walk(ctx, c.known(ctx)) {
		if err == nil {
			err = r.entry(ctx, e)
		}
		if err != nil {
			return r.report, fmt.Errorf("reconcile bucket %s: %w", c.Name, err)
		}
		r.object()
	}
	r.report.Bytes = r.bytes
	return r.report, nil
}

type reconciling struct {
	*Copier
	tally
	report Report
}

func (r *reconciling) entry(ctx context.Context, e entry) error {
	if e.source {
		r.report.Objects++
	}
	switch {
	case e.source && e.copied:
		return r.both(ctx, e)
	case e.source:
		return r.missing(ctx, e)
	case e.copied && e.isKnown:
		r.report.Kept++
		return r.kept(ctx, e)
	case e.copied:
		r.report.Extra.add(e.name)
	case e.known.Gone.IsZero():
		r.report.Lost.add(e.name)
	}
	return nil
}

func (r *reconciling) missing(ctx context.Context, e entry) error {
	info, err := r.Source.Stat(ctx, e.name)
	if errors.Is(err, objects.ErrAbsent) {
		return nil // it went away just now
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", e.name, err)
	}
	r.report.Missing.add(e.name)
	if time.Since(info.Written) > Late {
		r.report.MissingOlderThan15Min.add(e.name)
	}
	return nil
}

// look takes the measure of one object; deep ones have a SHA-256.
func (r *reconciling) look(ctx context.Context, b Bucket, name string) (Item, error) {
	if r.report.Deep {
		return hash(ctx, b, name, &r.tally)
	}
	info, err := b.Stat(ctx, name)
	if err != nil {
		return Item{}, fmt.Errorf("look at %s: %w", name, err)
	}
	return Item{Name: name, Size: info.Size}, nil
}

// asRecorded compares with the inventory; a look that was not deep knows no SHA-256.
func (r *reconciling) asRecorded(i, known Item) bool {
	return i.Size == known.Size && (!r.report.Deep || i.SHA256 == known.SHA256)
}

func (r *reconciling) both(ctx context.Context, e entry) error {
	original, err := r.look(ctx, r.Source, e.name)
	if errors.Is(err, objects.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	there, err := r.look(ctx, r.Place.Store(), r.copyOf(e.name))
	if err != nil {
		return err
	}
	if !there.sameAs(original) {
		r.report.Differing.add(e.name)
	}
	if e.isKnown && !r.asRecorded(original, e.known) {
		r.report.AlteredSource.add(e.name)
	}
	if e.isKnown && !r.asRecorded(there, e.known) {
		r.report.AlteredCopy.add(e.name)
	}
	return nil
}

func (r *reconciling) kept(ctx context.Context, e entry) error {
	there, err := r.look(ctx, r.Place.Store(), r.copyOf(e.name))
	if err == nil && !r.asRecorded(there, e.known) {
		r.report.AlteredCopy.add(e.name)
	}
	return err
}

// Expired is what [Copier.Expire] did.
type Expired struct {
	Removed int   `json:"removed"`
	Bytes   int64 `json:"bytes"`
	// Waiting are copies of what vanished less than 90 days ago.
	Waiting int `json:"waiting"`
	// Kept should go, and the place does not let them.
	Kept int `json:"kept,omitempty"`
	// Refused: the source is empty, which is no reason to empty the copies.
	Refused bool `json:"refused,omitempty"`
}

// Expire removes the copies of what vanished 90 days before now: what the inventory has
// as gone for as long, and the source still does not have.
func (c *Copier) Expire(ctx context.Context, now time.Time, progress Progress) (done Expired, err error) {
	done.Refused = true
	for _, err := range names(ctx, c.Source, "") {
		if err != nil {
			return done, fmt.Errorf("expire copies of bucket %s: %w", c.Name, err)
		}
		done.Refused = false
		break
	}
	if done.Refused {
		return done, nil
	}
	t := tally{progress: progress}
	for e, err := range c.walk(ctx, c.known(ctx)) {
		if err == nil && !e.source && e.copied && e.isKnown && !e.known.Gone.IsZero() {
			err = c.expire(ctx, e, now, &done)
		}
		if err != nil {
			return done, fmt.Errorf("expire copies of bucket %s: %w", c.Name, err)
		}
		t.object()
	}
	return done, nil
}

func (c *Copier) expire(ctx context.Context, e entry, now time.Time, done *Expired) error {
	if now.Sub(e.known.Gone) < KeptFor {
		done.Waiting++
		return nil
	}
	if _, err := c.Source.Stat(ctx, e.name); !errors.Is(err, objects.ErrAbsent) {
		return err // it came back, or nobody knows
	}
	err := c.Place.Store().Remove(ctx, c.copyOf(e.name))
	switch {
	case errors.Is(err, objects.ErrKept):
		done.Kept++
	case err != nil:
		return fmt.Errorf("remove the copy of %s: %w", e.name, err)
	default:
		done.Removed++
		done.Bytes += e.known.Size
	}
	return nil
}
