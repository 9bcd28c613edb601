package copies_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/memblob"

	"meai/activities/backup/copies"
	"meai/activities/backup/repository"
	"meai/internal/objects"
)

// odd is a bucket that does not read or list as it should.
type odd struct {
	copies.Bucket
	read func(io.Reader) io.Reader
	list func([]string)
}

func (o odd) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := o.Bucket.Open(ctx, name)
	if err != nil || o.read == nil {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{o.read(r), r}, nil
}

func (o odd) List(ctx context.Context, prefix string, token []byte, limit int) ([]string, []byte, error) {
	names, next, err := o.Bucket.List(ctx, prefix, token, limit)
	if o.list != nil {
		o.list(names)
	}
	return names, next, err
}

func TestASourceThatReadsOrListsBadlyMakesNoCopy(t *testing.T) {
	s := newScene(t, map[string]string{"one": "the first", "two": "the second"})
	bucket := s.Source
	broken := errors.New("the connection broke")
	for what, source := range map[string]odd{
		"cut":        {read: func(r io.Reader) io.Reader { return io.LimitReader(r, 4) }},
		"broken off": {read: func(r io.Reader) io.Reader { return io.MultiReader(io.LimitReader(r, 4), iotest.ErrReader(broken)) }},
	} {
		source.Bucket = bucket
		s.Source = source
		_, err := s.Copy(t.Context(), nil)
		require.Error(t, err, what)
		require.Empty(t, contents(t, s.place), what)
	}
	s.Source = odd{Bucket: bucket, list: func(names []string) { slices.Reverse(names) }}
	_, err := s.Copy(t.Context(), nil)
	require.ErrorContains(t, err, "order of names")
	s.Source = bucket
	require.Equal(t, copies.Copied{Objects: 2, Copied: 1, Bytes: 9}, s.copied(t), "the other was copied before")
}

func inMemory(t *testing.T) objects.Erasable {
	t.Helper()
	b, err := objects.OpenErasable(t.Context(), "mem://")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestBucketsAreCopiedAsFoldersAre(t *testing.T) {
	source, place := inMemory(t), inMemory(t)
	s := &copies.Copier{Name: "media", Source: source, Place: repository.New(place, newSigner(t))}
	for name, content := range few() {
		require.NoError(t, source.Create(t.Context(), name, []byte(content)))
	}
	require.NoError(t, source.Create(t.Context(), ".hidden", []byte("x")))
	// Consoles make such an object to show a folder.
	require.NoError(t, place.Create(t.Context(), "copies/media/objects/", nil))
	done, err := s.Copy(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 7, done.Copied)
	require.NoError(t, source.Remove(t.Context(), "a-b"))
	done, err = s.Copy(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, copies.Copied{Objects: 6, Vanished: name("a-b")}, done)
	report, err := s.Reconcile(t.Context(), true, nil)
	require.NoError(t, err)
	require.True(t, report.Sound())
	require.Equal(t, 6, report.Objects)
	require.Equal(t, 1, report.Kept)
}
