// Package fencetest gives tests a real etcd cluster of their own, whose members can be killed.
package fencetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/child"
	"meai/internal/fence"
)

// patience bounds the start of a cluster on a busy machine.
const patience = 2 * time.Minute

// Cluster is an etcd cluster, each of whose members is a process.
type Cluster struct {
	// Endpoints are where the members serve clients, in order.
	Endpoints []string

	program string
	dir     string
	names   []string
	peers   string
	flags   []string
	members []*member
}

type member struct {
	cmd   *exec.Cmd
	ended <-chan error
	log   *child.Tail
}

// Start starts a cluster that ends with the test; flags are further ones of 'meai-local etcd', for all members.
func Start(t testing.TB, members int, flags ...string) *Cluster {
	t.Helper()
	c := &Cluster{flags: flags, program: program(t), dir: t.TempDir(), members: make([]*member, members), Endpoints: make([]string, members)}
	peers := make([]string, 0, members)
	for i := range members {
		c.names = append(c.names, string(rune('a'+i)))
		peers = append(peers, fmt.Sprintf("%s=http://127.0.0.1:%d", c.names[i], freePort(t)))
	}
	c.peers = strings.Join(peers, ",")
	t.Cleanup(func() {
		for i := range c.members {
			c.Kill(t, i)
		}
	})
	for i := range c.members {
		c.launch(t, i)
	}
	for i := range c.members {
		c.await(t, i)
	}
	return c
}

// Register opens the register in the cluster for a name of its own, until the test ends.
func (c *Cluster) Register(t testing.TB, name string) *fence.Etcd {
	t.Helper()
	register, err := fence.OpenEtcd(fence.EtcdOptions{Endpoints: c.Endpoints, Cluster: name, Timeout: 2 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, register.Close()) })
	return register
}

// Kill ends a member at once, if it runs.
func (c *Cluster) Kill(t testing.TB, i int) {
	t.Helper()
	if c.members[i] == nil {
		return
	}
	c.Signal(t, i, syscall.SIGKILL)
	t.Logf("member %d: %v", i, <-c.members[i].ended)
	c.members[i] = nil
}

// Signal sends a signal to a member that runs, such as SIGSTOP.
func (c *Cluster) Signal(t testing.TB, i int, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, c.members[i].cmd.Process.Signal(signal))
}

// Restart starts a member again that was killed, at the same addresses, and waits until it serves.
func (c *Cluster) Restart(t testing.TB, i int) {
	t.Helper()
	c.launch(t, i)
	c.await(t, i)
}

func (c *Cluster) ready(i int) string { return filepath.Join(c.dir, c.names[i]+".ready") }

func (c *Cluster) launch(t testing.TB, i int) {
	t.Helper()
	require.NoError(t, os.RemoveAll(c.ready(i)))
	m := &member{log: &child.Tail{}}
	m.cmd = exec.Command(c.program, "etcd", "--data", c.dir, "--ready-file", c.ready(i), "--name", c.names[i], "--members", c.peers)
	m.cmd.Args = append(m.cmd.Args, c.flags...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	ended, err := child.Start(m.cmd, syscall.SIGKILL)
	require.NoError(t, err, "start an etcd member")
	m.ended, c.members[i] = ended, m
}

func (c *Cluster) await(t testing.TB, i int) {
	t.Helper()
	var endpoints []string
	require.Eventually(t, func() bool {
		content, err := os.ReadFile(c.ready(i))
		return err == nil && json.Unmarshal(content, &endpoints) == nil
	}, patience, 20*time.Millisecond, "the member %s does not serve: %s", c.names[i], c.members[i].log)
	c.Endpoints[i] = endpoints[0]
}

// program is meai-local as `make build-stack` builds it.
func program(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	path := filepath.Join(dir, ".local", "bin", "meai-local")
	require.FileExists(t, path, "make build-stack builds it")
	return path
}

// freePort is from below the ranges that systems take the ports of outgoing connections from.
func freePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			require.NoError(t, listener.Close())
			return port
		}
	}
	require.Fail(t, "no free port")
	return 0
}
