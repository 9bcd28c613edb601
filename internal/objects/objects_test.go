package objects_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

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
			s, err := objects.Open(t.Context(), url(t))
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			_, err = s.Read(t.Context(), "entries/a")
			require.ErrorIs(t, err, objects.ErrAbsent)
			require.NoError(t, s.Create(t.Context(), "entries/a", []byte("first")))
			require.ErrorIs(t, s.Create(t.Context(), "entries/a", []byte("second")), objects.ErrExists)
			data, err := s.Read(t.Context(), "entries/a")
			require.NoError(t, err)
			require.Equal(t, "first", string(data))
			t.Run("of many writers one wins", func(t *testing.T) { oneWriterWins(t, s) })
		})
	}
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
	s, err := objects.Open(t.Context(), "file://"+dir+"?create_dir=yes")
	require.NoError(t, err)
	require.NoError(t, os.Remove(dir))
	_, err = s.Read(t.Context(), "entries/a")
	require.NotErrorIs(t, err, objects.ErrAbsent)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, s.Create(t.Context(), "entries/a", nil), os.ErrNotExist)
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
