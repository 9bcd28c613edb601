package objects_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/objects"
)

func openFolder(t *testing.T) (s objects.Erasable, dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := objects.OpenErasable(t.Context(), "file://"+dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, dir
}

func TestFoldersThatAreEmptyGoWithTheirLastObject(t *testing.T) {
	s, dir := openFolder(t)
	for _, name := range []string{"generations/ann/1", "generations/ann/2", "generations/bob/1", "deep/ann/of/1"} {
		require.NoError(t, s.Create(t.Context(), name, []byte("x")))
	}
	require.NoError(t, s.Remove(t.Context(), "generations/ann/1"))
	require.FileExists(t, filepath.Join(dir, "generations/ann/2"))
	require.NoError(t, s.Remove(t.Context(), "generations/ann/2"))
	require.NoError(t, s.Remove(t.Context(), "deep/ann/of/1"))
	require.NoDirExists(t, filepath.Join(dir, "generations/ann"))
	require.NoDirExists(t, filepath.Join(dir, "deep/ann"))
	require.FileExists(t, filepath.Join(dir, "generations/bob/1"))
	require.DirExists(t, filepath.Join(dir, "deep"), "it names what kind of objects are there")

	t.Run("also after a crash that left one", func(t *testing.T) {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "deep/ann/of"), 0o700))
		require.NoError(t, s.Remove(t.Context(), "deep/ann/of/1"))
		require.NoDirExists(t, filepath.Join(dir, "deep/ann"))
	})
	t.Run("and one that holds anything stays", func(t *testing.T) {
		require.NoError(t, s.Remove(t.Context(), "generations/bob/2"))
		require.FileExists(t, filepath.Join(dir, "generations/bob/1"))
	})
}

// hidden lists the files of unfinished writes, anywhere.
func hidden(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if d.Type().IsRegular() && strings.HasPrefix(d.Name(), ".") {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// crash writes an object and leaves what a process leaves that is killed meanwhile.
func crash(t *testing.T, s objects.Erasable, dir, name string) {
	t.Helper()
	var left []string
	require.NoError(t, s.Write(t.Context(), name, func(w io.Writer) error {
		left = hidden(t, dir)
		_, err := io.WriteString(w, "a key")
		return err
	}))
	require.NotEmpty(t, left)
	for _, file := range left {
		require.NotContains(t, file, "ann", "whose it is is not to be read off")
		if _, err := os.Stat(file); err == nil {
			continue // of an earlier crash
		}
		require.NoError(t, os.Link(filepath.Join(dir, name), file))
	}
}

func TestWhatACrashLeftOfAnObjectGoesWithIt(t *testing.T) {
	s, dir := openFolder(t)
	crash(t, s, dir, "subjects/ann")
	crash(t, s, dir, "generations/ann/3")
	crash(t, s, dir, "subjects/bob")
	require.Len(t, hidden(t, dir), 3)
	require.Equal(t, []string{"generations/ann/3", "subjects/ann", "subjects/bob"}, list(t, s, ""), "it is no object")
	require.NoError(t, s.Remove(t.Context(), "subjects/ann"))
	require.Len(t, hidden(t, dir), 2)

	require.NoError(t, os.Remove(filepath.Join(dir, "generations/ann/3")), "removed by a version that did not know")
	require.NoError(t, s.Remove(t.Context(), "generations/ann/2"))
	require.Len(t, hidden(t, dir), 1, "of any object of the folder that is empty now")
	require.NoError(t, s.Remove(t.Context(), "subjects/bob"))
	require.Empty(t, hidden(t, dir))
}

func TestAnObjectThatIsRemovedWhileItIsWrittenIsNot(t *testing.T) {
	s, dir := openFolder(t)
	err := s.Write(t.Context(), "people/ann/1", func(w io.Writer) error {
		_, err := io.WriteString(w, "words")
		require.NoError(t, s.Remove(t.Context(), "people/ann/1"))
		return err
	})
	require.ErrorContains(t, err, "removed while it was written")
	require.Empty(t, list(t, s, ""))
	require.Empty(t, hidden(t, dir))
}

func TestWritersAndRemoversOfOneFolderDoNotMeet(t *testing.T) {
	s, _ := openFolder(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 15 {
				name := fmt.Sprintf("people/ann/%d-%d", i, n)
				if err := s.Create(t.Context(), name, []byte("x")); err != nil {
					t.Errorf("create %s: %v", name, err)
					return
				}
				if err := s.Remove(t.Context(), name); err != nil {
					t.Errorf("remove %s: %v", name, err)
					return
				}
			}
		})
	}
	group.Wait()
	require.Empty(t, list(t, s, ""))
}
