package mcp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/mcp"
)

func TestEveryFaultOfAServerIsNamed(t *testing.T) {
	fine := mcp.Server{Name: "library", URL: "https://mcp.example.org/mcp", Tools: []mcp.Tool{{Name: "search"}}}
	require.Empty(t, fine.Validate("/servers/0"))
	fine.URL = "http://127.0.0.1:8000"
	require.Empty(t, fine.Validate("/servers/0"))
	for fault, change := range map[string]func(*mcp.Server){
		"/s/name: must be a name":                          func(s *mcp.Server) { s.Name = "a b" },
		"/s/url: either this or command":                   func(s *mcp.Server) { s.Command = []string{"/bin/x"} },
		"/s/url: must be an https:// URL":                  func(s *mcp.Server) { s.URL = "http://mcp.example.org" },
		"/s/url: must be an https:// URL without":          func(s *mcp.Server) { s.URL = "https://u:hunter2@mcp.example.org" },
		"/s/env: is for a command":                         func(s *mcp.Server) { s.Env = map[string]mcp.Secret{"A": "hunter2"} },
		"/s/command/0: must be an absolute path":           func(s *mcp.Server) { s.URL, s.Command = "", []string{"npx"} },
		"/s/token: is for a url":                           func(s *mcp.Server) { s.URL, s.Command, s.Token = "", []string{"/bin/x"}, "hunter2" },
		"/s/token: must be one line":                       func(s *mcp.Server) { s.Token = "hunter2\n" },
		"/s/tools: must name a tool":                       func(s *mcp.Server) { s.Tools = nil },
		"/s/tools/0/name: must be a name":                  func(s *mcp.Server) { s.Tools = []mcp.Tool{{Name: "*"}} },
		"/s/tools/1/name: is there twice":                  func(s *mcp.Server) { s.Tools = []mcp.Tool{{Name: "a"}, {Name: "a"}} },
		"/s/tools/0/pin: must be the pin":                  func(s *mcp.Server) { s.Tools = []mcp.Tool{{Name: "a", Pin: "abc"}} },
		"/s/timeout: must be at most 3s":                   func(s *mcp.Server) { s.Timeout = time.Minute },
		"/s/connect_timeout: must be at most 1m":           func(s *mcp.Server) { s.ConnectTimeout = -1 },
		"/s/most_bytes: must be at most 1048576":           func(s *mcp.Server) { s.MostBytes = 1 << 30 },
		"/s/concurrency: must be at most 100":              func(s *mcp.Server) { s.Concurrency = 1000 },
		"/s/env: must be names with values":                func(s *mcp.Server) { s.URL, s.Command, s.Env = "", []string{"/x"}, map[string]mcp.Secret{"A=B": ""} },
		"/s/url: either this or command must be set":       func(s *mcp.Server) { s.URL = "" },
		"/s/name: must be a name of letters, digits, dots": func(s *mcp.Server) { s.Name = "" },
	} {
		broken := fine
		change(&broken)
		err := errors.Join(broken.Validate("/s")...)
		require.ErrorContains(t, err, fault)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestASecretIsNotShown(t *testing.T) {
	s := mcp.Server{Name: "a", Token: "hunter2", Env: map[string]mcp.Secret{"KEY": "hunter2"}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "server", s, "token", s.Token)
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", s, s, s, s.Token)+log.String()+string(raw), "hunter2")
}
