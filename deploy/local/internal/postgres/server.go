package postgres

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/deploy/local/internal/supervisor"
)

const loopback = "127.0.0.1"

// Passwords of the cluster's roles.
type Passwords struct {
	Superuser string `json:"superuser"`
	Owner     string `json:"owner"`
	App       string `json:"app"`
	Reader    string `json:"reader"`
	Backup    string `json:"backup"`
	Observer  string `json:"observer"`
	Temporal  string `json:"temporal"`
}

// Config says where a server lives and how it is reached.
type Config struct {
	// Home is the server's folder in the data folder; it may become a link to a folder elsewhere.
	Home string
	// Fresh says that the data folder was just created.
	Fresh     bool
	Host      string // address that it listens on; 127.0.0.1 when empty
	Port      int
	Passwords Passwords
}

// Server is the PostgreSQL of one data folder.
type Server struct {
	config   Config
	binaries Binaries
	account  account
	home     string // Home with links resolved
	data     string // the cluster itself
}

// Open places the server's folder and, when there is no cluster yet, creates one. created tells which.
func Open(ctx context.Context, binaries Binaries, config Config) (server *Server, created bool, err error) {
	s := &Server{config: config, binaries: binaries}
	if s.account, err = unprivileged(); err != nil {
		return nil, false, err
	}
	if err := place(ctx, s.account, config.Home, outside, config.Fresh); err != nil {
		return nil, false, err
	}
	if s.home, err = filepath.EvalSymlinks(config.Home); err != nil {
		return nil, false, fmt.Errorf("find the cluster's folder: %w", err)
	}
	s.data = filepath.Join(s.home, "data")
	major, err := Major(s.data)
	if err != nil {
		return nil, false, err
	}
	switch {
	case major == 0:
		return s, true, s.initialise(ctx)
	case config.Fresh:
		return nil, false, fmt.Errorf("%s holds a cluster whose passwords are gone with the state file of the data folder; restore that file or remove the folder", s.home)
	default:
		return s, false, nil
	}
}

// Probe describes a server that another process runs; only its health can be asked.
func Probe(port int, passwords Passwords) *Server {
	return At(loopback, port, passwords)
}

// At is [Probe] for a server at any address.
func At(host string, port int, passwords Passwords) *Server {
	return &Server{config: Config{Host: host, Port: port, Passwords: passwords}}
}

// Engine describes the server to the supervisor.
func (s *Server) Engine() supervisor.Engine {
	return supervisor.Engine{
		Name:         "postgres",
		Command:      s.command,
		Healthy:      s.healthy,
		StopSignal:   syscall.SIGINT, // fast shutdown: ends sessions, writes a checkpoint
		StopWithin:   30 * time.Second,
		OrphanSignal: syscall.SIGQUIT, // immediate shutdown: nothing waits for clients, recovery does the rest
		StartWithin:  2 * time.Minute, // recovery after a crash replays the log
	}
}

func (s *Server) command(ctx context.Context) (*exec.Cmd, error) {
	if err := s.clearStale(ctx); err != nil {
		return nil, err
	}
	if err := s.writeSettings(); err != nil {
		return nil, err
	}
	// Detached from ctx, which bounds the start only.
	return s.account.command(context.WithoutCancel(ctx), s.data, s.binaries.path("postgres"),
		"-D", s.data, "-p", strconv.Itoa(s.config.Port)), nil
}

func (s *Server) healthy(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url(superuser, s.config.Passwords.Superuser, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// RoleURL connects as any role to the database postgres.
func (s *Server) RoleURL(role, password string) string { return s.url(role, password, "postgres") }

// SuperuserURL connects as the role that owns the cluster.
func (s *Server) SuperuserURL() string {
	return s.url(superuser, s.config.Passwords.Superuser, "postgres")
}

// TemporalURL connects to Temporal's database as its owner.
func (s *Server) TemporalURL() string {
	return s.url("temporal", s.config.Passwords.Temporal, "temporal")
}

// OwnerURL connects to the product's database as the role that migrates it.
func (s *Server) OwnerURL() string { return s.url("meai_owner", s.config.Passwords.Owner, "meai") }

// AppURL connects as the application, for which row-level security applies.
func (s *Server) AppURL() string { return s.url("meai_app", s.config.Passwords.App, "meai") }

// ReaderURL connects read-only.
func (s *Server) ReaderURL() string { return s.url("meai_reader", s.config.Passwords.Reader, "meai") }

// BackupURL connects as the role that takes backups.
func (s *Server) BackupURL() string { return s.url("meai_backup", s.config.Passwords.Backup, "meai") }

// MaintenanceURLs connect to every database as the role that owns it, the product's first.
func (s *Server) MaintenanceURLs() []string {
	return []string{
		s.OwnerURL(),
		s.TemporalURL(),
		s.url("temporal", s.config.Passwords.Temporal, "temporal_visibility"),
	}
}

// Version names the running server, for example "15.18".
func (s *Server) Version() string { return s.binaries.Version }

func (s *Server) url(user, password, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, password),
		Host:     net.JoinHostPort(cmp.Or(s.config.Host, loopback), strconv.Itoa(s.config.Port)),
		Path:     database,
		RawQuery: "sslmode=disable", // loopback only
	}
	return u.String()
}

// Installed tells which major version the cluster in home has, for choosing the binaries before Open.
func Installed(home string) (int, error) {
	resolved, err := filepath.EvalSymlinks(home)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find the cluster's folder: %w", err)
	}
	return Major(filepath.Join(resolved, "data"))
}
