package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNetworkNamespaces cuts packets instead of bytes. Only root may make namespaces; others have the lab without them.
func TestNetworkNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	l := upLab(t, newData(t), "--netns")
	t.Logf("first start: %.1f s", l.upTook.Seconds())
	hears := func(from, to string) bool {
		url := l.etcdFrom(from, to) + "/version"
		return exec.Command("ip", "netns", "exec", l.Sites[from].NetNS, "curl", "--silent", "--fail", "--max-time", "1", url).Run() == nil
	}
	l.write(t, "a", "streamed")
	l.requireArrives(t, "b", "streamed")
	require.True(t, hears("a", "b") && hears("b", "a") && hears("a", "c"))

	for _, way := range [][2]string{{"a", "b"}, {"b", "a"}} {
		out := l.say(t, "link", way[0], way[1], "cut", "--one-way")
		require.Contains(t, out, way[1]+" to "+way[0]+": up")
		require.False(t, hears("a", "b") || hears("b", "a"), "TCP needs both ways")
		require.True(t, hears("a", "c") && hears("b", "c"))
		l.write(t, "a", "cut from "+way[0])
		if way[0] == "a" { // the other way the standby hears until nobody believes it any more
			require.Never(t, func() bool { return l.has(t, "b", "cut from "+way[0]) }, 2*time.Second, 100*time.Millisecond)
		}
		l.say(t, "link", way[0], way[1], "up")
		require.True(t, hears("a", "b") && hears("b", "a"))
		l.requireArrives(t, "b", "cut from "+way[0])
	}
	out, err := program("link", "a", "b", "slow", "--data", l.Data).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "up or cut")

	all, namespace := l.everyone(t), l.Sites["a"].NetNS
	l.say(t, "region", "kill", "b")
	l.say(t, "down")
	l.waitEnded(t)
	require.False(t, slices.ContainsFunc(all, alive))
	left, err := exec.Command("ip", "netns", "list").Output()
	require.NoError(t, err)
	require.NotContains(t, string(left), namespace)
}
