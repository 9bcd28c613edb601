package region

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// cluster is the region's PostgreSQL: its folder, its settings, and the server while one
// runs. One job at a time works with it.
type cluster struct {
	*Options
	own, peer server
	home      string // with links resolved: processes are found by it

	recoverWithin time.Duration // of a server that nobody else reaches

	mu     sync.Mutex
	server *pgserver.Server // nil while none runs
}

// askWithin bounds a question to a server that should answer at once.
const askWithin = 2 * time.Second

func openCluster(o *Options) (*cluster, error) {
	c := &cluster{Options: o, recoverWithin: readWithin}
	var err error
	if c.own, err = parseServer(o.Servers[o.Region]); err != nil {
		return nil, err
	}
	if c.peer, err = parseServer(o.Servers[o.other()]); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Home, 0o711); err != nil {
		return nil, fmt.Errorf("make the agent's folder: %w", err)
	}
	if c.home, err = filepath.EvalSymlinks(o.Home); err == nil {
		c.home, err = filepath.Abs(c.home)
	}
	if err != nil {
		return nil, fmt.Errorf("find the agent's folder: %w", err)
	}
	if strings.ContainsAny(c.home, "'\\") {
		return nil, errors.New("the agent's folder must not have quotes or backslashes in its path")
	}
	for _, dir := range []string{c.path("run"), c.path("diverged")} {
		if err := o.Account.MakeFolder(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	if !o.Account.CanReach(context.Background(), c.path("run")) {
		return nil, fmt.Errorf("PostgreSQL's account %q cannot reach %s", o.Account.Name, c.home)
	}
	return c, nil
}

func (c *cluster) path(name string) string { return filepath.Join(c.home, name) }
func (c *cluster) data() string            { return c.path("data") }

// exists reports whether there is a cluster.
func (c *cluster) exists() (bool, error) { return c.holds("PG_VERSION") }

// follows reports whether the cluster would start as a standby.
func (c *cluster) follows() (bool, error) { return c.holds(standbySignal) }

const standbySignal = "standby.signal"

func (c *cluster) holds(name string) (bool, error) {
	_, err := os.Stat(filepath.Join(c.data(), name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the cluster: %w", err)
	}
	return true, nil
}

// running is the server, nil for none, or for one that has ended.
func (c *cluster) running() *pgserver.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		select {
		case <-c.server.Exited():
			c.server = nil
		default:
		}
	}
	return c.server
}

// launch starts the server, with the settings that were written, and does not wait.
func (c *cluster) launch() (*pgserver.Server, error) {
	if err := c.end(); err != nil { // what a killed agent has left
		return nil, err
	}
	port, err := strconv.Atoi(c.own.port)
	if err != nil {
		return nil, fmt.Errorf("read the port of PostgreSQL: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, err = pgserver.Serve(c.Binaries, c.Account, c.data(),
		pgserver.Place{Config: c.path(settingsFile), Sockets: c.path("run"), Port: port, Log: c.Log})
	if err != nil {
		c.server = nil
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return c.server, nil
}

// end ends the server at once. When it returns without an error none of its processes runs.
func (c *cluster) end() error {
	for _, dir := range []string{c.data(), c.path("cloning")} {
		if err := end(dir, c.Timings); err != nil {
			return err
		}
	}
	return nil
}

// shutDown ends the server in order, with a checkpoint that its standby gets as well, and
// says where that is. When the context ends before it does, it runs on.
func (c *cluster) shutDown(ctx context.Context) (clean bool, at fence.LSN, err error) {
	if s := c.running(); s != nil {
		s.Signal(syscall.SIGINT)
		select {
		case <-s.Exited():
		case <-ctx.Done():
			return false, 0, ctx.Err()
		}
	}
	if err := c.end(); err != nil {
		return false, 0, err
	}
	return c.lastCheckpoint(ctx)
}

// lastCheckpoint is where the stopped cluster's log ends, if it was shut down in order
// while it served.
func (c *cluster) lastCheckpoint(ctx context.Context) (clean bool, at fence.LSN, err error) {
	says, err := c.Binaries.Control(ctx, c.Account, c.data())
	if err != nil {
		return false, 0, err
	}
	if at, err = fence.ParseLSN(says["Latest checkpoint location"]); err != nil {
		return false, 0, err
	}
	return says["Database cluster state"] == "shut down", at, nil
}

// connect connects as the superuser, over the private socket.
func (c *cluster) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	s := c.running()
	if s == nil {
		return nil, errors.New("PostgreSQL does not run")
	}
	return pgx.Connect(ctx, s.URL(c.own.user, database))
}

// ask asks one question of the own server.
func (c *cluster) ask(ctx context.Context, sql string, args []any, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	conn, err := c.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	return answer(ctx, conn, sql, args, into...)
}

// askPeer asks one question of the other region's server.
func (c *cluster) askPeer(ctx context.Context, sql string, args []any, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askWithin)
	defer cancel()
	conn, err := connectTo(ctx, c.peer)
	if err != nil {
		return err
	}
	return answer(ctx, conn, sql, args, into...)
}

func connectTo(ctx context.Context, s server) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		return nil, fmt.Errorf("connect to the other region's PostgreSQL: %w", err)
	}
	return conn, nil
}

func answer(ctx context.Context, conn *pgx.Conn, sql string, args []any, into ...any) error {
	defer hangUp(conn)
	if len(into) == 0 {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	}
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}

// hangUp closes a connection on which nothing is pending, and waits for nobody.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), hangUpWithin)
	defer cancel()
	_ = conn.Close(ctx) // the server sees that it is gone in any case
}

const hangUpWithin = 100 * time.Millisecond
