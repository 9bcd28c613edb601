package waf

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// firewall is a running nginx with the configuration of this folder in front of an upstream.
type firewall struct {
	t        *testing.T
	url      string
	address  string
	folder   string
	upstream *upstream
}

// upstream answers everything and remembers what reached it.
type upstream struct {
	before  func(*http.Request) // is called before the body is read, when set; not changed later
	mu      sync.Mutex
	handler http.HandlerFunc // answers instead, when set
	last    *http.Request
	body    []byte
	count   int
}

// answered is in every answer of the upstream: words of a person.
const answered = "canaryanswer"

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u.before != nil {
		u.before(r)
	}
	body, _ := io.ReadAll(r.Body)
	u.mu.Lock()
	u.last, u.body = r, body
	u.count++
	handler := u.handler
	u.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-Id", "of-the-api")
	_, _ = io.WriteString(w, `{"text":"`+answered+`"}`)
}

func (u *upstream) seen() (request *http.Request, body []byte, count int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last, u.body, u.count
}

// host is the API's public name.
const host = "api.example.org"

// start runs nginx, as start.sh starts it, until the test ends; what is given is set instead of the usual.
func start(t *testing.T, given map[string]string) *firewall {
	t.Helper()
	folder, templates := t.TempDir(), t.TempDir()
	for _, name := range files(t) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(templates, name), explained(text), 0o600))
	}
	u := &upstream{}
	api := httptest.NewServer(u)
	t.Cleanup(api.Close)
	address := freeAddress(t)
	settings := map[string]string{
		"WORKERS": "1", "FOLDER": folder, "LISTEN": address, "API": strings.TrimPrefix(api.URL, "http://"),
		"BEHIND": "127.0.0.1/32", "RATE": "100000", "BURST": "100000",
	}
	maps.Copy(settings, given)
	if os.Geteuid() == 0 {
		settings["DIRECTIVES"] = "user root;" // the folder is the test's own
	}
	run(t, filepath.Join(templates, "start.sh"), settings, address)
	f := &firewall{t: t, url: "http://" + address, address: address, folder: folder, upstream: u}
	if os.Getenv("WAF_EXPLAIN") != "" {
		t.Cleanup(func() { t.Log(f.written()["error.log"]) })
	}
	return f
}

// explained has the rules say what they found, when WAF_EXPLAIN is set: for whoever looks for the reason of a refusal.
func explained(text []byte) []byte {
	if os.Getenv("WAF_EXPLAIN") == "" {
		return text
	}
	text = bytes.ReplaceAll(text, []byte(",nolog,noauditlog,pass\""), []byte(",log,auditlog,pass\""))
	return bytes.ReplaceAll(text, []byte("error.log crit"), []byte("error.log info"))
}

func files(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.conf", "*.inc", "*.template", "start.sh"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, names)
		all = append(all, names...)
	}
	return all
}

func run(t *testing.T, script string, settings map[string]string, address string) {
	t.Helper()
	var said bytes.Buffer
	nginx := exec.Command("sh", script)
	nginx.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range settings {
		nginx.Env = append(nginx.Env, "MEAI_WAF_"+name+"="+value)
	}
	nginx.Stderr = &said
	require.NoError(t, nginx.Start(), "scripts/waf installs it")
	ended := make(chan struct{})
	go func() { _ = nginx.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = nginx.Process.Signal(os.Interrupt) // at once
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = nginx.Process.Kill()
			t.Error("nginx did not stop")
		}
	})
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			t.Fatalf("nginx ended: %s", said.String())
		default:
		}
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends one request. Headers are names and values in turn.
func (f *firewall) send(method, path, body string, headers ...string) answer {
	f.t.Helper()
	r, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	require.NoError(f.t, err)
	r.Host = host // an address for a name would count as a sign of an attack by itself
	r.Header.Set("User-Agent", "meai-test/1")
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(f.t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(f.t, err)
	return answer{response.StatusCode, response.Header, string(text)}
}

// refused requires that it is a problem of this status that the firewall told.
func (f *firewall) refused(a answer, statuses ...int) {
	f.t.Helper()
	require.Contains(f.t, statuses, a.status, a.body)
	require.Equal(f.t, "application/problem+json", a.header.Get("Content-Type"))
	require.Equal(f.t, "no-store", a.header.Get("Cache-Control"))
	require.NotEmpty(f.t, a.header.Get("X-Request-Id"))
	var problem struct {
		Type, Title, Code string
		Status            int
	}
	require.NoError(f.t, json.Unmarshal([]byte(a.body), &problem), a.body)
	require.Equal(f.t, a.status, problem.Status)
	require.NotEmpty(f.t, problem.Title)
	require.NotEmpty(f.t, problem.Type)
	require.NotEmpty(f.t, problem.Code)
}

// written is everything in the firewall's folder but its configuration.
func (f *firewall) written() map[string]string {
	f.t.Helper()
	found := map[string]string{}
	require.NoError(f.t, filepath.WalkDir(f.folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(path)) == "rules" {
			return err
		}
		text, err := os.ReadFile(path)
		found[filepath.Base(path)] = string(text)
		return err
	}))
	return found
}
