package weaviate

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// fakeGo plays the go command for a module of two files: it answers what is asked of the module and "builds" by
// copying one source file to the output. Every call is noted in the file calls.
func fakeGo(t *testing.T, source map[string]string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	original := filepath.Join(dir, "original")
	for name, text := range source {
		path := filepath.Join(original, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o444))
	}
	calls = filepath.Join(dir, "calls")
	script := `#!/bin/sh
echo "$GOWORK $*" >> ` + calls + `
case "$*" in
*Version*) echo v9.8.7 ;;
*Dir*) echo ` + original + ` ;;
build*) while [ $# -gt 2 ]; do shift; done
	cat module/adapters/handlers/grpc/server.go module/adapters/handlers/rest/clusterapi/serve.go go.mod > "$1" ;;
esac
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return calls
}

// known is how the two places look in the version that is pinned.
var known = map[string]string{
	"adapters/handlers/grpc/server.go":           "net.Listen(\"tcp\", fmt.Sprintf(\":%d\",\n",
	"adapters/handlers/rest/clusterapi/serve.go": "Addr: fmt.Sprintf(\":%d\", port),\n",
}

// pinModule makes a folder that pins the server.
func pinModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("// pinned\n"), 0o600))
	}
	return dir
}

func locate(t *testing.T) Binary {
	t.Helper()
	binary, err := Locate(t.Context(), filepath.Join(t.TempDir(), "bin"), pinModule(t))
	require.NoError(t, err)
	return binary
}

func TestBuildHappensOnceForAllWhoShareTheFolder(t *testing.T) {
	calls := fakeGo(t, known)
	binary := locate(t)
	require.Equal(t, "9.8.7", binary.Version)
	require.Equal(t, "weaviate-9.8.7-loopback", filepath.Base(binary.Path))
	require.False(t, binary.Built())

	group, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		group.Go(func() error { return binary.Build(ctx) })
	}
	require.NoError(t, group.Wait())

	require.True(t, binary.Built())
	noted, err := os.ReadFile(calls)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(noted), "off build "), "built once, outside any workspace")
}

func TestServerIsBuiltToListenOnLoopback(t *testing.T) {
	fakeGo(t, known)
	binary := locate(t)
	require.NoError(t, binary.Build(t.Context()))
	built, err := os.ReadFile(binary.Path)
	require.NoError(t, err)
	require.Equal(t, "net.Listen(\"tcp\", fmt.Sprintf(\"127.0.0.1:%d\",\n"+
		"Addr: fmt.Sprintf(\"127.0.0.1:%d\", port),\n"+
		"// pinned\n\nreplace github.com/weaviate/weaviate => ./module\n", string(built))
	left, err := os.ReadDir(filepath.Dir(binary.Path))
	require.NoError(t, err)
	require.Len(t, left, 2, "the binary and its lock")
}

func TestVersionThatListensDifferentlyIsNotBuilt(t *testing.T) {
	for name, serve := range map[string]string{
		"in another way":  "Addr: fmt.Sprintf(\"%s:%d\", host, port),\n",
		"in a second way": known["adapters/handlers/rest/clusterapi/serve.go"] + known["adapters/handlers/rest/clusterapi/serve.go"],
	} {
		t.Run(name, func(t *testing.T) {
			changed := maps.Clone(known)
			changed["adapters/handlers/rest/clusterapi/serve.go"] = serve
			fakeGo(t, changed)
			binary := locate(t)
			require.ErrorContains(t, binary.Build(t.Context()), "this version of Weaviate listens differently")
			require.False(t, binary.Built())
		})
	}
}

func TestFailedBuildShowsTheCompilersWords(t *testing.T) {
	fakeGo(t, known)
	require.NoError(t, os.WriteFile(filepath.Join(strings.Split(os.Getenv("PATH"), ":")[0], "go"),
		[]byte("#!/bin/sh\necho compiler trouble >&2\nexit 1\n"), 0o755))
	binary := Binary{Version: "9.8.7", Path: filepath.Join(t.TempDir(), "weaviate"), pin: pinModule(t)}
	require.ErrorContains(t, binary.Build(t.Context()), "compiler trouble")
	require.False(t, binary.Built())
}

func TestPinnedModuleIsFoundFromTheWorkingFolderUpwards(t *testing.T) {
	// Tests run in their package's folder, below the repository's root.
	pin, err := findPin()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(pin, "go.mod"))

	t.Chdir(t.TempDir())
	_, err = findPin()
	require.ErrorContains(t, err, "--weaviate-source")
}
