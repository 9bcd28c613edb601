package main

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// tree is a repository with one file.
func tree(name string, imports ...string) fstest.MapFS {
	source := "package x\n"
	for _, i := range imports {
		source += "import _ \"" + i + "\"\n"
	}
	return fstest.MapFS{name: {Data: []byte(source)}}
}

func TestDirections(t *testing.T) {
	const none = ""
	for _, c := range []struct {
		file, imports, reason string
	}{
		{"cmd/meai/main.go", "meai/api", none},
		{"cmd/meai/main.go", "meai/scripts/demo", "cmd may not import scripts/demo"},
		{"api/sessions.go", "meai/workflows", none},
		{"api/sessions.go", "meai/workers", "api may not import workers"},
		{"api/client/client.go", "meai/api", "api/client may not import api"},
		{"workers/workers.go", "meai/activities/memory", none},
		{"workers/workers.go", "meai/api", "workers may not import api"},
		{"workflows/interaction.go", "meai/activities/mirror/crisis", none},
		{"workflows/interaction.go", "meai/internal/failure", none},
		{"workflows/interaction.go", "meai/internal/postgres", "workflows may not import internal/postgres"},
		{"workflows/interaction_test.go", "meai/internal/codec", none},
		{"workflows/interaction.go", "meai/api", "workflows may not import api"},
		{"activities/synthesis/types.go", "meai/activities/bridge", none},
		{"activities/synthesis/types.go", "meai/workflows", "activities may not import workflows"},
		{"activities/interaction/recorder.go", "meai/internal/postgres", none},
		{"activities/interaction/recorder.go", "meai/activities/mirror", "activities/interaction may not import activities/mirror"},
		{"internal/codec/codec.go", "meai/internal/keyring", none},
		{"internal/codec/codec.go", "meai/activities/memory", "internal may not import activities/memory"},
		{"internal/codec/codec_test.go", "meai/activities/memory", "internal may not import activities/memory"},
		{"internal/codec/codec_test.go", "meai/internal/codec", none},
		{"internal/codec/codec_test.go", "meai/internal/enginetest", none},
		{"internal/codec/codec.go", "meai/internal/enginetest", "internal/enginetest is for tests only"},
		{"scripts/demo/main.go", "meai/api/client", none},
		{"scripts/demo/main.go", "meai/cmd/meai", "scripts may not import cmd/meai"},
		{"deploy/local/main.go", "meai/deploy/local/internal/stack", none},
		{"deploy/local/main.go", "meai/internal/config", "deploy may not import internal/config"},
		{"api/docs.go", "meai/deploy/local", "api may not import deploy/local"},
		{"helpers/x.go", "fmt", "no room of the house claims the folder helpers"},
		{"internal/codec/codec.go", "github.com/google/uuid", none},
	} {
		t.Run(c.file+" imports "+c.imports, func(t *testing.T) {
			got, err := check(tree(c.file, c.imports), house)
			require.NoError(t, err)
			if c.reason == none {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, c.reason, got[0].Reason)
			require.Equal(t, c.file, got[0].File)
		})
	}
}

func TestEveryImportIsLookedAt(t *testing.T) {
	got, err := check(tree("internal/codec/codec.go", "fmt", "meai/api", "meai/internal/failure", "meai/workers"), house)
	require.NoError(t, err)
	require.Equal(t, []violation{
		{"internal/codec/codec.go", 3, "internal may not import api"},
		{"internal/codec/codec.go", 5, "internal may not import workers"},
	}, got)
	require.Equal(t, "internal/codec/codec.go:3: internal may not import api", got[0].String())
}

func TestBuildConstraintsHideNothing(t *testing.T) {
	source := fstest.MapFS{"internal/codec/codec_plan9.go": {Data: []byte("//go:build plan9\n\npackage codec\n\nimport _ \"meai/api\"\n")}}
	got, err := check(source, house)
	require.NoError(t, err)
	require.Len(t, got, 1)
}

func TestFoldersThatAreNoPackages(t *testing.T) {
	for _, dir := range []string{"testdata", ".local", "_old"} {
		got, err := check(tree("internal/"+dir+"/x.go", "meai/api"), house)
		require.NoError(t, err)
		require.Empty(t, got, dir)
	}
}

func TestAFileThatDoesNotParseIsAnError(t *testing.T) {
	_, err := check(fstest.MapFS{"api/x.go": {Data: []byte("import")}}, house)
	require.ErrorContains(t, err, "api/x.go")
}
