package enginetest

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// redisServers are the programs that will do, in this order.
var redisServers = []string{"valkey-server", "redis-server"}

// Redis is a Redis or Valkey server of one test, in memory and on a socket of its own.
type Redis struct {
	// URL is how a client connects.
	URL string

	program, socket string
	cmd             *exec.Cmd
}

// NewRedis starts a server that ends with the test. Without a program the test
// fails and says how to get one.
func NewRedis(t testing.TB) *Redis {
	t.Helper()
	// A socket's path may have 100 characters, which t.TempDir can exceed.
	dir, err := os.MkdirTemp("", "meai-redis-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "socket")
	r := &Redis{URL: "unix://" + socket, program: redisServer(t), socket: socket}
	t.Cleanup(func() { r.Kill(t) })
	r.Start(t)
	return r
}

func redisServer(t testing.TB) string {
	t.Helper()
	for _, name := range redisServers {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	t.Fatal("no Valkey or Redis server to test against: scripts/redis installs one, as `make test` does")
	return ""
}

// Start starts the server, again after [Redis.Kill]; it holds nothing then.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	r.cmd = exec.Command(r.program, "--port", "0", "--unixsocket", r.socket, "--save", "", "--appendonly", "no", "--dir", filepath.Dir(r.socket))
	require.NoError(t, r.cmd.Start())
	require.Eventually(t, func() bool {
		connection, err := net.Dial("unix", r.socket)
		return err == nil && connection.Close() == nil
	}, 30*time.Second, 5*time.Millisecond, "the server starts")
}

// Kill is kill -9.
func (r *Redis) Kill(t testing.TB) {
	t.Helper()
	if r.cmd == nil {
		return
	}
	require.NoError(t, r.cmd.Process.Kill())
	var killed *exec.ExitError
	require.True(t, errors.As(r.cmd.Wait(), &killed), "it ran until now")
	r.cmd = nil
}

// Hang leaves the server's connections open and answers nothing, until [Redis.Resume].
func (r *Redis) Hang(t testing.TB) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGSTOP))
}

// Resume ends what [Redis.Hang] began.
func (r *Redis) Resume(t testing.TB) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGCONT))
}
