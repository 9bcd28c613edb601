package objects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/memblob"

	"meai/internal/objects"
)

// TestStores holds every kind of store to the same contract.
func TestStores(t *testing.T) {
	kinds := map[string]func(t *testing.T) string{
		"folder": func(t *testing.T) string { return "file://" + t.TempDir() },
		"bucket": func(*testing.T) string { return "mem://" },
	}
	for kind, url := range kinds {
		t.Run(kind, func(t *testing.T) {
			s, err := objects.OpenErasable(t.Context(), url(t))
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			require.Empty(t, list(t, s, ""))
			_, err = s.Read(t.Context(), "entries/a")
			require.ErrorIs(t, err, objects.ErrAbsent)
			require.NoError(t, s.Remove(t.Context(), "entries/a"), "removing what is absent")
			require.NoError(t, s.Create(t.Context(), "entries/a", []byte("first")))
			require.ErrorIs(t, s.Create(t.Context(), "entries/a", []byte("second")), objects.ErrExists)
			data, err := s.Read(t.Context(), "entries/a")
			require.NoError(t, err)
			require.Equal(t, "first", string(data))
			require.Equal(t, []string{"entries/a"}, list(t, s, ""))
			require.NoError(t, s.Remove(t.Context(), "entries/a"))
			_, err = s.Read(t.Context(), "entries/a")
			require.ErrorIs(t, err, objects.ErrAbsent)
			t.Run("large ones are written and read as streams", func(t *testing.T) { streams(t, s) })
			t.Run("of many writers one wins", func(t *testing.T) { oneWriterWins(t, s) })
			t.Run("lists go page by page", func(t *testing.T) { listsInPages(t, s) })
		})
	}
}

func TestWhatABrokenWriteLeftIsTidiedUp(t *testing.T) {
	s, dir := openFolder(t)
	require.NoError(t, s.Tidy(t.Context(), "a/"), "nothing is there yet")
	require.NoError(t, s.Create(t.Context(), "a/whole", []byte("x")))
	crash(t, s, dir, "a/half")
	crash(t, s, dir, "b/half")
	require.Len(t, hidden(t, dir), 2)
	err := s.Write(t.Context(), "a/late", func(w io.Writer) error {
		require.NoError(t, s.Tidy(t.Context(), "a/"))
		_, err := w.Write([]byte("y"))
		return err
	})
	require.Error(t, err, "whose file was tidied up does not get its name")
	require.Len(t, hidden(t, dir), 1, "another folder's")
	require.NoError(t, s.Tidy(t.Context(), "b/"))
	require.Empty(t, hidden(t, dir))
	require.Equal(t, []string{"a/half", "a/whole"}, list(t, s, "a/"))
}

func list(t *testing.T, s objects.Erasable, prefix string) []string {
	t.Helper()
	names, next, err := s.List(t.Context(), prefix, nil, 1000)
	require.NoError(t, err)
	require.Empty(t, next)
	return names
}

func streams(t *testing.T, s objects.Erasable) {
	contents := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	broken := errors.New("it broke off")
	half := func(w io.Writer) error {
		_, err := w.Write(contents[:len(contents)/2])
		return errors.Join(err, broken)
	}
	require.ErrorIs(t, s.Write(t.Context(), "streams/a", half), broken)
	_, err := s.Stat(t.Context(), "streams/a")
	require.ErrorIs(t, err, objects.ErrAbsent, "half an object does not exist")
	_, err = s.Open(t.Context(), "streams/a")
	require.ErrorIs(t, err, objects.ErrAbsent)
	require.Empty(t, list(t, s, "streams/"))

	ended, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, s.Write(ended, "streams/a", func(w io.Writer) error {
		cancel()
		_, err := w.Write(contents)
		return err
	}), context.Canceled)
	require.Empty(t, list(t, s, "streams/"))

	whole := func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(contents))
		return err
	}
	require.NoError(t, s.Write(t.Context(), "streams/a", whole))
	require.ErrorIs(t, s.Write(t.Context(), "streams/a", whole), objects.ErrExists)
	info, err := s.Stat(t.Context(), "streams/a")
	require.NoError(t, err)
	require.EqualValues(t, len(contents), info.Size)
	require.WithinDuration(t, time.Now(), info.Written, time.Minute)
	r, err := s.Open(t.Context(), "streams/a")
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(r, contents))
	require.NoError(t, r.Close())
}

