// Package copies keeps the objects of buckets in a second place: of each bucket a copy of
// every object, and a signed inventory of what there is:
//
//	copies/<source>/objects/<name>               a copy, as the original lies there
//	copies/<source>/inventories/<time>/<page>    names, sizes and SHA-256 ([Item])
//	copies/<source>/inventories/<time>/end       how many pages there are; written last
//
// Objects are written once everywhere, so a copy is made once; what the newest inventory
// has is not read again but by [Copier.Reconcile]. What vanishes at the source stays for
// 90 days: the inventories, which are written once as well, remember since when.
//
// The keyring is never copied: its buckets are refused by their places, and its objects
// by what they begin with.
//
// Both sides are walked in the order of their names, page by page: memory does not grow
// with the number of objects.
package copies

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"meai/activities/backup/repository"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/signing"
)

const (
	// KeptFor is how long a copy stays after its original vanished.
	KeptFor = 90 * 24 * time.Hour
	// Late is the age at which an object must have a copy.
	Late = 15 * time.Minute
)

// Source is a bucket of which copies are kept.
type Source struct{ Name, URL string }

var nameForm = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// ParseSources reads "name=URL name=URL …". Its errors do not repeat a URL, which may
// hold a password.
func ParseSources(text string) ([]Source, error) {
	var all []Source
	for i, field := range strings.Fields(text) {
		name, rawURL, found := strings.Cut(field, "=")
		if !found || rawURL == "" {
			return nil, fmt.Errorf("entry %d is not name=URL", i+1)
		}
		all = append(all, Source{name, rawURL})
	}
	return all, nil
}

// Options say what is copied where. All fields are required.
type Options struct {
	Sources []Source
	// Destination is the URL of the bucket of copies.
	Destination string
	// Keyring are the URLs of all buckets of the keyring and of key-encryption keys.
	Keyring []string
	// Signer signs inventories.
	Signer *signing.Key
	// Buried is asked once by each run for what tells the names of objects whose people
	// are erased: those are not copied, and their copies removed. Nil when nobody is.
	Buried func(ctx context.Context) (func(name string) bool, error)
}

// Copies are those of several buckets.
type Copies struct {
	byName  map[string]*Copier
	closers []io.Closer
}

// Open opens all buckets. It fails with [ErrKeyring] when one of them is, holds or lies
// within a place of keys.
func Open(ctx context.Context, o Options) (_ *Copies, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Copies{byName: map[string]*Copier{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	place, err := repository.Open(ctx, o.Destination, o.Signer)
	if err != nil {
		return nil, fmt.Errorf("open the bucket of copies: %w", err)
	}
	c.closers = append(c.closers, place)
	for _, s := range o.Sources {
		source, err := objects.OpenErasable(ctx, s.URL)
		if err != nil {
			return nil, fmt.Errorf("open bucket %s: %w", s.Name, err)
		}
		c.closers = append(c.closers, source)
		c.byName[s.Name] = &Copier{Name: s.Name, Source: source, Place: place, buried: o.Buried}
	}
	return c, nil
}

func (o Options) check() error {
	if len(o.Keyring) == 0 || o.Signer == nil {
		return errors.New("copies: where the keyring is, and a signer, must be known")
	}
	if err := apart(o.Destination, o.Keyring, ErrKeyring); err != nil {
		return fmt.Errorf("copies: the destination: %w", err)
	}
	names := map[string]bool{}
	for _, s := range o.Sources {
		if !nameForm.MatchString(s.Name) || names[s.Name] {
			return fmt.Errorf("copies: %q is no name, or there twice: use a-z, 0-9 and dashes", s.Name)
		}
		names[s.Name] = true
		err := apart(s.URL, o.Keyring, ErrKeyring)
		if err == nil {
			err = apart(s.URL, []string{o.Destination}, errors.New("the copies would be copied"))
		}
		if err != nil {
			return fmt.Errorf("copies: bucket %s: %w", s.Name, err)
		}
	}
	return nil
}

// Copier is that of the bucket of a name.
func (c *Copies) Copier(name string) (*Copier, bool) {
	copier, ok := c.byName[name]
	return copier, ok
}

// Close closes all buckets.
func (c *Copies) Close() error {
	var errs []error
	for _, closer := range c.closers {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// Bucket is what a source may be asked for: nothing is written or removed there.
type Bucket interface {
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	Stat(ctx context.Context, name string) (objects.Info, error)
	List(ctx context.Context, prefix string, token []byte, limit int) (names []string, next []byte, err error)
}

// Copier keeps the copies of one bucket. One of its methods runs at a time.
type Copier struct {
	Name   string
	Source Bucket
	Place  *repository.Repository
	buried func(ctx context.Context) (func(name string) bool, error)
}

func (c *Copier) folder() string { return "copies/" + c.Name + "/" }

func (c *Copier) objects() string { return c.folder() + "objects/" }

func (c *Copier) copyOf(name string) string { return c.objects() + name }

// Progress is how far a run is. Each is called now and then, and may be nil.
type Progress func(seen int, bytes int64)

// tally counts what was seen and tells of it.
type tally struct {
	seen     int
	bytes    int64
	told     int64
	progress Progress
}

// tellEvery is after how many bytes a sign of life is given.
const tellEvery = 8 << 20

// Write counts bytes.
func (t *tally) Write(p []byte) (int, error) {
	if t.bytes += int64(len(p)); t.bytes-t.told >= tellEvery {
		t.tell()
	}
	return len(p), nil
}

func (t *tally) object() {
	t.seen++
	t.tell()
}

func (t *tally) tell() {
	if t.told = t.bytes; t.progress != nil {
		t.progress(t.seen, t.bytes)
	}
}

// Item is an object of an inventory.
type Item struct {
	Name string `json:"name"`
	// Size is in bytes, SHA256 in hex.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Gone is since when it was seen to be gone at the source.
	Gone time.Time `json:"gone,omitzero"`
}

func (i Item) sameAs(o Item) bool { return i.Size == o.Size && i.SHA256 == o.SHA256 }

// hash reads an object to its end; [objects.ErrAbsent].
func hash(ctx context.Context, b Bucket, name string, also io.Writer) (i Item, err error) {
	r, err := b.Open(ctx, name)
	if err != nil {
		return Item{}, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(sum, also), r)
	if err != nil {
		return Item{}, fmt.Errorf("read %s: %w", name, err)
	}
	return Item{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// guard refuses what begins as a set of keys does.
type guard struct {
	to    io.Writer
	start []byte
}

func (g *guard) Write(p []byte) (int, error) {
	if missing := keyring.KeysStart - len(g.start); missing > 0 {
		g.start = append(g.start, p[:min(missing, len(p))]...)
		if keyring.HoldsKeys(g.start) {
			return 0, ErrKeyring
		}
	}
	return g.to.Write(p)
}
