package mcp

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Server says how one server is reached, and how much of it is used.
type Server struct {
	// Name is ours, for logs, metrics and provenance.
	Name string `yaml:"name"`
	// URL is that of a server that speaks streamable HTTP; Command, a program and its
	// arguments, starts one that speaks on its standard input and output.
	URL     string   `yaml:"url"`
	Command []string `yaml:"command"`
	// Token is sent to the URL as a bearer token.
	Token Secret `yaml:"token"`
	// Env is the whole environment of the command.
	Env map[string]Secret `yaml:"env"`
	// Tools are those that may be called. All others are not, whatever is asked.
	Tools []Tool `yaml:"tools"`
	// ConnectTimeout bounds a start with its handshake, Timeout a call; 0 means 5 s
	// and 600 ms.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	Timeout        time.Duration `yaml:"timeout"`
	// MostBytes is the longest result, 0 means 64 KiB.
	MostBytes int `yaml:"most_bytes"`
	// Concurrency is how many calls may be under way, 0 means 4.
	Concurrency int `yaml:"concurrency"`
}

// Tool is a tool that may be called.
type Tool struct {
	Name string `yaml:"name"`
	// Pin is the hash of what the server must say of the tool. Without one, what it
	// says first is what it must go on saying.
	Pin string `yaml:"pin"`
}

// Secret is a text that is not shown.
type Secret string

// String implements [fmt.Stringer].
func (Secret) String() string { return "(secret)" }

// GoString implements [fmt.GoStringer].
func (s Secret) GoString() string { return s.String() }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// mostFrame is the longest message that is read from a server.
const mostFrame = 1 << 20

// name is what servers and tools may be called: both turn up in logs and ids.
var name = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_./-]{0,62}[A-Za-z0-9])?$`)

// WithDefaults fills in what was left at zero.
func (s Server) WithDefaults() Server {
	if s.ConnectTimeout == 0 {
		s.ConnectTimeout = 5 * time.Second
	}
	if s.Timeout == 0 {
		s.Timeout = 600 * time.Millisecond
	}
	if s.MostBytes == 0 {
		s.MostBytes = 64 << 10
	}
	if s.Concurrency == 0 {
		s.Concurrency = 4
	}
	return s
}

// Validate names everything that is wrong, each with the JSON pointer of the entry
// below at. Values are not quoted: they may be secrets.
func (s Server) Validate(at string) []error {
	var problems []error
	check := func(fine bool, where, rule string) {
		if !fine {
			problems = append(problems, fmt.Errorf("%s/%s: %s", at, where, rule))
		}
	}
	check(name.MatchString(s.Name), "name", "must be a name of letters, digits, dots and dashes")
	check((s.URL != "") != (len(s.Command) > 0), "url", "either this or command must be set")
	if s.URL != "" {
		check(isSafe(s.URL), "url", "must be an https:// URL without credentials; http:// for this machine alone")
		check(len(s.Env) == 0, "env", "is for a command")
	}
	if len(s.Command) > 0 {
		check(filepath.IsAbs(s.Command[0]), "command/0", "must be an absolute path")
		check(s.Token == "", "token", "is for a url")
	}
	check(!strings.ContainsAny(string(s.Token), "\r\n"), "token", "must be one line")
	for variable, value := range s.Env {
		check(variable != "" && !strings.ContainsAny(variable, "=\x00") && !strings.Contains(string(value), "\x00"), "env", "must be names with values")
	}
	check(len(s.Tools) > 0, "tools", "must name a tool")
	seen := map[string]bool{}
	for i, t := range s.Tools {
		where := fmt.Sprintf("tools/%d", i)
		check(name.MatchString(t.Name), where+"/name", "must be a name of letters, digits, dots and dashes")
		check(!seen[t.Name], where+"/name", "is there twice")
		seen[t.Name] = true
		raw, err := hex.DecodeString(t.Pin)
		check(t.Pin == "" || err == nil && len(raw) == hashSize, where+"/pin", "must be the pin that the log shows")
	}
	check(s.ConnectTimeout >= 0 && s.ConnectTimeout <= time.Minute, "connect_timeout", "must be at most 1m")
	check(s.Timeout >= 0 && s.Timeout <= 3*time.Second, "timeout", "must be at most 3s")
	check(s.MostBytes >= 0 && s.MostBytes <= mostFrame, "most_bytes", "must be at most 1048576")
	check(s.Concurrency >= 0 && s.Concurrency <= 100, "concurrency", "must be at most 100")
	return problems
}

func isSafe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
