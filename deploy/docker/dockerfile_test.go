package docker

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
)

// stages parses a Dockerfile with the parser that builds it; every warning of its linter is an error here.
func stages(t *testing.T, name string) []instructions.Stage {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	parsed, err := parser.Parse(file)
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	lint := linter.New(&linter.Config{Warn: func(rule, description, url, text string, location []parser.Range) {
		t.Errorf("%s: %s", rule, text)
	}})
	found, _, err := instructions.Parse(parsed.AST, lint)
	require.NoError(t, err)
	return found
}

func TestImageRunsWithoutRootAndWithoutAShell(t *testing.T) {
	all := stages(t, "Dockerfile")
	last := all[len(all)-1]
	require.Equal(t, "gcr.io/distroless/static-debian12:nonroot", last.BaseName)
	var user string
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.RunCommand, *instructions.AddCommand:
			t.Errorf("%s in the final image", command.Name())
		case *instructions.EntrypointCommand:
			require.False(t, c.PrependShell, "there is no shell")
		case *instructions.CmdCommand:
			require.False(t, c.PrependShell, "there is no shell")
		}
	}
	require.Equal(t, "65532:65532", user, "a number, so that an orchestrator can tell that it is not root")
}

func TestImageIsBuiltByTheGoOfTheModule(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	module, err := modfile.ParseLax("go.mod", text, nil)
	require.NoError(t, err)
	require.Equal(t, "golang:"+module.Go.Version+"-bookworm", stages(t, "Dockerfile")[0].BaseName)
}

// listed is what the go command tells about a package.
type listed struct {
	Dir        string
	GoFiles    []string
	EmbedFiles []string
	Module     *struct{ Main bool }
}

// TestBuildContextHoldsAllThatIsBuiltAndCopied keeps the list of what goes to the engine in step with the code.
func TestBuildContextHoldsAllThatIsBuiltAndCopied(t *testing.T) {
	ignore := ignored(t)
	base, err := filepath.Abs(root)
	require.NoError(t, err)
	need := func(path string) {
		relative, err := filepath.Rel(base, path)
		require.NoError(t, err)
		hidden, err := ignore.MatchesOrParentMatches(relative)
		require.NoError(t, err)
		require.False(t, hidden, "%s is left out of the build", relative)
		_, err = os.Stat(path)
		require.NoError(t, err)
	}
	for _, p := range append(packages(t, base, "./cmd/meai"), packages(t, filepath.Join(base, "deploy/docker"), "./probe")...) {
		for _, file := range append(p.GoFiles, p.EmbedFiles...) {
			need(filepath.Join(p.Dir, file))
		}
	}
	for _, stage := range stages(t, "Dockerfile") {
		for _, command := range stage.Commands {
			if c, ok := command.(*instructions.CopyCommand); ok && c.From == "" {
				for _, source := range c.SourcePaths {
					if source != "." {
						need(filepath.Join(base, source))
					}
				}
			}
		}
	}
}

func TestBuildContextHoldsNoSecretsAndNoHistory(t *testing.T) {
	ignore := ignored(t)
	for _, path := range []string{".git/config", ".local/compose.env", ".local/data/state.json", ".env", "docker-compose.yml", "api/server_test.go"} {
		hidden, err := ignore.MatchesOrParentMatches(path)
		require.NoError(t, err)
		require.True(t, hidden, path)
	}
}

func ignored(t *testing.T) *patternmatcher.PatternMatcher {
	t.Helper()
	file, err := os.Open("Dockerfile.dockerignore")
	require.NoError(t, err)
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	require.NoError(t, err)
	matcher, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	return matcher
}

// packages lists the main module's packages that a command is made of.
func packages(t *testing.T, dir, main string) []listed {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-json=Dir,GoFiles,EmbedFiles,Module", main)
	list.Dir = dir
	list.Stderr = os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	var found []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, found)
			return found
		}
		require.NoError(t, err)
		if p.Module != nil && p.Module.Main {
			found = append(found, p)
		}
	}
}
