package index

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"meai/internal/objects"
)

// staging is where Weaviate's backup module reads and writes one backup: a folder, or
// names that begin with the backup's.
type staging struct {
	store objects.Erasable
	dir   string // of a staging in the file system, "" for others
	name  string // the backup's
}

func openStaging(ctx context.Context, rawURL, name string) (*staging, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("parse the staging's URL: %w", err)
	}
	store, err := objects.OpenErasable(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open the staging: %w", err)
	}
	s := &staging{store: store, name: name}
	if u.Scheme == "file" {
		s.dir = objects.FilePath(u)
	}
	return s, nil
}

func (s *staging) close() error { return s.store.Close() }

// path is the name in the store of a part of the backup.
func (s *staging) path(part string) string { return s.name + "/" + part }

// pageSize is how many names are listed at a time.
const pageSize = 1000

// parts lists the parts of the backup, in order.
func (s *staging) parts(ctx context.Context) ([]string, error) {
	var all []string
	for token := []byte(nil); ; {
		names, next, err := s.store.List(ctx, s.path(""), token, pageSize)
		if err != nil {
			return nil, fmt.Errorf("list the staging: %w", err)
		}
		for _, name := range names {
			all = append(all, strings.TrimPrefix(name, s.path("")))
		}
		if len(next) == 0 {
			return all, nil
		}
		token = next
	}
}

// clear removes the backup, of a folder also what is empty: Weaviate lists those.
func (s *staging) clear(ctx context.Context) error {
	if s.dir != "" {
		return wrapped("clear the staging", os.RemoveAll(filepath.Join(s.dir, s.name)))
	}
	parts, err := s.parts(ctx)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := s.store.Remove(ctx, s.path(part)); err != nil {
			return fmt.Errorf("clear the staging: %w", err)
		}
	}
	return nil
}

// pack writes a compressed tar of the backup's parts.
func (s *staging) pack(ctx context.Context, w io.Writer, tell func(done, total int64)) (err error) {
	parts, sizes, total, err := s.measure(ctx)
	if err != nil {
		return err
	}
	// Weaviate's files are plain, and many vectors compress little: more effort is wasted.
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return fmt.Errorf("begin to compress: %w", err)
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	t := tar.NewWriter(z)
	done := int64(0)
	for i, part := range parts {
		if err := t.WriteHeader(&tar.Header{Name: part, Mode: 0o600, Size: sizes[i], Typeflag: tar.TypeReg}); err != nil {
			return fmt.Errorf("pack %s: %w", part, err)
		}
		counted := writer(func(p []byte) (int, error) {
			n, err := t.Write(p)
			done += int64(n)
			tell(done, total)
			return n, err
		})
		if err := s.read(ctx, part, counted); err != nil {
			return err
		}
	}
	return wrapped("end the tar", t.Close())
}

type writer func([]byte) (int, error)

func (f writer) Write(p []byte) (int, error) { return f(p) }

func (s *staging) measure(ctx context.Context) (parts []string, sizes []int64, total int64, err error) {
	if parts, err = s.parts(ctx); err != nil {
		return nil, nil, 0, err
	}
	for _, part := range parts {
		info, err := s.store.Stat(ctx, s.path(part))
		if err != nil {
			return nil, nil, 0, fmt.Errorf("look at %s in the staging: %w", part, err)
		}
		sizes = append(sizes, info.Size)
		total += info.Size
	}
	return parts, sizes, total, nil
}

// read copies a part to a writer.
func (s *staging) read(ctx context.Context, part string, to io.Writer) (err error) {
	from, err := s.store.Open(ctx, s.path(part))
	if err != nil {
		return fmt.Errorf("open %s in the staging: %w", part, err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	_, err = io.Copy(to, from)
	return wrapped("read "+part+" in the staging", err)
}

// unpack writes the parts that [staging.pack] packed. When it returns without an error,
// the source was read to its end.
func (s *staging) unpack(ctx context.Context, from io.Reader) error {
	z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("begin to unpack: %w", err)
	}
	defer z.Close()
	t := tar.NewReader(z)
	for {
		header, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		// A name that leads out of the folder cannot come from here, and is not followed.
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(header.Name) {
			return fmt.Errorf("unpack: %q is no part of a backup", header.Name)
		}
		err = s.store.Write(ctx, s.path(header.Name), func(w io.Writer) error {
			_, err := io.Copy(w, t)
			return err
		})
		if err != nil {
			return fmt.Errorf("unpack %s into the staging: %w", header.Name, err)
		}
	}
	// Only the end of what is sealed says that all of it was whole. The decoder looks there
	// for more to decode.
	_, err = io.Copy(io.Discard, z)
	return wrapped("unpack", err)
}
