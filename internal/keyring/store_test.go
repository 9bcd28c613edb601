package keyring_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/memblob"

	"meai/internal/keyring"
)

// TestStores holds every kind of store to the same contract.
func TestStores(t *testing.T) {
	ctx := context.Background()
	kinds := map[string]func(t *testing.T) string{
		"folder": func(t *testing.T) string { return "file://" + t.TempDir() },
		"bucket": func(*testing.T) string { return "mem://" },
	}
	for kind, url := range kinds {
		t.Run(kind, func(t *testing.T) {
			s, err := keyring.OpenStore(ctx, url(t))
			require.NoError(t, err)
			require.Empty(t, list(t, s, ""))

			_, err = s.Read(ctx, "subjects/a")
			require.ErrorIs(t, err, keyring.ErrAbsent)
			require.NoError(t, s.Remove(ctx, "subjects/a"), "removing what is absent")

			require.NoError(t, s.Create(ctx, "subjects/a", []byte("first")))
			require.ErrorIs(t, s.Create(ctx, "subjects/a", []byte("second")), keyring.ErrExists)
			data, err := s.Read(ctx, "subjects/a")
			require.NoError(t, err)
			require.Equal(t, "first", string(data))
			require.Equal(t, []string{"subjects/a"}, list(t, s, ""))

			require.NoError(t, s.Remove(ctx, "subjects/a"))
			_, err = s.Read(ctx, "subjects/a")
			require.ErrorIs(t, err, keyring.ErrAbsent)
			t.Run("of many writers one wins", func(t *testing.T) { oneWriterWins(t, s) })
			t.Run("lists go page by page", func(t *testing.T) { listsInPages(t, s) })
		})
	}
}

func list(t *testing.T, s keyring.Store, prefix string) []string {
	t.Helper()
	names, next, err := s.List(context.Background(), prefix, nil, 1000)
	require.NoError(t, err)
	require.Empty(t, next)
	return names
}

func listsInPages(t *testing.T, s keyring.Store) {
	ctx := context.Background()
	var all []string
	for i := range 7 {
		name := fmt.Sprintf("pages/%d/of", i)
		all = append(all, name)
		require.NoError(t, s.Create(ctx, name, []byte("x")))
	}
	require.NoError(t, s.Create(ctx, "pagesize", []byte("x")), "a name that only begins alike")
	require.Empty(t, list(t, s, "nothing/"))
	require.Equal(t, all[3:4], list(t, s, "pages/3/"))

	var seen []string
	for token := []byte(nil); ; {
		names, next, err := s.List(ctx, "pages/", token, 3)
		require.NoError(t, err)
		require.LessOrEqual(t, len(names), 3)
		seen = append(seen, names...)
		if len(next) == 0 {
			break
		}
		require.NoError(t, s.Remove(ctx, names[0]), "what was seen may go away between pages")
		token = next
	}
	require.Equal(t, all, seen)
}

func oneWriterWins(t *testing.T, s keyring.Store) {
	ctx := context.Background()
	var winners, winner atomic.Int64
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			if err := s.Create(ctx, "contested", fmt.Append(nil, i)); err == nil {
				winners.Add(1)
				winner.Store(int64(i))
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, winners.Load())
	data, err := s.Read(ctx, "contested")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(winner.Load()), string(data))
}

func TestAFolderKeepsItsFilesPrivateAndLeavesNoRemains(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "keyring")
	s, err := keyring.OpenStore(ctx, "file://"+dir+"?create_dir=yes")
	require.NoError(t, err)
	require.NoError(t, s.Create(ctx, "subjects/a", []byte("x")))
	require.ErrorIs(t, s.Create(ctx, "subjects/a", []byte("y")), keyring.ErrExists)

	files, err := os.ReadDir(filepath.Join(dir, "subjects"))
	require.NoError(t, err)
	require.Len(t, files, 1, "temporary files are removed")
	for path, mode := range map[string]os.FileMode{"": 0o700, "subjects": 0o700, "subjects/a": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
}

func TestNothingIsKeptInAFolderThatIsGone(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "keyring")
	s, err := keyring.OpenStore(ctx, "file://"+dir+"?create_dir=yes")
	require.NoError(t, err)
	require.NoError(t, os.Rename(dir, dir+".away"))
	require.Error(t, s.Create(ctx, "subjects/a", []byte("x")))
	_, err = s.Read(ctx, "subjects/a")
	require.NotErrorIs(t, err, keyring.ErrAbsent)
	require.Error(t, err)
	_, _, err = s.List(ctx, "subjects/", nil, 10)
	require.Error(t, err)
	require.Error(t, s.Remove(ctx, "subjects/a"), "what cannot be seen was not removed")
	require.NoDirExists(t, dir)
}

func TestAnInterruptedWriteDoesNotCountAsAKey(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".new-123"), []byte("half"), 0o600))
	s, err := keyring.OpenStore(ctx, "file://"+dir)
	require.NoError(t, err)
	require.Empty(t, list(t, s, ""))
}

func TestStoresThatCannotBeOpenedSaySo(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for url, message := range map[string]string{
		"file://" + file:                  "not a folder",
		"file://" + file + ".absent":      "no such file",
		"file://" + file + "?metadata=no": "unknown parameter",
		"nosuchscheme://bucket":           "nosuchscheme",
		"://":                             "parse URL",
	} {
		_, err := keyring.OpenStore(ctx, url)
		require.ErrorContains(t, err, message)
	}
}
