package docker

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/stretchr/testify/require"
)

// The firewall's image is made of the packages that its tests install, has every file that it starts with, and no root.
func TestImageOfTheFirewallIsWhatItsTestsRun(t *testing.T) {
	all := stages(t, "Dockerfile.waf")
	last := all[len(all)-1]
	var user, installed, copied string
	set := map[string]bool{}
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.RunCommand:
			installed += strings.Join(c.CmdLine, " ")
		case *instructions.CopyCommand:
			copied += strings.Join(c.SourcePaths, " ")
		case *instructions.EnvCommand:
			for _, pair := range c.Env {
				set[pair.Key] = true
			}
		}
	}
	require.Equal(t, "65532:65532", user)

	script, err := os.ReadFile(filepath.Join(root, "scripts", "waf"))
	require.NoError(t, err)
	packages := regexp.MustCompile(`(?m)^packages=\((.+)\)$`).FindSubmatch(script)
	require.NotNil(t, packages)
	require.Contains(t, installed, "install -y --no-install-recommends "+string(packages[1])+" ")

	files, err := filepath.Glob(filepath.Join(root, "deploy", "waf", "*"))
	require.NoError(t, err)
	for _, file := range files {
		if name := filepath.Base(file); filepath.Ext(name) != ".go" {
			require.True(t, name == "start.sh" || strings.Contains(copied, "*"+filepath.Ext(name)), name)
		}
	}
	start, err := os.ReadFile(filepath.Join(root, "deploy", "waf", "start.sh"))
	require.NoError(t, err)
	needed := regexp.MustCompile(`for setting in (.+); do`).FindSubmatch(start)
	require.NotNil(t, needed)
	for _, setting := range strings.Fields(string(needed[1])) {
		// Where the API is, and what is in front, nobody else can say.
		require.Equal(t, setting != "API" && setting != "BEHIND", set["MEAI_WAF_"+setting], setting)
	}
}
