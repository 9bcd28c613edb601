package objects

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	return &folder{dir: filepath.Clean(dir)}, nil
}

// Create implements [Store].
func (f *folder) Create(ctx context.Context, name string, data []byte) (err error) {
	for range tries {
		if err = f.Write(ctx, name, bytesOf(data)); !errors.Is(err, errSwept) {
			break
		}
	}
	return err
}

func (f *folder) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	// The store's own folder is not made: where it is gone, as with a volume that is
	// not mounted, writing below it would start another store.
	if _, err := os.Stat(f.dir); err != nil {
		return fmt.Errorf("look at folder: %w", err)
	}
	return writeOnce(f.path(name), unfinished{f.dir, unfinishedName(name)}, func(w io.Writer) error {
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

// Remove deletes what a crash has left of writing the object as well, and the folders
// that are empty then: their names may be a person's. Those right below the store's own
// name kinds of objects, and stay.
func (f *folder) Remove(_ context.Context, name string) error {
	file := f.path(name)
	if err := os.Remove(file); errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrKept, err)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := Sync(filepath.Dir(file))
	if errors.Is(err, fs.ErrNotExist) {
		// Nothing was ever stored there, unless the whole folder is gone.
		_, err = os.Stat(f.dir)
	}
	if err != nil {
		return err
	}
	if err := f.sweep(unfinishedName(name)); err != nil {
		return err
	}
	for dir := path.Dir(name); strings.Contains(dir, "/"); dir = path.Dir(dir) {
		if gone, err := removeEmpty(f.path(dir)); !gone || err != nil {
			return err
		}
		if err := f.sweep(unfinishedName(dir + "/")); err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes a folder unless something is in it. What was in it may be gone by the
// time that it is looked for: then it is tried again.
func removeEmpty(dir string) (gone bool, err error) {
	for range tries {
		err = os.Remove(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		if err == nil {
			return true, Sync(filepath.Dir(dir))
		}
		if left, readErr := os.ReadDir(dir); readErr == nil && len(left) > 0 {
			return false, nil
		}
	}
	return false, err
}

// unfinishedName is what the names of the files begin with to which an object is written
// before it is complete, or all objects of a folder, whose name ends in a slash. They lie
// in the store's own folder, so that they are found without reading through large ones,
// and name nobody.
func unfinishedName(name string) string {
	short := func(name string) string {
		sum := sha256.Sum256([]byte(name))
		return hex.EncodeToString(sum[:8])
	}
	if strings.HasSuffix(name, "/") {
		return ".new-" + short(path.Clean(name)) + "-"
	}
	return ".new-" + short(path.Dir(name)) + "-" + short(path.Base(name)) + "-"
}

// sweep removes what is left of unfinished writes. One that goes on fails with [errSwept].
func (f *folder) sweep(beginning string) error {
	entries, err := os.ReadDir(f.dir)
	swept := false
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), beginning) {
			continue
		}
		swept = true
		if removal := os.Remove(filepath.Join(f.dir, e.Name())); removal != nil && !errors.Is(removal, fs.ErrNotExist) {
			err = errors.Join(err, removal)
		}
	}
	if swept {
		err = errors.Join(err, Sync(f.dir))
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

func (f *folder) Tidy(_ context.Context, prefix string) error {
	return f.sweep(unfinishedName(prefix))
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
func WriteOnce(path string, data []byte) error {
	return writeOnce(path, unfinished{filepath.Dir(path), ".new-"}, bytesOf(data))
}

func bytesOf(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// errSwept: the object was removed, in this or another process, while it was written.
var errSwept = errors.New("the object was removed while it was written")

// tries bounds how often what others have undone meanwhile is done again.
const tries = 10

// unfinished is where a file is until it is complete, in its folder or one above, and what
// its name begins with there.
type unfinished struct{ dir, beginning string }

func writeOnce(path string, u unfinished, fill func(io.Writer) error) (err error) {
	if err := os.MkdirAll(u.dir, privateDir); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	temp, err := os.CreateTemp(u.dir, u.beginning+"*") // O_EXCL, mode 0600
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
	linkErr := link(temp.Name(), path)
	if linkErr != nil && !errors.Is(linkErr, fs.ErrExist) {
		return fmt.Errorf("name new file: %w", linkErr)
	}
	if err := syncUp(filepath.Dir(path), u.dir); err != nil {
		return err
	}
	if linkErr != nil {
		return ErrExists
	}
	return nil
}

// link gives a complete file its name, in a folder that it makes. Others may remove that
// folder while it is empty.
func link(temp, path string) (err error) {
	for range tries {
		if err = makeAll(filepath.Dir(path)); err == nil {
			err = os.Link(temp, path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, swept := os.Lstat(temp); errors.Is(swept, fs.ErrNotExist) {
			return errSwept
		}
	}
	return err
}

// makeAll makes a folder with those above it. One that others remove meanwhile does not
// exist: [os.MkdirAll] calls it existing if it is gone when it looks again.
func makeAll(dir string) error {
	err := os.MkdirAll(dir, privateDir)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("folder %s was removed while it was made: %w", dir, fs.ErrNotExist)
	}
	return err
}

// syncUp makes a name durable with those of the folders up to a root, which may be new.
// The loser of a race does so too: it goes on to use a file whose name may not be on disk
// yet. A folder below the root that is gone was emptied meanwhile.
func syncUp(dir, root string) error {
	if dir == root {
		return errors.Join(Sync(dir), Sync(filepath.Dir(dir)))
	}
	for ; dir != root && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if err := Sync(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return Sync(root)
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
