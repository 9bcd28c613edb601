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

// untar writes an archive's files into a folder, private whatever the archive says, and
// settles each while it reads on. It takes files and folders, each once, and skips the
// links to the tablespaces of the given oids; anything else is refused.
func untar(archive io.Reader, folder string, oids []string, s *settler) error {
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
		if err := unpackEntry(root, header, entries, oids, s, buffer); err != nil {
			return err
		}
	}
}

func unpackEntry(root *os.Root, header *tar.Header, contents io.Reader, oids []string, s *settler, buffer []byte) error {
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
			err = s.fill(file, contents, buffer)
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

// syncers is how many files are made durable at a time: a file system that keeps a
// journal commits them together.
const syncers = 8

// settler hands what is unpacked over to the account and makes it durable: files while
// others are still being unpacked, and at the end the folders that they are in.
type settler struct {
	account pgserver.Account
	files   errgroup.Group
}

func newSettler(a pgserver.Account) *settler {
	s := &settler{account: a}
	s.files.SetLimit(syncers)
	return s
}

// fill writes a file's contents, and settles it behind the caller's back.
func (s *settler) fill(file *os.File, contents io.Reader, buffer []byte) error {
	if _, err := io.CopyBuffer(struct{ io.Writer }{file}, contents, buffer); err != nil {
		return errors.Join(err, file.Close())
	}
	s.files.Go(func() error {
		return errors.Join(s.account.Own(file.Name()), file.Sync(), file.Close())
	})
	return nil
}

// wait waits for the files. It must be called, whatever has failed before.
func (s *settler) wait() error { return s.files.Wait() }

// folders settles the folders and links that are in a folder.
func (s *settler) folders(ctx context.Context, folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err = cmp.Or(err, ctx.Err()); err != nil || path == folder || entry.Type().IsRegular() {
			return err
		}
		if err := s.account.Own(path); err != nil || !entry.IsDir() {
			return err // a link is durable with its folder
		}
		return objects.Sync(path)
	})
}
