package base

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"meai/internal/objects"
	"meai/internal/pgserver"
)

// ErrUnsafe: an archive has an entry that no base backup has, such as one that lies
// outside of the cluster's folder.
var ErrUnsafe = errors.New("the archive is not one of a base backup")

// untar writes an archive's files into a folder, private whatever the archive says. It
// takes files and folders, each once, and skips the links to the tablespaces of the
// given oids; anything else is refused.
func untar(archive io.Reader, folder string, oids []string) error {
	root, err := os.OpenRoot(folder) // nothing that goes through it leaves the folder
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	entries := tar.NewReader(archive)
	buffer := make([]byte, copyBuffer)
	for {
		header, err := entries.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, header, entries, oids, buffer); err != nil {
			return err
		}
	}
}

func unpackEntry(root *os.Root, header *tar.Header, contents io.Reader, oids []string, buffer []byte) error {
	name := strings.TrimSuffix(strings.TrimPrefix(header.Name, "./"), "/")
	if !filepath.IsLocal(name) || path.Clean(name) != name {
		return fmt.Errorf("%w: a path %q", ErrUnsafe, header.Name)
	}
	var err error
	switch header.Typeflag {
	case tar.TypeDir:
		err = root.Mkdir(name, privateDir)
	case tar.TypeReg:
		var file *os.File
		file, err = root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
		if err == nil {
			err = fill(file, contents, buffer)
		}
	case tar.TypeSymlink:
		if !slices.ContainsFunc(oids, func(oid string) bool { return name == tablespaceLink(oid) }) {
			err = fmt.Errorf("%w: a link %q to %q", ErrUnsafe, header.Name, header.Linkname)
		}
	default:
		err = fmt.Errorf("%w: %q of type %q", ErrUnsafe, header.Name, header.Typeflag)
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	return err
}

func tablespaceLink(oid string) string { return "pg_tblspc/" + oid }

func writeFile(name string, contents io.Reader) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return err
	}
	return fill(file, contents, make([]byte, copyBuffer))
}

func fill(file *os.File, contents io.Reader, buffer []byte) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{file}, contents, buffer)
	return errors.Join(err, file.Close())
}

// syncers is how many files are made durable at a time: a file system that keeps a
// journal commits them together.
const syncers = 8

// settle hands all that is in a folder over to the account and makes it durable.
func settle(ctx context.Context, a pgserver.Account, folder string) error {
	var group errgroup.Group
	group.SetLimit(syncers)
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err = cmp.Or(err, ctx.Err()); err == nil && path != folder {
			group.Go(func() error { return settlePath(a, path) })
		}
		return err
	})
	return cmp.Or(err, group.Wait())
}

func settlePath(a pgserver.Account, path string) error {
	if err := a.Own(path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() == fs.ModeSymlink {
		return err // a link is durable with its folder
	}
	return objects.Sync(path)
}
