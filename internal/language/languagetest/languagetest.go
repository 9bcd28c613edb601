// Package languagetest starts a language model for tests: a process of its own
// that speaks OpenAI's wire format, answers what it is told to, and misbehaves on
// demand.
package languagetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/language"
	"meai/internal/language/languagetest/script"
)

// Server is a running model. It serves whoever brings the API key "key".
type Server struct {
	address string
	cmd     *exec.Cmd
	stdin   io.Closer
}

// build compiles the server once for all tests of a process.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "meai-languagetest-")
	if err != nil {
		return "", err
	}
	folder = dir
	binary := filepath.Join(dir, "server")
	cmd := exec.Command("go", "build", "-o", binary, "meai/internal/language/languagetest/server")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the language model for tests: %w\n%s", err, out)
	}
	return binary, nil
})

// folder is where the server was built, "" when no test needed it.
var folder string

// Clean removes what Start built; TestMain calls it after the tests.
func Clean() {
	if folder != "" {
		if err := os.RemoveAll(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// Start starts a model with a script. It ends with the test.
func Start(t testing.TB, s script.Script) *Server {
	t.Helper()
	return StartAt(t, "127.0.0.1:0", s)
}

// StartAt starts a model at an address, as one that comes back does.
func StartAt(t testing.TB, address string, s script.Script) *Server {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	server := &Server{cmd: exec.Command(binary, "--listen", address)}
	server.cmd.Stderr = os.Stderr
	server.stdin, err = server.cmd.StdinPipe() // it ends when this is closed
	require.NoError(t, err)
	out, err := server.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.cmd.Start())
	t.Cleanup(server.Kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	server.address = strings.TrimSpace(line)
	server.Script(t, s)
	return server
}

// Kill is kill -9.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Address is where the server listens.
func (s *Server) Address() string { return s.address }

// URL is the base URL of the API.
func (s *Server) URL() string { return "http://" + s.address + "/v1" }

// Script changes how the model behaves, and forgets what it was asked.
func (s *Server) Script(t testing.TB, next script.Script) {
	t.Helper()
	body, err := json.Marshal(next)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+s.address+"/script", bytes.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// Asked is a question as the server got it.
type Asked struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	MaxTokens int `json:"max_completion_tokens"`
	Format    struct {
		Type   string `json:"type"`
		Schema struct {
			Name   string          `json:"name"`
			Strict bool            `json:"strict"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	// Raw is the whole body.
	Raw json.RawMessage `json:"-"`
}

// Asked are the questions since the last script.
func (s *Server) Asked(t testing.TB) []Asked {
	t.Helper()
	response, err := http.Get("http://" + s.address + "/asked")
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	var raw []json.RawMessage
	require.NoError(t, json.NewDecoder(response.Body).Decode(&raw))
	asked := make([]Asked, len(raw))
	for i, r := range raw {
		require.NoError(t, json.Unmarshal(r, &asked[i]))
		asked[i].Raw = r
	}
	return asked
}

// Model is the model behind the server, with options changed by some.
func (s *Server) Model(t testing.TB, change ...func(*language.OpenAIOptions)) *language.OpenAI {
	t.Helper()
	o := language.OpenAIOptions{Use: "test", BaseURL: s.URL(), APIKey: "key", Model: "served"}
	for _, f := range change {
		f(&o)
	}
	m, err := language.NewOpenAI(o)
	require.NoError(t, err)
	return m
}
