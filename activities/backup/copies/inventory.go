package copies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"meai/activities/backup/repository"
	"meai/internal/objects"
)

// Inventory reads all objects of a bucket, in the order of their names.
func Inventory(ctx context.Context, b Bucket) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for i, err := range names(ctx, b, "") {
			if err == nil {
				i, err = hash(ctx, b, i.Name, io.Discard)
			}
			if errors.Is(err, objects.ErrAbsent) {
				continue // it went away just now
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
	}
}

// page is a part of a recorded inventory.
type page struct {
	Items []Item `json:"items"`
}

// End concludes a recorded inventory.
type End struct {
	Source  string    `json:"source"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Pages   int       `json:"pages"`
	Objects int       `json:"objects"`
	Bytes   int64     `json:"bytes"`
}

const (
	pageItems = 1000
	endName   = "end.json"
	// keptInventories are those that stay; only the newest is needed.
	keptInventories = 5
	// timeForm sorts as time does. Two attempts of one run have two inventories.
	timeForm = "20060102T150405.000000000Z"
)

func (c *Copier) inventories() string { return c.folder() + "inventories/" }

func pageName(folder string, n int) string { return fmt.Sprintf("%s%08d.json", folder, n) }

// record writes an inventory page by page.
type record struct {
	place  *repository.Repository
	folder string
	items  []Item
	end    End
}

func (c *Copier) record() *record {
	began := time.Now().UTC()
	return &record{place: c.Place, folder: c.inventories() + began.Format(timeForm) + "/", end: End{Source: c.Name, Began: began}}
}

func (r *record) add(ctx context.Context, i Item) error {
	r.items = append(r.items, i)
	if i.Gone.IsZero() {
		r.end.Objects++
		r.end.Bytes += i.Size
	}
	if len(r.items) < pageItems {
		return nil
	}
	return r.flush(ctx)
}

func (r *record) flush(ctx context.Context) error {
	if len(r.items) == 0 {
		return nil
	}
	r.end.Pages++
	err := r.place.Put(ctx, pageName(r.folder, r.end.Pages), page{r.items})
	r.items = r.items[:0]
	return err
}

func (r *record) conclude(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.end.Ended = time.Now().UTC()
	return r.place.Put(ctx, r.folder+endName, r.end)
}

// found are the recorded inventories: the folders of those that are complete, and of one
// that was broken off after the last of them.
type found struct {
	complete []string
	broken   string
	all      []string // names of all pages and ends
}

func (c *Copier) found(ctx context.Context) (found, error) {
	var f found
	var err error
	if f.all, err = c.Place.Names(ctx, c.inventories()); err != nil {
		return found{}, err
	}
	for _, name := range f.all {
		folder := name[:strings.LastIndexByte(name, '/')+1]
		switch {
		case strings.HasSuffix(name, "/"+endName):
			f.complete, f.broken = append(f.complete, folder), ""
		case folder != f.broken:
			f.broken = folder
		}
	}
	return f, nil
}

// known is the newest complete inventory. What a later one that was broken off has is
// taken from there: it goes as far as it went.
func (c *Copier) known(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		f, err := c.found(ctx)
		if err != nil {
			yield(Item{}, err)
			return
		}
		last := ""
		for i, err := range c.items(ctx, f.broken, f.pagesOf(f.broken)) {
			if last = i.Name; !yield(i, err) || err != nil {
				return
			}
		}
		for i, err := range c.newest(ctx, f) {
			if (err != nil || i.Name > last) && !yield(i, err) || err != nil {
				return
			}
		}
	}
}

func (f found) pagesOf(folder string) (n int) {
	for _, name := range f.all {
		if folder != "" && strings.HasPrefix(name, folder) {
			n++
		}
	}
	return n
}

// newest is the newest complete inventory, empty without one.
func (c *Copier) newest(ctx context.Context, f found) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		if len(f.complete) == 0 {
			return
		}
		folder := f.complete[len(f.complete)-1]
		var end End
		if err := c.Place.Get(ctx, folder+endName, &end); err != nil {
			yield(Item{}, err)
			return
		}
		for i, err := range c.items(ctx, folder, end.Pages) {
			if !yield(i, err) {
				return
			}
		}
	}
}

func (c *Copier) items(ctx context.Context, folder string, pages int) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for n := 1; n <= pages; n++ {
			var p page
			if err := c.Place.Get(ctx, pageName(folder, n), &p); err != nil {
				yield(Item{}, err)
				return
			}
			for _, i := range p.Items {
				if !yield(i, nil) {
					return
				}
			}
		}
	}
}

// complete is when the newest complete inventory was begun, zero without one: whatever lay
// in the bucket before has a copy.
func (c *Copier) complete(ctx context.Context) (time.Time, error) {
	f, err := c.found(ctx)
	if err != nil || len(f.complete) == 0 {
		return time.Time{}, err
	}
	var end End
	err = c.Place.Get(ctx, f.complete[len(f.complete)-1]+endName, &end)
	return end.Began, err
}

// Complete is the moment before which whatever lay in any of the buckets has a copy; zero
// when one of them was never copied whole.
func (c *Copies) Complete(ctx context.Context) (earliest time.Time, err error) {
	for name, copier := range c.byName {
		at, err := copier.complete(ctx)
		if err != nil {
			return time.Time{}, fmt.Errorf("bucket %s: %w", name, err)
		}
		if at.IsZero() {
			return time.Time{}, nil
		}
		if earliest.IsZero() || at.Before(earliest) {
			earliest = at
		}
	}
	return earliest, nil
}

// prune removes all inventories but the newest so many. A place that keeps them may.
func (c *Copier) prune(ctx context.Context, keep int) error {
	f, err := c.found(ctx)
	if err != nil || len(f.complete) <= keep {
		return err
	}
	oldest := f.complete[len(f.complete)-keep]
	// The ends first: what lacks pages must not pass for an inventory.
	for _, ends := range []bool{true, false} {
		for _, name := range f.all {
			if name >= oldest || strings.HasSuffix(name, "/"+endName) != ends {
				continue
			}
			if err := c.Place.Remove(ctx, name); err != nil && !errors.Is(err, objects.ErrKept) {
				return err
			}
		}
	}
	return nil
}
