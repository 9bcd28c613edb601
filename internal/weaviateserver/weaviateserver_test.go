package weaviateserver_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/weaviateserver"
)

// folderVariable has this test's program run a server and wait to be killed.
const folderVariable = "MEAI_TEST_WEAVIATE_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(folderVariable); folder != "" {
		binary, err := weaviateserver.Find()
		if err == nil {
			var s *weaviateserver.Server
			if s, err = weaviateserver.Start(context.Background(), weaviateserver.Options{Binary: binary, Data: folder, Node: "node1"}); err == nil {
				_, _ = os.Stdout.WriteString(s.URL() + "\n")
				<-s.Exited()
			}
		}
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func options(t *testing.T, node string) weaviateserver.Options {
	t.Helper()
	binary, err := weaviateserver.Find()
	require.NoError(t, err)
	return weaviateserver.Options{Binary: binary, Data: filepath.Join(t.TempDir(), "data"), Node: node}
}

// start runs a server, or fails within a minute.
func start(t *testing.T, o weaviateserver.Options) (*weaviateserver.Server, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return weaviateserver.Start(ctx, o)
}

// ask sends a request and returns status and body.
func ask(t *testing.T, s *weaviateserver.Server, key, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func TestAServerIsOurOwnAndKeepsItsCollectionsThroughACrash(t *testing.T) {
	o := options(t, "scratch7")
	s, err := start(t, o)
	require.NoError(t, err)
	status, _ := ask(t, s, "another key", http.MethodGet, "/v1/schema", "")
	require.Equal(t, http.StatusUnauthorized, status)
	status, nodes := ask(t, s, s.APIKey(), http.MethodGet, "/v1/nodes", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, nodes, `"name":"scratch7"`)
	require.DirExists(t, s.Backups())
	status, answer := ask(t, s, s.APIKey(), http.MethodPost, "/v1/schema", `{"class": "Kept"}`)
	require.Equal(t, http.StatusOK, status, answer)
	s.Kill()

	s, err = start(t, o)
	require.NoError(t, err)
	_, schema := ask(t, s, s.APIKey(), http.MethodGet, "/v1/schema", "")
	require.Contains(t, schema, "Kept")
	require.NoError(t, s.Stop())
	<-s.Exited()
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	o := options(t, "node1")
	require.NoError(t, os.WriteFile(o.Data, nil, 0o600))
	_, err := start(t, o)
	require.ErrorContains(t, err, "not a directory")

	o = options(t, "node1")
	require.NoError(t, os.MkdirAll(o.Data, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(o.Data, "raft"), nil, 0o600))
	_, err = start(t, o)
	require.ErrorContains(t, err, "raft", "the end of its log")
}

func TestAServerEndsWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), folderVariable+"="+filepath.Join(t.TempDir(), "data"))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line := make([]byte, 200)
	n, err := out.Read(line)
	require.NoError(t, err)
	url := strings.TrimSpace(string(line[:n]))
	response, err := http.Get(url + "/v1/.well-known/ready")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool {
		response, err := http.Get(url + "/v1/.well-known/ready")
		if err == nil {
			_ = response.Body.Close()
		}
		return err != nil
	}, 10*time.Second, 50*time.Millisecond)
}
