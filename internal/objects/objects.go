// Package objects keeps small named objects that are written once and never changed,
// in a local folder or in a bucket of gocloud.dev/blob.
//
// There is no way to overwrite or to remove one: of several who create the same name
// at once, in any process, exactly one succeeds.
package objects

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

var (
	// ErrExists: the name is taken. Its object is untouched.
	ErrExists = errors.New("object exists already")
	// ErrAbsent: there is no object of this name.
	ErrAbsent = errors.New("object does not exist")
)

// Store keeps write-once objects. Names are path segments joined by slashes.
type Store interface {
	// Create writes a new object durably, or fails with [ErrExists]. After any other
	// error it may have been written or not.
	Create(ctx context.Context, name string, data []byte) error
	// Read returns an object's bytes, or [ErrAbsent].
	Read(ctx context.Context, name string) ([]byte, error)
	Close() error
}

// Open opens the store at a URL. "file:///path" is a local folder, made first with
// "?create_dir=true"; every other scheme is opened by gocloud.dev/blob.
func Open(ctx context.Context, rawURL string) (Store, error) {
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

func (b bucket) Close() error { return b.blob.Close() }
