// Package region is the agent beside a region's PostgreSQL. It alone starts, stops,
// clones, promotes and rewinds it, and does so as internal/fence decides.
//
// [Agent.Run] reads the register, asks [fence.Decide], and carries out what that says.
// What takes long is a job beside it ([Agent.serve], [Agent.follow], [Agent.shutDown]),
// so that the lease is renewed meanwhile. Three things end PostgreSQL in time when the
// lease is lost: the agent itself; its watchdog, a process of its own that knows the
// deadline, when the agent hangs or dies; and the kernel, when both die.
//
// Everything that the agent writes lies outside the cluster's folder, because a copy of
// the other region's cluster replaces what is in there.
package region

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// Options say what an agent takes care of.
type Options struct {
	// Region is its name. Servers are the URLs of a superuser of each region's
	// PostgreSQL, by region: its own says where it listens.
	Region  string
	Servers map[string]string
	// Home is the agent's folder: the cluster is in "data" below it.
	Home     string
	Binaries pgserver.Binaries
	Account  pgserver.Account

	Register fence.Register
	Timings  fence.Timings
	Clock    fence.Clock
	// Mode is [fence.Async] or [fence.Sync]. Patience is how long commits wait for a
	// standby that does not answer, in the latter.
	Mode     fence.Replication
	Patience time.Duration

	// ServeOld lets a cluster serve that never followed the region which served last. What
	// that one acknowledged is lost, and the database begins in quarantine.
	ServeOld bool

	// Trusted are the roles that may connect while the product's may not: to a standby,
	// and to a server that was just promoted. They need passwords.
	Trusted []string
	// Database is the product's.
	Database string
	// BeginEpoch begins the epoch in a promoted database that has lost nothing, and
	// BeginQuarantine a quarantine in one that may have; both at a superuser's URL, and
	// both may be repeated. Nobody of the product connects before.
	BeginEpoch      func(ctx context.Context, url string, epoch int64, failover string) error
	BeginQuarantine func(ctx context.Context, url string, failover string, lsn fence.LSN, at time.Time) error

	// Watchdog is the command that runs [Watch] for a cluster's folder.
	Watchdog func(data string) *exec.Cmd
	Logger   *slog.Logger
	// Log gets what PostgreSQL prints.
	Log io.Writer
	// Reached is told of each step of a promotion and a rejoining, for tests; nil for
	// nobody.
	Reached func(step string)
}

// defaultDatabase is the product's, where none is named.
const defaultDatabase = "meai"

func (o *Options) check() error {
	if _, ok := o.Servers[o.Region]; !ok || o.Region == "" {
		return fmt.Errorf("regions.postgres names no server of the region %q", o.Region)
	}
	if len(o.Servers) != 2 {
		return fmt.Errorf("regions.postgres names %d regions, there must be two", len(o.Servers))
	}
	for _, region := range slices.Sorted(maps.Keys(o.Servers)) {
		if _, err := parseServer(o.Servers[region]); err != nil {
			return fmt.Errorf("regions.postgres, region %s: %w", region, err)
		}
	}
	if err := o.Timings.Validate(); err != nil {
		return fmt.Errorf("regions.lease: %w", err)
	}
	if o.Database == "" {
		o.Database = defaultDatabase
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Reached == nil {
		o.Reached = func(string) {}
	}
	return nil
}

// other is the region that is not the agent's.
func (o *Options) other() string {
	for region := range o.Servers {
		if region != o.Region {
			return region
		}
	}
	return "" // check has refused this
}

// ParseServers reads what regions.postgres lists: region=URL.
func ParseServers(list []string) (map[string]string, error) {
	servers := map[string]string{}
	for _, item := range list {
		region, at, ok := strings.Cut(item, "=")
		if _, twice := servers[region]; !ok || region == "" || twice {
			return nil, errors.New("regions.postgres: each must be region=URL, for another region") // which may be a secret
		}
		servers[region] = at
	}
	return servers, nil
}

// server is another's PostgreSQL, or where the own one listens.
type server struct {
	url                        url.URL
	host, port, user, password string
}

func parseServer(text string) (server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Hostname() == "" || u.User.Username() == "" {
		return server{}, errors.New("must be a postgres:// URL with a user and a host") // which is not quoted
	}
	s := server{url: *u, host: u.Hostname(), port: u.Port(), user: u.User.Username()}
	s.password, _ = u.User.Password()
	if s.port == "" {
		s.port = "5432"
	}
	return s, nil
}

// libpq is how PostgreSQL and its tools connect there: the password is in a file, because
// everybody on the machine can read arguments. A server that went away without a word is
// noticed soon.
func (s server) libpq(application, passfile string) string {
	u := s.url
	u.User = url.User(s.user)
	q := u.Query()
	for name, value := range map[string]string{
		"application_name": application, "passfile": passfile, "connect_timeout": "5",
		"keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3", "tcp_user_timeout": "10000",
	} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// pass is the server's line of a password file.
func (s server) pass() string {
	escape := strings.NewReplacer(`\`, `\\`, `:`, `\:`)
	return strings.Join([]string{escape.Replace(s.host), s.port, "*", escape.Replace(s.user), escape.Replace(s.password)}, ":") + "\n"
}

// Installed finds the PostgreSQL that the cluster in an agent's folder was made by, or the
// newest one, which also is for a cluster that does not say.
func Installed(ctx context.Context, home string) (pgserver.Binaries, error) {
	text, err := os.ReadFile(filepath.Join(home, "data", "PG_VERSION"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pgserver.Binaries{}, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		major = 0 // a damaged cluster is the agent's to replace
	}
	return pgserver.Find(ctx, major)
}
