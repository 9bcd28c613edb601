package network

import (
	"bufio"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo is a service that answers each line with itself.
func echo(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for lines := bufio.NewReader(conn); ; {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					if _, err := conn.Write([]byte(line)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// two sites of which each reaches a service of the other.
func two(t *testing.T) *Network {
	t.Helper()
	n, err := Start([]Route{
		{From: "a", To: "b", Service: "echo", Listen: "127.0.0.1:0", Upstream: echo(t)},
		{From: "b", To: "a", Service: "echo", Listen: "127.0.0.1:0", Upstream: echo(t)},
	})
	require.NoError(t, err)
	t.Cleanup(n.Stop)
	return n
}

func dial(t *testing.T, n *Network, route int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.proxies[route].Listen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask says something and waits for the same; it returns how long that took.
func ask(t *testing.T, conn net.Conn, patience time.Duration) (time.Duration, error) {
	t.Helper()
	began := time.Now()
	require.NoError(t, conn.SetDeadline(began.Add(patience)))
	if _, err := conn.Write([]byte("ping\n")); err != nil {
		return 0, err
	}
	_, err := bufio.NewReader(conn).ReadString('\n')
	return time.Since(began), err
}

const short, long = 300 * time.Millisecond, 10 * time.Second

func TestACutIsSilentForOldAndNewConnectionsAndHeals(t *testing.T) {
	n := two(t)
	for _, link := range []Link{{From: "a", To: "b"}, {From: "b", To: "a"}} {
		t.Run(link.From+" to "+link.To, func(t *testing.T) {
			// Questions go one way and answers the other: either cut leaves both sites without an answer.
			old := []net.Conn{dial(t, n, 0), dial(t, n, 1)}
			for _, conn := range old {
				_, err := ask(t, conn, long)
				require.NoError(t, err)
			}
			link.State = Cut
			require.NoError(t, n.Set(link))
			require.Contains(t, n.Links(), link)
			for _, conn := range append(old, dial(t, n, 0), dial(t, n, 1)) {
				_, err := ask(t, conn, short)
				require.True(t, errors.Is(err, os.ErrDeadlineExceeded), "silence, not %v", err)
			}
			link.State = Up
			require.NoError(t, n.Set(link))
			for _, conn := range old {
				_, err := ask(t, conn, long)
				require.Error(t, err, "what was lost cannot be made good: the connection ends")
				require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "it ends at once")
			}
			for route := range n.routes {
				_, err := ask(t, dial(t, n, route), long)
				require.NoError(t, err)
			}
		})
	}
}

func TestASlowLinkDelaysEachDirectionByItself(t *testing.T) {
	n := two(t)
	conn := dial(t, n, 0)
	require.NoError(t, n.Set(Link{From: "a", To: "b", State: Slow, LatencyMS: 200}))
	took, err := ask(t, conn, long)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 200*time.Millisecond)
	require.NoError(t, n.Set(Link{From: "b", To: "a", State: Slow, LatencyMS: 300}))
	took, err = ask(t, conn, long)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 500*time.Millisecond)
	require.NoError(t, n.Set(Link{From: "a", To: "b", State: Up}))
	require.NoError(t, n.Set(Link{From: "b", To: "a", State: Up}))
	took, err = ask(t, conn, long)
	require.NoError(t, err)
	require.Less(t, took, 200*time.Millisecond)
}

func TestALinkIsRefused(t *testing.T) {
	n := two(t)
	for _, link := range []Link{
		{From: "a", To: "x", State: Cut}, {From: "a", To: "a", State: Cut}, {From: "a", To: "b", State: "down"}, {From: "a", To: "b", State: Slow},
		{From: "a", To: "b", State: Slow, LatencyMS: 60_001}, {From: "a", To: "b", State: Cut, LatencyMS: 1},
	} {
		require.Error(t, n.Set(link), "%v", link)
	}
	require.Equal(t, []Link{{From: "a", To: "b", State: Up}, {From: "b", To: "a", State: Up}}, n.Links())
}
