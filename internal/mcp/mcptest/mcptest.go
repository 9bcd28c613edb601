// Package mcptest starts MCP servers for tests: processes of their own, over standard
// input and output or over HTTP, that record what they are asked and misbehave on
// demand.
package mcptest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/mcp/mcptest/script"
)

// build compiles the server once for all tests of a process.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "meai-mcptest-")
	if err != nil {
		return "", err
	}
	folder = dir
	binary := filepath.Join(dir, "server")
	cmd := exec.Command("go", "build", "-o", binary, "meai/internal/mcp/mcptest/server")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the MCP server for tests: %w\n%s", err, out)
	}
	return binary, nil
})

// folder is where the server was built, "" when no test needed it.
var folder string

// Clean removes what was built; TestMain calls it after the tests.
func Clean() {
	if folder != "" {
		if err := os.RemoveAll(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// Server is a server with its script and its record.
type Server struct {
	binary, folder string
}

// New prepares a server. Nothing runs yet.
func New(t testing.TB, s script.Script) *Server {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	server := &Server{binary: binary, folder: t.TempDir()}
	server.Script(t, s)
	return server
}

// Command is what starts the server on standard input and output.
func (s *Server) Command() []string { return []string{s.binary, "--folder", s.folder} }

// Listen starts the server behind a URL and returns that, and what kills it (-9). It
// ends with the test.
func (s *Server) Listen(t testing.TB, address string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(s.binary, "--folder", s.folder, "--listen", address)
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe() // it ends when this is closed
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return "http://" + strings.TrimSpace(line), kill
}

// Script changes how the server behaves, at once and whole.
func (s *Server) Script(t testing.TB, next script.Script) {
	t.Helper()
	body, err := json.Marshal(next)
	require.NoError(t, err)
	fresh := filepath.Join(s.folder, "next.json")
	require.NoError(t, os.WriteFile(fresh, body, 0o600))
	require.NoError(t, os.Rename(fresh, filepath.Join(s.folder, "script.json")))
}

// Record is what the server was asked so far, of the methods named.
func (s *Server) Record(t testing.TB, methods ...string) []script.Entry {
	t.Helper()
	raw := s.Raw(t)
	var found []script.Entry
	for line := range bytes.Lines(raw) {
		var e script.Entry
		require.NoError(t, json.Unmarshal(line, &e))
		for _, m := range methods {
			if e.Method == m {
				found = append(found, e)
			}
		}
	}
	return found
}

// Raw is the whole record, to look for what must not be in it.
func (s *Server) Raw(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.folder, "record.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	return raw
}

// Processes are the ids of the servers that were started, the last one last.
func (s *Server) Processes(t testing.TB) []int {
	t.Helper()
	var pids []int
	for _, e := range s.Record(t, "start") {
		pids = append(pids, e.PID)
	}
	return pids
}

// Running reports whether a process is there and not yet a zombie's remains.
func Running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !bytes.Contains(state, []byte(") Z "))
}
