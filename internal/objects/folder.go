package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
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
// IfNotExist is a check followed by a rename, so of two who create the same name
// both would succeed; it does not fsync, and its files are readable by all.
type folder struct{ dir string }

func openFolder(u *url.URL) (*folder, error) {
	dir := FilePath(u)
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

// Create implements [Store].
func (f *folder) Create(ctx context.Context, name string, data []byte) error {
	return f.Write(ctx, name, bytesOf(data))
}

func (f *folder) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	// The store's own folder is not made: where it is gone, as with a volume that is
	// not mounted, writing below it would start another store.
	if _, err := os.Stat(f.dir); err != nil {
		return fmt.Errorf("look at folder: %w", err)
	}
	return writeOnce(f.path(name), func(w io.Writer) error {
		return fill(&ending{w, ctx})
	})
}

// ending fails once its context has ended.
type ending struct {
	io.Writer
	ctx context.Context
}

func (e *ending) Write(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.Writer.Write(p)
}

func (f *folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, f.missing(err)
	}
	return file, nil
}

func (f *folder) Stat(_ context.Context, name string) (Info, error) {
	info, err := os.Stat(f.path(name))
	if err != nil {
		return Info{}, f.missing(err)
	}
	return Info{Size: info.Size(), Written: info.ModTime()}, nil
}

// missing tells an object that is absent from a folder that is gone, which is a failure.
func (f *folder) missing(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(f.dir); err != nil {
		return fmt.Errorf("look at folder: %w", err)
	}
	return ErrAbsent
}

func (f *folder) Read(_ context.Context, name string) ([]byte, error) {
	data, err := os.ReadFile(f.path(name))
	if err != nil {
		return nil, f.missing(err)
	}
	return data, nil
}

func (f *folder) Remove(_ context.Context, name string) error {
	path := f.path(name)
	if err := os.Remove(path); errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrKept, err)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := Sync(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		// Nothing was ever stored there, unless the whole folder is gone.
		_, err = os.Stat(f.dir)
	}
	return err
}

// List walks the folder that the prefix ends in. The token is the last name.
func (f *folder) List(ctx context.Context, prefix string, token []byte, limit int) ([]string, []byte, error) {
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
		_, err = os.Stat(f.dir) // as in Read
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

// unfinished is what the names of files begin with that have none of their own yet.
const unfinished = ".new-"

func (f *folder) Tidy(_ context.Context, prefix string) error {
	dir := f.path(prefix)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tidy up: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), unfinished) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("tidy up: %w", err)
		}
	}
	return Sync(dir)
}

func (f *folder) Close() error { return nil }

func (f *folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// FilePath reads a file URL: "file:///abs/path", and "file://rel/path" or
// "file://./rel/path" for a path relative to the working directory.
func FilePath(u *url.URL) string {
	if u.Host == "" || u.Host == "localhost" {
		return filepath.FromSlash(u.Path)
	}
	return filepath.Join(u.Host, filepath.FromSlash(u.Path))
}

// WriteOnce creates a file that is complete and on disk before its name
// exists. The name is taken by link(2), which fails when it is in use, so of
// several writers, in any process, exactly one wins; the others get [ErrExists].
func WriteOnce(path string, data []byte) error { return writeOnce(path, bytesOf(data)) }

func bytesOf(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

func writeOnce(path string, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	temp, err := os.CreateTemp(dir, unfinished+"*") // O_EXCL, mode 0600
	if err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	// The temporary file may hold key material: failing to remove it outweighs
	// every other outcome.
	defer func() {
		if removal := os.Remove(temp.Name()); removal != nil && !errors.Is(removal, fs.ErrNotExist) {
			err = fmt.Errorf("remove temporary file: %w", removal)
		}
	}()
	if err := fillAndSync(temp, fill); err != nil {
		return err
	}
	linkErr := os.Link(temp.Name(), path)
	if linkErr != nil && !errors.Is(linkErr, fs.ErrExist) {
		return fmt.Errorf("name new file: %w", linkErr)
	}
	// The loser syncs too: it goes on to use a file whose name may not be on disk
	// yet. The parent holds the name of a folder that may be new.
	if err := errors.Join(Sync(dir), Sync(filepath.Dir(dir))); err != nil {
		return err
	}
	if linkErr != nil {
		return ErrExists
	}
	return nil
}

func fillAndSync(f *os.File, fill func(io.Writer) error) error {
	err := fill(f)
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

// Sync makes a file, or the names in a folder, durable.
func Sync(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
