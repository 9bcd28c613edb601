// Package objects keeps named objects that are written once and never changed, in a
// local folder or in a bucket of gocloud.dev/blob.
//
// There is no way to overwrite one: of several who create the same name at once, in
// any process, exactly one succeeds. Only what is opened as [Erasable] can be removed.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

var (
	// ErrExists: the name is taken. Its object is untouched.
	ErrExists = errors.New("object exists already")
	// ErrAbsent: there is no object of this name.
	ErrAbsent = errors.New("object does not exist")
	// ErrKept: the store does not let the object go, as one with a retention lock does.
	ErrKept = errors.New("the store keeps the object")
)

// Store keeps write-once objects for good. Names are path segments joined by slashes.
type Store interface {
	// Create writes a new object durably, or fails with [ErrExists]. After any other
	// error it may have been written or not.
	Create(ctx context.Context, name string, data []byte) error
	// Write creates a new object of what fill writes, however much that is. The object
	// exists once fill has returned without an error and all is durable, never before;
	// otherwise Write fails as Create does, or with the error of fill.
	Write(ctx context.Context, name string, fill func(io.Writer) error) error
	// Read returns an object's bytes, or [ErrAbsent].
	Read(ctx context.Context, name string) ([]byte, error)
	// Open reads an object from its beginning to its end, or fails with [ErrAbsent].
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Stat tells what is known of an object without reading it, or [ErrAbsent].
	Stat(ctx context.Context, name string) (Info, error)
	Close() error
}

// Info is what a store knows of an object.
type Info struct {
	Size    int64     // in bytes
	Written time.Time // by the store's clock
}

// Erasable is a [Store] whose objects can be listed and removed.
type Erasable interface {
	Store
	// Remove deletes an object durably; one that is absent is not an error. It fails
	// with [ErrKept] where the store refuses.
	Remove(ctx context.Context, name string) error
	// List returns at most limit names that begin with prefix, and the token of the
	// next page: empty at the end. The first page has no token. A page may hold
	// fewer names, even none, without being the last.
	List(ctx context.Context, prefix string, token []byte, limit int) (names []string, next []byte, err error)
	// Tidy removes, durably, what writes that were broken off have left in the folder that
	// the prefix names, which ends in a slash. Who still writes there fails. Of a bucket it
	// removes nothing: there a rule for incomplete uploads does.
	Tidy(ctx context.Context, prefix string) error
}

// listPage is how many names are listed at a time.
const listPage = 1000

// Names lists all objects whose names begin with prefix, in order; for prefixes of which all
// names fit into memory.
func Names(ctx context.Context, s Erasable, prefix string) (all []string, err error) {
	for token := []byte(nil); ; {
		names, next, err := s.List(ctx, prefix, token, listPage)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		all = append(all, names...)
		if token = next; len(next) == 0 {
			return all, nil
		}
	}
}

// Open opens the store at a URL. "file:///path" is a local folder, made first with
// "?create_dir=true"; every other scheme is opened by gocloud.dev/blob.
func Open(ctx context.Context, rawURL string) (Store, error) { return OpenErasable(ctx, rawURL) }

// OpenErasable opens the store at a URL as [Open] does.
func OpenErasable(ctx context.Context, rawURL string) (Erasable, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("parse URL: %w", err)
	}
	if u.Scheme == "file" {
		return openFolder(u)
	}
	b, err := blob.OpenBucket(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open %s bucket: %w", u.Scheme, err)
	}
	return bucket{b}, nil
}

// bucket relies on the provider's conditional put, which makes Create atomic.
type bucket struct{ blob *blob.Bucket }

func (b bucket) Create(ctx context.Context, name string, data []byte) error {
	err := b.blob.WriteAll(ctx, name, data, &blob.WriterOptions{IfNotExist: true, ContentType: "application/octet-stream"})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return ErrExists
	}
	return err
}

func (b bucket) Read(ctx context.Context, name string) ([]byte, error) {
	data, err := b.blob.ReadAll(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, ErrAbsent
	}
	return data, err
}

// Write ends an upload that fails by its context: closing the writer would create the
// object of what there is.
func (b bucket) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	uploading, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.blob.NewWriter(uploading, name, &blob.WriterOptions{IfNotExist: true, ContentType: "application/octet-stream"})
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		cancel()
		_ = w.Close() // it answers that it was cancelled
		return err
	}
	err = w.Close()
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return ErrExists
	}
	return err
}

func (b bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := b.blob.NewReader(ctx, name, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, ErrAbsent
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (b bucket) Stat(ctx context.Context, name string) (Info, error) {
	a, err := b.blob.Attributes(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return Info{}, ErrAbsent
	}
	if err != nil {
		return Info{}, err
	}
	return Info{Size: a.Size, Written: a.ModTime}, nil
}

func (b bucket) Remove(ctx context.Context, name string) error {
	err := b.blob.Delete(ctx, name)
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return nil
	case gcerrors.PermissionDenied, gcerrors.FailedPrecondition:
		return fmt.Errorf("%w: %w", ErrKept, err)
	default:
		return err
	}
}

func (b bucket) List(ctx context.Context, prefix string, token []byte, limit int) ([]string, []byte, error) {
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	page, next, err := b.blob.ListPage(ctx, token, limit, &blob.ListOptions{Prefix: prefix})
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, len(page))
	for i, object := range page {
		names[i] = object.Key
	}
	return names, next, nil
}

func (b bucket) Tidy(context.Context, string) error { return nil }

func (b bucket) Close() error { return b.blob.Close() }
