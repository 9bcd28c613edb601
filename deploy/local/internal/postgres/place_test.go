package postgres

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// whoever is the account that the cluster of this machine runs as.
func whoever(t *testing.T) account {
	t.Helper()
	a, err := unprivileged()
	require.NoError(t, err)
	require.Equal(t, os.Geteuid() == 0, a.switched, "root hands over to somebody else, and nobody else does")
	return a
}

// openFolder is a folder that every account can reach, unlike the usual temporary folder of a test.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-place-*")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func TestClusterStaysInTheDataFolderWhereItsAccountCanReachThat(t *testing.T) {
	link := filepath.Join(openFolder(t), "postgres")
	require.NoError(t, place(t.Context(), whoever(t), link, filepath.Join(openFolder(t), "outside"), true))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.True(t, info.IsDir())
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestClusterMovesOutsideWhenItsAccountCannotReachTheDataFolder(t *testing.T) {
	a := whoever(t)
	closed := openFolder(t)
	require.NoError(t, os.Chmod(closed, 0o700))
	link, outside := filepath.Join(closed, "postgres"), filepath.Join(openFolder(t), "outside")
	require.NoError(t, place(t.Context(), a, link, outside, true))

	target, err := filepath.EvalSymlinks(link)
	require.NoError(t, err)
	require.True(t, a.canReach(t.Context(), target))
	// Without a change of account a private folder is no obstacle.
	require.Equal(t, a.switched, target != link)

	require.NoError(t, os.WriteFile(filepath.Join(target, "kept"), nil, 0o600))
	require.NoError(t, place(t.Context(), a, link, outside, false))
	require.FileExists(t, filepath.Join(link, "kept"), "a restart finds the same folder")
}

func TestWhatADeletedDataFolderLeftOutsideIsSetAside(t *testing.T) {
	a := account{} // the mechanism alone, as any user
	base := openFolder(t)
	link, outside := filepath.Join(base, "postgres"), filepath.Join(base, "outside")
	require.NoError(t, placeOutside(a, link, outside, true))
	require.NoError(t, os.WriteFile(filepath.Join(link, "old"), nil, 0o600))
	require.NoError(t, os.Remove(link))

	require.NoError(t, placeOutside(a, link, outside, true))

	require.NoFileExists(t, filepath.Join(link, "old"))
	old, err := filepath.Glob(filepath.Join(outside, "*", "old"))
	require.NoError(t, err)
	require.Len(t, old, 1, "nothing is deleted")
}

func TestStalePostmasterFile(t *testing.T) {
	for name, text := range map[string]string{
		"of a process that is gone":        "999999999\n/somewhere\n",
		"of an unrelated process, by now":  "1\n/somewhere\n",
		"that was cut off by a full disk":  "",
		"that holds something else at all": "not a number\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := &Server{data: t.TempDir()}
			path := filepath.Join(s.data, "postmaster.pid")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			require.NoError(t, s.clearStale(t.Context()))
			require.NoFileExists(t, path)
		})
	}
}

func TestMajor(t *testing.T) {
	dir := t.TempDir()
	major, err := Major(dir)
	require.NoError(t, err)
	require.Zero(t, major, "no cluster yet")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("15\n"), 0o600))
	major, err = Major(dir)
	require.NoError(t, err)
	require.Equal(t, 15, major)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("?"), 0o600))
	_, err = Major(dir)
	require.ErrorContains(t, err, "read the cluster's version")
}