func listsInPages(t *testing.T, s objects.Erasable) {
	var all []string
	for i := range 7 {
		name := fmt.Sprintf("pages/%d/of", i)
		all = append(all, name)
		require.NoError(t, s.Create(t.Context(), name, []byte("x")))
	}
	require.NoError(t, s.Create(t.Context(), "pagesize", []byte("x")), "a name that only begins alike")
	require.Empty(t, list(t, s, "nothing/"))
	require.Equal(t, all[3:4], list(t, s, "pages/3/"))

	var seen []string
	for token := []byte(nil); ; {
		names, next, err := s.List(t.Context(), "pages/", token, 3)
		require.NoError(t, err)
		require.LessOrEqual(t, len(names), 3)
		seen = append(seen, names...)
		if len(next) == 0 {
			break
		}
		require.NoError(t, s.Remove(t.Context(), names[0]), "what was seen may go away between pages")
		token = next
	}
	require.Equal(t, all, seen)
}

func oneWriterWins(t *testing.T, s objects.Store) {
	var winners, winner atomic.Int64
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			if err := s.Create(t.Context(), "contested", fmt.Append(nil, i)); err == nil {
				winners.Add(1)
				winner.Store(int64(i))
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, winners.Load())
	data, err := s.Read(t.Context(), "contested")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(winner.Load()), string(data))
}

func TestAFolderKeepsItsFilesPrivateAndLeavesNoRemains(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s, err := objects.Open(t.Context(), "file://"+dir+"?create_dir=yes")
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), "entries/a", []byte("x")))
	require.ErrorIs(t, s.Create(t.Context(), "entries/a", []byte("y")), objects.ErrExists)
	files, err := os.ReadDir(filepath.Join(dir, "entries"))
	require.NoError(t, err)
	require.Len(t, files, 1, "temporary files are removed")
	for path, mode := range map[string]os.FileMode{"": 0o700, "entries": 0o700, "entries/a": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
}

func TestAFolderThatIsGoneIsAFailureAndNotAnEmptyStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	s, err := objects.OpenErasable(t.Context(), "file://"+dir+"?create_dir=yes")
	require.NoError(t, err)
	require.NoError(t, os.Rename(dir, dir+".away"))
	_, err = s.Read(t.Context(), "entries/a")
	require.NotErrorIs(t, err, objects.ErrAbsent)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, s.Create(t.Context(), "entries/a", nil), os.ErrNotExist)
	_, _, err = s.List(t.Context(), "entries/", nil, 10)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, s.Remove(t.Context(), "entries/a"), os.ErrNotExist, "what cannot be seen was not removed")
	require.NoDirExists(t, dir)
}

func TestAStoreThatKeepsItsObjectsSaysSo(t *testing.T) {
	// Nobody may remove a file there, the superuser neither.
	s, err := objects.OpenErasable(t.Context(), "file:///proc/self")
	require.NoError(t, err)
	require.ErrorIs(t, s.Remove(t.Context(), "status"), objects.ErrKept)
	_, err = s.Stat(t.Context(), "status")
	require.NoError(t, err)
}

func TestAnInterruptedWriteIsNoObject(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".new-123"), []byte("half"), 0o600))
	s, err := objects.OpenErasable(t.Context(), "file://"+dir)
	require.NoError(t, err)
	require.Empty(t, list(t, s, ""))
}

func TestStoresThatCannotBeOpenedSaySo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for url, message := range map[string]string{
		"file://" + file:                  "not a folder",
		"file://" + file + ".absent":      "no such file",
		"file://" + file + "?metadata=no": "unknown parameter",
		"nosuchscheme://bucket":           "nosuchscheme",
		"://":                             "parse URL",
	} {
		_, err := objects.Open(t.Context(), url)
		require.ErrorContains(t, err, message)
	}
}
