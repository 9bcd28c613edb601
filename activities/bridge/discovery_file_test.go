package bridge

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func discoveryFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "discovery.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestTheDiscoveryFileIsRead(t *testing.T) {
	f, err := ReadDiscovery(discoveryFile(t, `
budget: 700ms
servers:
- name: library
  url: https://mcp.example.org/mcp
  token: hunter2
  tools: [{name: search, pin: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}]
  timeout: 500ms
  most_results: 3
- name: local
  command: [/usr/local/bin/books, --quiet]
  env: {KEY: hunter2}
  tools: [{name: find}]
`))
	require.NoError(t, err)
	require.Equal(t, 700*time.Millisecond, f.Budget)
	require.Equal(t, "hunter2", string(f.Servers[0].Token))
	require.Equal(t, 3, f.Servers[0].MostResults)
	require.Equal(t, 5, f.Servers[1].MostResults)
	require.Equal(t, []string{"/usr/local/bin/books", "--quiet"}, f.Servers[1].Command)
}

func TestFaultsOfTheDiscoveryFileAreNamedWithTheirPlace(t *testing.T) {
	const server = "servers:\n- {name: a, url: 'https://a.example', tools: [{name: t}]"
	for text, fault := range map[string]string{
		"":                                  "it is not YAML with a list of servers",
		"servers: [":                        "it is not YAML with a list of servers",
		"servers: []":                       "/servers: must be 1 to 8",
		"budget: 1h\n" + server + "}":       "/budget: must be at most 2s",
		"budget: hunter2\n" + server + "}":  "line 1: the value is not of the setting's type",
		server + ", tokn: hunter2}":         "line 2: field tokn not found",
		server + ", token: [hunter2]}":      "line 2: the value is not of the setting's type",
		server + ", most_bytes: hunter2}":   "line 2: the value is not of the setting's type",
		server + ", token: \"hunter2\\n\"}": "/servers/0/token: must be one line",
		server + ", most_results: 99}":      "/servers/0/most_results: must be at most 20",
		server + "}\n- {name: a, command: [x], tools: [{name: t}]}": "/servers/1/command/0: must be an absolute path\n/servers/1/name: is there twice",
	} {
		_, err := ReadDiscovery(discoveryFile(t, text))
		require.ErrorContains(t, err, fault)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := ReadDiscovery(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorContains(t, err, "read the discovery file")
}
