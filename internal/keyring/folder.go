package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	privateDir  = 0o700
	privateFile = 0o600
)

// folder is a store in a local directory. gocloud's fileblob is not used: its
// IfNotExist is a check followed by a rename, so two processes that create the
// same keys at once would replace each other's, it does not fsync, and its
// files are readable by all.
type folder struct{ dir string }

func openFolder(u *url.URL) (*folder, error) {
	dir := filePath(u)
	for name := range u.Query() {
		if name != "create_dir" {
			return nil, fmt.Errorf("unknown parameter %q", name)
		}
	}
	if u.Query().Get("create_dir") != "" {
		if err := os.MkdirAll(dir, privateDir); err != nil {
			return nil, fmt.Errorf("create folder: %w", err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("look at folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	return &folder{dir: dir}, nil
}

func (f *folder) create(_ context.Context, name string, data []byte) error {
	// Or the folders that the name needs would be made where a volume is missing,
	// and what is written there would count as kept.
	if _, err := os.Stat(f.dir); err != nil {
		return fmt.Errorf("look at folder: %w", err)
	}
	return writeOnce(f.path(name), data)
}

func (f *folder) read(_ context.Context, name string) ([]byte, error) {
	data, err := os.ReadFile(f.path(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	// A folder that is gone (an unmounted volume) is a failure, not a missing key.
	if _, err := os.Stat(f.dir); err != nil {
		return nil, fmt.Errorf("look at folder: %w", err)
	}
	return nil, errAbsent
}

func (f *folder) remove(_ context.Context, name string) error {
	path := f.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := syncDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		// Nothing was ever stored there, unless the whole folder is gone.
		_, err = os.Stat(f.dir)
	}
	return err
}

// list walks the folder that the prefix ends in. The token is the last name.
func (f *folder) list(ctx context.Context, prefix string, token []byte, limit int) ([]string, []byte, error) {
	within, _ := path.Split(prefix)
	root := f.path(within)
	var names []string
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && file != f.dir {
			return nil // nothing was ever stored there, or it went away just now
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		// A hidden file is what a crash left of an unfinished write.
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		relative, err := filepath.Rel(f.dir, file)
		if name := filepath.ToSlash(relative); strings.HasPrefix(name, prefix) && name > string(token) {
			names = append(names, name)
		}
		return err
	})
	if err == nil {
		_, err = os.Stat(f.dir) // as in read
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list folder: %w", err)
	}
	slices.Sort(names)
	if len(names) <= limit {
		return names, nil, nil
	}
	return names[:limit], []byte(names[limit-1]), nil
}

func (f *folder) close() error { return nil }

func (f *folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// writeOnce creates a file that is complete and on disk before its name
// exists. The name is taken by link(2), which fails when it is in use, so of
// several writers, in any process, exactly one wins; the others get errExists.
func writeOnce(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	temp, err := os.CreateTemp(dir, ".new-*") // O_EXCL, mode 0600
	if err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	// The temporary file holds key material too: failing to remove it outweighs
	// every other outcome.
	defer func() {
		if removal := os.Remove(temp.Name()); removal != nil {
			err = fmt.Errorf("remove temporary file: %w", removal)
		}
	}()
	if err := writeAndSync(temp, data); err != nil {
		return err
	}
	linkErr := os.Link(temp.Name(), path)
	if linkErr != nil && !errors.Is(linkErr, fs.ErrExist) {
		return fmt.Errorf("name new file: %w", linkErr)
	}
	// The loser syncs too: it goes on to use a file whose name may not be on disk
	// yet. The parent holds the name of a folder that may be new.
	if err := errors.Join(syncDir(dir), syncDir(filepath.Dir(dir))); err != nil {
		return err
	}
	if linkErr != nil {
		return errExists
	}
	return nil
}

func writeAndSync(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(privateFile)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
