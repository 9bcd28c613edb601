// Package weaviateserver runs Weaviate servers of our own from a binary: the scratch
// server that a backup of the index is restored into to prove it.
//
// deploy/local runs the development stack's server; it is a module of its own and
// shares no code with this one. The binary should be the one that it builds: those of
// the project's releases listen on every interface for calls between nodes, and some of
// these ask for no password.
package weaviateserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"meai/internal/child"
)

const (
	loopback     = "127.0.0.1"
	probeEvery   = 50 * time.Millisecond
	probeTimeout = 2 * time.Second
	startWithin  = 3 * time.Minute
	stopWithin   = 30 * time.Second
	// attempts to start: another process may take a port that was free a moment ago.
	attempts = 3
)

// ErrNotInstalled: no Weaviate server was found.
var ErrNotInstalled = errors.New("no Weaviate server binary found")

// Find returns the newest server that `make` built above the working folder, or the one
// in the path of programs; [ErrNotInstalled] without any.
func Find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working folder: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		found, _ := filepath.Glob(filepath.Join(dir, ".local", "bin", "weaviate-*-loopback")) // it fails for malformed patterns only
		if len(found) > 0 {
			return slices.Max(found), nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if path, err := exec.LookPath("weaviate"); err == nil {
		return path, nil
	}
	return "", ErrNotInstalled
}

// Options say what to run.
type Options struct {
	Binary string
	// Data is the server's folder, made when it is not there. A folder of an earlier
	// server has its collections.
	Data string
	// Node is the name of the node, which a restore needs to be that of the backup.
	Node string
}

// Server is a Weaviate server that only who knows its key can use. It listens on
// loopback, and ends with this process, on Linux also when that is killed.
type Server struct {
	options Options
	key     string
	ports   ports
	cmd     *exec.Cmd
	log     *child.Tail
	exited  chan struct{}
	err     error // how it ended, once exited is closed
}

// Start runs a server and returns once it is ready, within three minutes. When it ends
// before that, the error holds the end of its log.
func Start(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of a Weaviate server: %w", err)
	}
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key for a Weaviate server: %w", err)
	}
	for attempt := 1; ; attempt++ {
		s := &Server{options: o, key: hex.EncodeToString(key), log: &child.Tail{}, exited: make(chan struct{})}
		err := s.start(ctx)
		if err == nil {
			return s, nil
		}
		if attempt == attempts || !strings.Contains(s.Log(), "address already in use") {
			return nil, err
		}
	}
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.ports, err = freePorts(); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return err
	}
	if err := s.await(ctx); err != nil {
		s.Kill()
		return err
	}
	return nil
}

func (s *Server) launch() error {
	s.cmd = exec.Command(s.options.Binary, "--scheme", "http", "--host", loopback, "--port", strconv.Itoa(s.ports.rest))
	s.cmd.Dir = s.options.Data
	s.cmd.Env = s.environment()
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	ended, err := child.Start(s.cmd, syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("start Weaviate: %w", err)
	}
	go func() {
		s.err = <-ended
		close(s.exited)
	}()
	return nil
}

// environment is complete: nothing of the caller's may switch on modules, telemetry or
// ports. The settings are those of deploy/local/internal/weaviate.
func (s *Server) environment() []string {
	node, p := s.options.Node, s.ports
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.options.Data,
		"GOMEMLIMIT=1GiB", "LOG_LEVEL=warning", "LOG_FORMAT=json", "DISABLE_TELEMETRY=true", "GO_PROFILING_DISABLE=true",

		"PERSISTENCE_DATA_PATH=" + s.options.Data,
		// Otherwise 1.35.2 keeps up to 4 KiB of a write-ahead log as it is, and a tenant all of
		// whose quantised vectors are in it is found by none of them after a start.
		"PERSISTENCE_MAX_REUSE_WAL_SIZE=0",
		"ENABLE_MODULES=backup-filesystem", "BACKUP_FILESYSTEM_PATH=" + s.Backups(),
		"API_BASED_MODULES_DISABLED=true", "DEFAULT_VECTORIZER_MODULE=none", "AUTOSCHEMA_ENABLED=false",

		"CLUSTER_HOSTNAME=" + node, "CLUSTER_IN_LOCALHOST=true",
		// Without an address to advertise, a host that has IPv6 addresses only fails to start.
		"CLUSTER_ADVERTISE_ADDR=" + loopback, "CLUSTER_BIND_ADDR=" + loopback,
		"CLUSTER_GOSSIP_BIND_PORT=" + strconv.Itoa(p.gossip), "CLUSTER_DATA_BIND_PORT=" + strconv.Itoa(p.gossip+1),
		"CLUSTER_BASIC_AUTH_USERNAME=" + node, "CLUSTER_BASIC_AUTH_PASSWORD=" + s.key,
		"RAFT_PORT=" + strconv.Itoa(p.raft), "RAFT_INTERNAL_RPC_PORT=" + strconv.Itoa(p.raft+1),
		"RAFT_BOOTSTRAP_EXPECT=1", "RAFT_JOIN=" + node + ":" + strconv.Itoa(p.raft),
		// A single node elects itself once the timeouts for slow links run out.
		"RAFT_TIMEOUTS_MULTIPLIER=1",
		"GRPC_PORT=" + strconv.Itoa(p.grpc),

		"AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED=false", "AUTHENTICATION_APIKEY_ENABLED=true",
		"AUTHENTICATION_APIKEY_ALLOWED_KEYS=" + s.key, "AUTHENTICATION_APIKEY_USERS=meai",
		"AUTHORIZATION_RBAC_ENABLED=true", "AUTHORIZATION_RBAC_ROOT_USERS=meai",
	}
}

// URL is where clients connect.
func (s *Server) URL() string {
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(s.ports.rest))
}

// APIKey lets them in.
func (s *Server) APIKey() string { return s.key }

// Backups is the folder of the backend "filesystem".
func (s *Server) Backups() string { return filepath.Join(s.options.Data, "backups") }

// Log is the end of what the server printed.
func (s *Server) Log() string { return s.log.String() }

// Exited is closed once the server has ended.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// await asks until the server is ready, or ends.
func (s *Server) await(ctx context.Context) error {
	client := http.Client{Timeout: probeTimeout}
	defer client.CloseIdleConnections()
	for {
		err := ready(ctx, &client, s.URL()+"/v1/.well-known/ready")
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("weaviate ended (%v): %s", s.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("weaviate is not ready (%w): %v: %s", ctx.Err(), err, s.Log())
		case <-time.After(probeEvery):
		}
	}
}

func ready(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers with status %d", response.StatusCode)
	}
	return nil
}

// Stop ends the server cleanly.
func (s *Server) Stop() error {
	// It has ended already when the signal does not arrive.
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		return s.err
	case <-time.After(stopWithin):
		s.Kill()
		return fmt.Errorf("weaviate did not stop within %s and was killed", stopWithin)
	}
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}
