package copies_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/copies"
	"meai/activities/backup/repository"
	"meai/internal/enginetest"
	"meai/internal/objects"
	"meai/internal/signing"
)

// scene is a bucket with its copies, each in a folder.
type scene struct {
	*copies.Copier
	source, place string // folders
	signer        *signing.Key
	erased        string // the folder of a person who is
}

func newSigner(t *testing.T) *signing.Key {
	t.Helper()
	signer, err := signing.Derive(t.Context(), enginetest.Keyring(t), "copies", "backup-descriptions")
	require.NoError(t, err)
	return signer
}

func newScene(t *testing.T, contents map[string]string) *scene {
	t.Helper()
	dir := t.TempDir()
	s := &scene{source: filepath.Join(dir, "ledger"), place: filepath.Join(dir, "second"), signer: newSigner(t)}
	for _, folder := range []string{s.source, s.place} {
		require.NoError(t, os.Mkdir(folder, 0o700))
	}
	all, err := copies.Open(t.Context(), copies.Options{
		Sources: []copies.Source{{Name: "ledger", URL: "file://" + s.source}}, Destination: "file://" + s.place,
		Keyring: []string{"file://" + filepath.Join(dir, "keyring")}, Signer: s.signer,
		Buried: func(context.Context) (func(string) bool, error) {
			return func(name string) bool { return s.erased != "" && strings.HasPrefix(name, s.erased) }, nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, all.Close()) })
	s.Copier, _ = all.Copier("ledger")
	s.put(t, contents)
	return s
}

func (s *scene) put(t *testing.T, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		put(t, s.original(name), content)
	}
}

func put(t *testing.T, file, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
}

func (s *scene) original(name string) string {
	return filepath.Join(s.source, filepath.FromSlash(name))
}

func (s *scene) copyOf(name string) string {
	return filepath.Join(s.place, "copies/ledger/objects", filepath.FromSlash(name))
}

// copied runs Copy to its end.
func (s *scene) copied(t *testing.T) copies.Copied {
	t.Helper()
	done, err := s.Copy(t.Context(), nil)
	require.NoError(t, err)
	return done
}

func (s *scene) reconciled(t *testing.T, deep bool) copies.Report {
	t.Helper()
	report, err := s.Reconcile(t.Context(), deep, nil)
	require.NoError(t, err)
	require.Equal(t, deep, report.Deep)
	return report
}

// contents are all files below a folder, by their names.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			text, readErr := os.ReadFile(path)
			all[filepath.ToSlash(name)], err = string(text), readErr
		}
		return err
	}))
	return all
}

func (s *scene) requireSame(t *testing.T) {
	t.Helper()
	original, copied := contents(t, s.source), contents(t, filepath.Join(s.place, "copies/ledger/objects"))
	require.ElementsMatch(t, slices.Collect(maps.Keys(original)), slices.Collect(maps.Keys(copied)))
	for name, content := range original {
		require.True(t, content == copied[name], name)
	}
}

// flip changes a bit of a file where it lies.
func flip(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(file, text, 0o600))
}

func few() map[string]string {
	return map[string]string{"a": "the first", "a-b": "beside", "a.b/c": "below", "entries/1": "one", "entries/2": "two", "empty": ""}
}

func name(names ...string) copies.Names { return copies.Names{Count: len(names), First: names} }

// store is the bucket of copies with something that goes wrong in it.
type store struct {
	objects.Erasable
	spoil bool                    // what is written lies there otherwise
	wrote func(name string) error // before each write
}

func (s *scene) through(t *testing.T) *store {
	t.Helper()
	inner, err := objects.OpenErasable(t.Context(), "file://"+s.place)
	require.NoError(t, err)
	st := &store{Erasable: inner}
	s.Place = repository.New(st, s.signer)
	t.Cleanup(func() { require.NoError(t, s.Place.Close()) })
	return st
}

func (s *store) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	if s.wrote != nil {
		if err := s.wrote(name); err != nil {
			return err
		}
	}
	if !s.spoil {
		return s.Erasable.Write(ctx, name, fill)
	}
	var whole bytes.Buffer
	if err := fill(&whole); err != nil {
		return err
	}
	whole.Bytes()[0] ^= 1
	return s.Create(ctx, name, whole.Bytes())
}

// ago makes a file older.
func ago(t *testing.T, file string, age time.Duration) {
	t.Helper()
	at := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(file, at, at))
}
