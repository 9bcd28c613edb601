package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/tools/sql"
	"go.yaml.in/yaml/v3"

	"meai/deploy/local/internal/stack"
)

// asProgram makes the test binary be meai-local, so that the tests run the real thing as a process of its own. The
// guard and the Temporal child inherit it.
const asProgram = "MEAI_LOCAL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	if os.Getenv(asSQLTool) != "" {
		if err := sql.RunTool(os.Args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sharedBin keeps the Weaviate server between test runs and checkouts of the same version.
const sharedBin = "../../.local/bin"

func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// output collects what a running program prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// local is one run of "meai-local up".
type local struct {
	data   string
	cmd    *exec.Cmd
	out    output
	ended  chan struct{}
	ready  string
	upTook time.Duration
}

// newData makes a data folder that the unprivileged account of PostgreSQL can reach, unlike t.TempDir.
func newData(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-local-*")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "data")
}

// launch starts "up" and does not wait for it to be ready. Whatever happens, the test leaves nothing running.
func launch(t *testing.T, data string, extra ...string) *local {
	t.Helper()
	bin, err := filepath.Abs(sharedBin)
	require.NoError(t, err)
	l := &local{data: data, ended: make(chan struct{}), ready: data + ".ready"}
	l.cmd = program(append([]string{"up", "--data", data, "--bin", bin, "--free-ports", "--ready-file", l.ready}, extra...)...)
	l.cmd.Stdout, l.cmd.Stderr = &l.out, &l.out
	// With pipes that survivors keep open, waiting for a killed program would never end.
	l.cmd.WaitDelay = time.Second
	// A killed run leaves its ready file, which says nothing about this one.
	require.NoError(t, os.RemoveAll(l.ready))
	require.NoError(t, l.cmd.Start())
	go func() {
		// The exit status is checked where it matters, through ProcessState.
		_ = l.cmd.Wait()
		close(l.ended)
	}()
	t.Cleanup(func() { l.stop(t) })
	return l
}

// up starts the stack and waits until it is ready.
func up(t *testing.T, data string, extra ...string) *local {
	t.Helper()
	began := time.Now()
	l := launch(t, data, extra...)
	// The first run on a machine builds the Weaviate server.
	deadline := time.After(15 * time.Minute)
	for !exists(l.ready) {
		select {
		case <-l.ended:
			require.FailNow(t, "meai-local ended early", l.out.String())
		case <-deadline:
			require.FailNow(t, "meai-local is not ready", l.out.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	l.upTook = time.Since(began)
	return l
}

func (l *local) stop(t *testing.T) {
	t.Helper()
	// Fails only when it has ended already.
	_ = l.cmd.Process.Signal(syscall.SIGINT)
	l.waitEnded(t)
}

func (l *local) waitEnded(t *testing.T) {
	t.Helper()
	select {
	case <-l.ended:
	case <-time.After(time.Minute):
		require.FailNow(t, "meai-local does not end", l.out.String())
	}
}

func (l *local) pids(t *testing.T) stack.PIDs {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.data, "pids.json"))
	require.NoError(t, err)
	var pids stack.PIDs
	require.NoError(t, json.Unmarshal(text, &pids))
	return pids
}

func engines(p stack.PIDs) map[string]int {
	return map[string]int{"postgres": p.Postgres, "temporal": p.Temporal, "weaviate": p.Weaviate}
}

func everyone(p stack.PIDs) []int {
	all := []int{p.Postgres, p.Temporal, p.Weaviate}
	for _, guard := range p.Guards {
		all = append(all, guard)
	}
	return all
}

// config is the part of meai.yaml that the tests use; unknown keys are an error.
type config struct {
	Postgres struct {
		URL       string `yaml:"url"`
		OwnerURL  string `yaml:"owner_url"`
		ReaderURL string `yaml:"reader_url"`
	} `yaml:"postgres"`
	Temporal struct {
		Address   string `yaml:"address"`
		Namespace string `yaml:"namespace"`
		UIURL     string `yaml:"ui_url"`
	} `yaml:"temporal"`
	Codec struct {
		Origins string `yaml:"cors_origins"`
	} `yaml:"codec"`
	Weaviate struct {
		URL    string `yaml:"url"`
		APIKey string `yaml:"api_key"`
	} `yaml:"weaviate"`
	Keyring struct {
		Bucket string `yaml:"bucket"`
		KEK    string `yaml:"kek"`
	} `yaml:"keyring"`
	Ledger struct {
		Buckets string `yaml:"buckets"`
	} `yaml:"ledger"`
	Backup struct {
		PostgresURL    string `yaml:"postgres_url"`
		WeaviateBucket string `yaml:"weaviate_bucket"`
		WeaviateBinary string `yaml:"weaviate_binary"`
	} `yaml:"backup"`
	Privacy struct {
		MaintenanceURLs string `yaml:"maintenance_urls"`
	} `yaml:"privacy"`
}

func (l *local) config(t *testing.T) config {
	t.Helper()
	file, err := os.Open(filepath.Join(l.data, "meai.yaml"))
	require.NoError(t, err)
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var c config
	require.NoError(t, decoder.Decode(&c))
	return c
}

func (l *local) state(t *testing.T) stack.State {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.data, "state.json"))
	require.NoError(t, err)
	var s stack.State
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// alive is false for a process that ended, also when its parent never collects it.
func alive(pid int) bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

func requireAllGone(t *testing.T, pids []int) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, pid := range pids {
			if alive(pid) {
				return false
			}
		}
		return true
	}, 15*time.Second, 100*time.Millisecond, "of %v some outlive their supervisor", pids)
}

func kill(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
}

func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "ppid=,pid=").Output()
	require.NoError(t, err)
	var children []int
	for line := range strings.Lines(string(out)) {
		var ppid, pid int
		_, err := fmt.Sscan(line, &ppid, &pid)
		require.NoError(t, err)
		if ppid == parent {
			children = append(children, pid)
		}
	}
	return children
}

// freePort is one that nobody listened on a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().(*net.TCPAddr).Port
}
