package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"meai/internal/child"
)

// Place is where a server keeps what is not part of its cluster, for a server that
// others reach as its configuration says.
type Place struct {
	// Config is its postgresql.conf, and Sockets the folder of its socket: both are
	// outside the cluster's folder, so that no copy of another cluster replaces them.
	Config, Sockets string
	Port            int
	// Log gets what the server prints.
	Log io.Writer
}

// Serve starts a server as the configuration file of its place says, and returns without
// waiting for it ([Server.AwaitAnswer], [Server.AwaitRecovery]). Nothing else may run on
// the cluster's folder (see [End]): what a server that was killed has left behind is
// removed. It ends with this process as [Start]'s does.
func Serve(b Binaries, a Account, data string, p Place) (*Server, error) {
	s := &Server{binaries: b, account: a, data: data, run: p.Sockets, port: p.Port, lent: true, log: &child.Tail{}, exited: make(chan struct{})}
	// The process ids in there may be those of others by now, and PostgreSQL would refuse.
	socket := filepath.Join(p.Sockets, ".s.PGSQL."+strconv.Itoa(p.Port))
	for _, stale := range []string{filepath.Join(data, "postmaster.pid"), socket, socket + ".lock"} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove what a killed server left: %w", err)
		}
	}
	s.cmd = b.Command(context.Background(), a, "postgres", "-D", data, "-c", "config_file="+p.Config)
	s.cmd.Dir = data // from the first moment on: see Processes
	out := io.MultiWriter(s.log, p.Log)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if s.cmd.SysProcAttr == nil {
		s.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	s.cmd.SysProcAttr.Setpgid = true // a terminal's Ctrl-C is for who decides about the server
	return s, s.watch()
}

// AwaitAnswer returns once the server answers, be it in recovery.
func (s *Server) AwaitAnswer(ctx context.Context) error { return s.await(ctx, "select") }

// Signal sends the server a signal; one that has ended gets none.
func (s *Server) Signal(signal syscall.Signal) { _ = s.cmd.Process.Signal(signal) }

// Control is what a cluster's control file says, by the labels of pg_controldata.
func (b Binaries) Control(ctx context.Context, a Account, data string) (map[string]string, error) {
	out, err := b.Command(ctx, a, "pg_controldata", "-D", data).Output()
	if err != nil {
		return nil, fmt.Errorf("read the cluster's control file: %w", err)
	}
	says := map[string]string{}
	for line := range strings.Lines(string(out)) {
		label, value, _ := strings.Cut(line, ":")
		says[strings.TrimSpace(label)] = strings.TrimSpace(value)
	}
	return says, nil
}
