// Package promserver runs Prometheus and Alertmanager of our own from the system's
// binaries, for tests and for the pictures of dashboards. They listen on loopback alone,
// keep their data in a folder that they are given, and end with this process.
package promserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"meai/internal/child"
)

// ErrNotInstalled: no such program was found.
var ErrNotInstalled = errors.New("not installed; scripts/prometheus installs it")

const (
	startWithin = time.Minute
	probeEvery  = 50 * time.Millisecond
	attempts    = 3
)

// names are those of the programs by their packages; Debian's Alertmanager has another.
var names = map[string][]string{
	"prometheus": {"prometheus"}, "promtool": {"promtool"}, "amtool": {"amtool"},
	"alertmanager": {"prometheus-alertmanager", "alertmanager"},
}

// Find returns the path of prometheus, promtool, alertmanager or amtool; [ErrNotInstalled]
// when it is not there.
func Find(program string) (string, error) {
	for _, name := range names[program] {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, ErrNotInstalled)
}

// Server is one of the two programs, running.
type Server struct {
	// URL is where it answers, without a slash at the end.
	URL    string
	cmd    *exec.Cmd
	log    *child.Tail
	exited chan struct{}
	err    error // how it ended, once exited is closed
}

// Prometheus starts a Prometheus with a file of configuration and returns once it is ready.
func Prometheus(ctx context.Context, config, data string) (*Server, error) {
	return start(ctx, "prometheus", func(address string) []string {
		return []string{"--config.file=" + config, "--storage.tsdb.path=" + data, "--web.listen-address=" + address, "--enable-feature=exemplar-storage", "--log.level=warn"}
	})
}

// Alertmanager starts an Alertmanager with a file of configuration and returns once it is
// ready. It has no peers.
func Alertmanager(ctx context.Context, config, data string) (*Server, error) {
	return start(ctx, "alertmanager", func(address string) []string {
		return []string{"--config.file=" + config, "--storage.path=" + data, "--web.listen-address=" + address, "--cluster.listen-address=", "--log.level=warn"}
	})
}

func start(ctx context.Context, program string, arguments func(address string) []string) (*Server, error) {
	path, err := Find(program)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for attempt := 1; ; attempt++ {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		s := &Server{URL: "http://" + address, log: &child.Tail{}, exited: make(chan struct{})}
		s.cmd = exec.Command(path, arguments(address)...)
		s.cmd.Stdout, s.cmd.Stderr, s.cmd.Env = s.log, s.log, append(os.Environ(), "GOMAXPROCS=1")
		ended, err := child.Start(s.cmd, syscall.SIGKILL)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", program, err)
		}
		go func() { s.err = <-ended; close(s.exited) }()
		if err = s.await(ctx); err == nil {
			return s, nil
		}
		s.Stop()
		// Another process may have taken the port meanwhile.
		if attempt == attempts || !strings.Contains(s.log.String(), "address already in use") {
			return nil, fmt.Errorf("start %s: %w\n%s", program, err, s.log)
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (s *Server) await(ctx context.Context) error {
	for {
		if s.ready(ctx) {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("it ended: %w", s.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(probeEvery):
		}
	}
}

func (s *Server) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/-/ready", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close() // nothing of it is read
	return response.StatusCode == http.StatusOK
}

// Log is the end of what the server has printed.
func (s *Server) Log() string { return s.log.String() }

// Stop ends the server and waits for that. Its data is of no use afterwards.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.exited
}
