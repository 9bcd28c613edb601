package weaviate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// fakeGo answers "list" with a version and "build" by writing its arguments' last but one, the output; every call is
// noted in the file calls.
func fakeGo(t *testing.T, fails bool) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	script := `#!/bin/sh
echo "$GOWORK $1" >> ` + calls + `
case $1 in
list) echo v9.8.7 ;;
build) while [ $# -gt 2 ]; do shift; done; echo built > "$1" ;;
esac
`
	if fails {
		script = "#!/bin/sh\necho compiler trouble >&2\nexit 1\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return calls
}

func TestBuildHappensOnceForAllWhoShareTheFolder(t *testing.T) {
	calls := fakeGo(t, false)
	bin := filepath.Join(t.TempDir(), "bin")
	binary, err := Locate(t.Context(), bin, t.TempDir())
	require.NoError(t, err)
	require.Equal(t, "9.8.7", binary.Version)
	require.Equal(t, filepath.Join(bin, "weaviate-server-9.8.7"), binary.Path)
	require.False(t, binary.Built())

	group, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		group.Go(func() error { return binary.Build(ctx) })
	}
	require.NoError(t, group.Wait())

	require.True(t, binary.Built())
	noted, err := os.ReadFile(calls)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(noted), "off build"), "built once, outside any workspace")
}

func TestFailedBuildShowsTheCompilersWords(t *testing.T) {
	fakeGo(t, true)
	binary := Binary{Version: "9.8.7", Path: filepath.Join(t.TempDir(), "weaviate-server-9.8.7"), source: t.TempDir()}
	require.ErrorContains(t, binary.Build(t.Context()), "compiler trouble")
	require.False(t, binary.Built())
}

func TestPinnedModuleIsFoundFromTheWorkingFolderUpwards(t *testing.T) {
	// Tests run in their package's folder, below the repository's root.
	source, err := findSource()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(source, "go.mod"))

	t.Chdir(t.TempDir())
	_, err = findSource()
	require.ErrorContains(t, err, "--weaviate-source")
}
