package keyring

import (
	"context"
	"fmt"
	"net/url"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"meai/internal/objects"
)

var (
	errExists = objects.ErrExists
	errAbsent = objects.ErrAbsent
)

// store keeps small named objects that are written once and never changed.
type store interface {
	// create writes a new object durably; errExists when the name is taken, and
	// then the first writer's bytes are untouched.
	create(ctx context.Context, name string, data []byte) error
	// read returns an object's bytes, or errAbsent.
	read(ctx context.Context, name string) ([]byte, error)
	// remove deletes an object; one that is absent is not an error.
	remove(ctx context.Context, name string) error
	// list returns at most limit names that begin with prefix, and the token of the
	// next page: empty at the end. The first page has no token. A page may hold
	// fewer names, even none, without being the last.
	list(ctx context.Context, prefix string, token []byte, limit int) (names []string, next []byte, err error)
	close() error
}

func openStore(ctx context.Context, rawURL string) (store, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("parse URL: %w", err)
	}
	if u.Scheme == "file" {
		return openFolder(u)
	}
	bucket, err := blob.OpenBucket(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open %s bucket: %w", u.Scheme, err)
	}
	return &cloud{bucket: bucket}, nil
}

// cloud is a store in a cloud bucket, whose conditional put makes create atomic.
type cloud struct{ bucket *blob.Bucket }

func (o *cloud) create(ctx context.Context, name string, data []byte) error {
	err := o.bucket.WriteAll(ctx, name, data, &blob.WriterOptions{IfNotExist: true, ContentType: "application/octet-stream"})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return errExists
	}
	return err
}

func (o *cloud) read(ctx context.Context, name string) ([]byte, error) {
	data, err := o.bucket.ReadAll(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, errAbsent
	}
	return data, err
}

func (o *cloud) remove(ctx context.Context, name string) error {
	err := o.bucket.Delete(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return err
}

func (o *cloud) list(ctx context.Context, prefix string, token []byte, limit int) ([]string, []byte, error) {
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	page, next, err := o.bucket.ListPage(ctx, token, limit, &blob.ListOptions{Prefix: prefix})
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, len(page))
	for i, object := range page {
		names[i] = object.Key
	}
	return names, next, nil
}

func (o *cloud) close() error { return o.bucket.Close() }
