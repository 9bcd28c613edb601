package pgserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/child"
)

// Superuser is the role that owns a cluster made by [Binaries.Init].
const Superuser = "postgres"

const (
	privatePort  = 5432 // names the socket, in a folder of its own
	probeEvery   = 50 * time.Millisecond
	probeTimeout = 2 * time.Second
	stopWithin   = 30 * time.Second
)

// Init makes a new, empty cluster in a folder that must not exist: checksums, UTF8,
// locale C, as the product's are.
func (b Binaries) Init(ctx context.Context, a Account, data string) error {
	if err := a.MakeFolder(data); err != nil {
		return err
	}
	return b.Run(ctx, a, "initdb", "--pgdata", data, "--username", Superuser, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions")
}

// Server is a PostgreSQL server that nobody but this process can reach: it listens on
// no network, only on a socket in a private folder, and lets in whoever gets there. It
// ends with this process, on Linux also when that is killed.
type Server struct {
	binaries Binaries
	account  Account
	data     string
	run      string // folder of the socket
	port     int
	lent     bool // that folder is another's to remove
	cmd      *exec.Cmd
	log      *child.Tail
	exited   chan struct{}
	err      error // how it ended, once exited is closed
}

// Start runs a server on a cluster's folder and returns once it answers, which during
// recovery is as soon as it can be read ([Server.AwaitRecovery] waits for the end). It
// takes settings over those of the folder; those of postgresql.conf and pg_hba.conf
// that would let others in are overridden. When it ends before it answers, the error
// holds the end of its log.
func Start(ctx context.Context, b Binaries, a Account, data string, settings map[string]string) (*Server, error) {
	s := &Server{binaries: b, account: a, data: data, port: privatePort, log: &child.Tail{}, exited: make(chan struct{})}
	// A socket's path may have 107 bytes, a test's folder has more.
	run, err := os.MkdirTemp("", "meai-pg-")
	if err != nil {
		return nil, fmt.Errorf("make the socket's folder: %w", err)
	}
	s.run = run
	if err := s.launch(settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(run))
	}
	if err := s.await(ctx, "select"); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

func (s *Server) launch(settings map[string]string) error {
	if err := s.account.Own(s.run); err != nil {
		return fmt.Errorf("hand the socket's folder over: %w", err)
	}
	hba := filepath.Join(s.run, "hba")
	if err := os.WriteFile(hba, []byte("local all all trust\nlocal replication all trust\n"), 0o600); err != nil {
		return fmt.Errorf("write the access rules: %w", err)
	}
	if err := s.account.Own(hba); err != nil {
		return fmt.Errorf("hand the access rules over: %w", err)
	}
	all := maps.Clone(settings)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, map[string]string{
		"listen_addresses": "", "port": strconv.Itoa(privatePort), "unix_socket_directories": s.run, "hba_file": hba, "logging_collector": "off",
		"log_destination": "stderr", "ssl": "off", "log_statement": "none", "log_min_error_statement": "panic",
	})
	args := []string{"-D", s.data}
	for name, value := range all {
		args = append(args, "-c", name+"="+value)
	}
	s.cmd = s.binaries.Command(context.Background(), s.account, "postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	return s.watch()
}

// watch starts the command and sees it end.
func (s *Server) watch() error {
	// SIGQUIT ends it at once and without a checkpoint, as a crash would.
	ended, err := child.Start(s.cmd, syscall.SIGQUIT)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	go func() {
		s.err = <-ended
		close(s.exited)
	}()
	return nil
}

// URL connects as a role to a database of the server.
func (s *Server) URL(role, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: url.Values{"host": {s.run}, "port": {strconv.Itoa(s.port)}}.Encode()}
	return u.String()
}

// PID is the process of the server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Log is the end of what the server printed.
func (s *Server) Log() string { return s.log.String() }

// AwaitRecovery returns once recovery has ended and the server can be written to. That
// it answers says nothing: it does as soon as what it has is consistent.
func (s *Server) AwaitRecovery(ctx context.Context) error {
	return s.await(ctx, "select 1/(not pg_is_in_recovery())::int")
}

// ErrDamaged: the server runs, and lets nobody in because of what its files are.
var ErrDamaged = errors.New("PostgreSQL lets nobody in, because its files are damaged")

// ErrEnded: the server was started, and ended before it did what was waited for.
var ErrEnded = errors.New("PostgreSQL ended")

// mostRefusals is how often in a row it may do so: what is read while it is written anew is
// whole a moment later.
const mostRefusals = 20

// await asks until the server answers without an error, or ends, or is found damaged.
func (s *Server) await(ctx context.Context, question string) error {
	refusals := 0
	for {
		err := s.ask(ctx, question)
		if err == nil {
			return nil
		}
		if refusals++; !damaged(err) {
			refusals = 0
		}
		if refusals >= mostRefusals {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("%w (%v): %s", ErrEnded, s.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL is not ready (%w): %v", ctx.Err(), err)
		case <-time.After(probeEvery):
		}
	}
}

// damaged reports whether an error is of the class for internal errors and corrupt data.
func damaged(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && strings.HasPrefix(said.Code, "XX")
}

func (s *Server) ask(ctx context.Context, question string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(Superuser, "postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, question)
	return err
}

// Stop ends the server cleanly, with a checkpoint.
func (s *Server) Stop() error {
	// It has ended already when the signal does not arrive.
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-s.exited:
	case <-time.After(stopWithin):
		s.Kill()
		return fmt.Errorf("PostgreSQL did not stop within %s and was killed", stopWithin)
	}
	return errors.Join(s.err, s.clear())
}

func (s *Server) clear() error {
	if s.lent {
		return nil
	}
	return os.RemoveAll(s.run)
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
	_ = s.clear()
}

// Exited is closed once the server has ended.
func (s *Server) Exited() <-chan struct{} { return s.exited }
