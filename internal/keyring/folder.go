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

	"meai/internal/objects"
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
		if err := os.MkdirAll(dir, objects.PrivateDir); err != nil {
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
	return objects.WriteOnce(f.path(name), data)
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
	err := objects.SyncDir(filepath.Dir(path))
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
