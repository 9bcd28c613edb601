package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/deploy/local/internal/lab"
)

// TestTwoRegions follows one lab through a life: links that are cut and heal, regions that are killed and come back, the
// death of the lab itself. Each part relies on what the earlier ones left.
func TestTwoRegions(t *testing.T) {
	data := newData(t)
	l := upLab(t, data)
	t.Logf("first start: %.1f s\n%s", l.upTook.Seconds(), l.out.String())

	t.Run("the files are complete and private", func(t *testing.T) {
		ready, err := os.ReadFile(l.ready)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(data, lab.LabFile)+"\n", string(ready))
		for _, name := range []string{"lab.json", "lab-state.json", "region-a/meai.yaml", "region-b/meai.yaml", "control/meai.yaml", "control/region-b.yaml", "control/observer.yaml"} {
			info, err := os.Stat(filepath.Join(data, name))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		}
		for _, site := range lab.Sites {
			out, err := meai(t, "region", "begin", "b", "--config", l.Sites[site].Config).CombinedOutput()
			require.Error(t, err, "region a has begun")
			require.Contains(t, string(out), "the register says something else by now", "the product understands the configuration of %s", site)
		}
	})
	t.Run("status tells what runs", func(t *testing.T) {
		out := l.say(t, "status")
		require.Contains(t, out, "this region is primary; a standby streams from it")
		require.Contains(t, out, "waits until this region is primary")
	})
	t.Run("region b streams", func(t *testing.T) {
		l.write(t, "a", "streamed")
		l.requireArrives(t, "b", "streamed")
		require.ErrorContains(t, l.ask(t, "b", "insert into words values ('no')"), "read-only")
	})
	t.Run("observers may connect to either region, no more", func(t *testing.T) {
		for _, region := range lab.Regions {
			conn := connect(t, l.plan.ObserverURL("c", region))
			var recovers bool
			require.NoError(t, conn.QueryRow(t.Context(), "select pg_is_in_recovery()").Scan(&recovers))
			require.Equal(t, region == "b", recovers)
			_, err := conn.Exec(t.Context(), "create table mine (x int)")
			require.Error(t, err)
		}
	})
	t.Run("links", l.testLinks)
	t.Run("regions die and come back", l.testRegions)
	t.Run("Temporal goes on in the other region", l.testFailover)
	t.Run("a web page cannot kill a region", func(t *testing.T) {
		response, err := http.Post(l.API+"/sites/a/kill", "text/plain", strings.NewReader(""))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusUnsupportedMediaType, response.StatusCode)
	})
	t.Run("kill -9 of the lab leaves no process behind", func(t *testing.T) {
		all := l.everyone(t)
		require.Greater(t, len(all), 20)
		kill(t, l.cmd.Process.Pid)
		l.waitEnded(t)
		require.Eventually(t, func() bool { return !slices.ContainsFunc(all, alive) }, time.Minute, 100*time.Millisecond, "of %v some outlive the lab", all)
	})

	l = upLab(t, data)
	t.Logf("start after a kill: %.1f s\n%s", l.upTook.Seconds(), l.out.String())
	l.requireArrives(t, "a", "streamed")
	t.Run("down stops everything in order", func(t *testing.T) {
		all := l.everyone(t)
		l.say(t, "down")
		l.waitEnded(t)
		require.True(t, l.cmd.ProcessState.Success(), l.out.String())
		requireAllGone(t, all)
		require.False(t, exists(filepath.Join(data, lab.LabFile)))
		require.False(t, exists(l.ready))
	})
}

func (l *twoRegionsLab) testLinks(t *testing.T) {
	t.Run("a cut between the regions is one for register and replication", func(t *testing.T) {
		l.say(t, "link", "a", "b", "cut")
		require.False(t, reaches(l.etcdFrom("a", "b")), "a does not reach b's member")
		require.False(t, reaches(l.etcdFrom("b", "a")), "b does not reach a's member")
		require.True(t, reaches(l.etcdFrom("a", "c")) && reaches(l.etcdFrom("b", "c")), "both reach the control site's")
		// The one of the two that does not lead hears no leader; whoever is there asks the control site's member.
		require.True(t, serves(l.own("c")) && (serves(l.own("a")) || serves(l.own("b"))), "two members still decide")
		l.write(t, "a", "cut")
		require.Never(t, func() bool { return l.has(t, "b", "cut") }, 2*time.Second, 100*time.Millisecond)
		l.say(t, "link", "a", "b", "up")
		l.requireArrives(t, "b", "cut")
	})
	for _, way := range [][2]string{{"a", "b"}, {"b", "a"}} {
		t.Run("one way from "+way[0]+" to "+way[1], func(t *testing.T) {
			out := l.say(t, "link", way[0], way[1], "cut", "--one-way")
			require.Contains(t, out, way[0]+" to "+way[1]+": cut")
			require.Contains(t, out, way[1]+" to "+way[0]+": up")
			require.False(t, reaches(l.etcdFrom(way[0], way[1])), "the question is lost")
			require.False(t, reaches(l.etcdFrom(way[1], way[0])), "the answer is lost")
			if way[0] == "a" {
				l.write(t, "a", "one way")
				require.Never(t, func() bool { return l.has(t, "b", "one way") }, 2*time.Second, 100*time.Millisecond)
			}
			l.say(t, "link", way[0], way[1], "up")
			l.requireArrives(t, "b", "one way")
			require.True(t, reaches(l.etcdFrom("a", "b")) && reaches(l.etcdFrom("b", "a")))
		})
	}
	t.Run("a site that is cut off from all others is without a majority", func(t *testing.T) {
		l.say(t, "link", "b", "others", "cut")
		require.Eventually(t, func() bool { return !serves(l.own("b")) }, 20*time.Second, 100*time.Millisecond)
		require.Eventually(t, func() bool { return serves(l.own("a")) && serves(l.own("c")) }, 20*time.Second, 100*time.Millisecond)
		l.say(t, "link", "b", "others", "up")
		require.Eventually(t, func() bool { return serves(l.own("b")) }, 20*time.Second, 100*time.Millisecond)
	})
	t.Run("a slow link delays replication", func(t *testing.T) {
		l.say(t, "link", "a", "b", "slow", "--latency", "700ms")
		began := time.Now()
		l.write(t, "a", "slow")
		l.requireArrives(t, "b", "slow")
		require.GreaterOrEqual(t, time.Since(began), 600*time.Millisecond)
		l.say(t, "link", "a", "b", "up")
	})
}

func (l *twoRegionsLab) testRegions(t *testing.T) {
	for _, region := range []string{"b", "a"} {
		t.Run("region "+region, func(t *testing.T) {
			l.write(t, "a", "before the death of "+region)
			l.requireArrives(t, "b", "before the death of "+region)
			victims := append(descendants(t, l.sites(t)[region].Supervisor), l.sites(t)[region].Supervisor)
			require.Greater(t, len(victims), 8)
			l.say(t, "region", "kill", region)
			for _, pid := range victims {
				require.False(t, alive(pid), "process %d outlives its region", pid)
			}
			require.False(t, l.sites(t)[region].Running)
			out, err := program("status", "--data", l.Data).CombinedOutput()
			require.ErrorContains(t, err, "exit status 3")
			require.Contains(t, string(out), "does not run")
			require.Eventually(t, func() bool { return serves(l.own("c")) }, 20*time.Second, 50*time.Millisecond, "two members decide")
			if region == "b" {
				l.write(t, "a", "while b is away")
			}
			began := time.Now()
			l.say(t, "region", "start", region)
			if region == "b" {
				l.requireArrives(t, "b", "while b is away")
			}
			require.Eventually(t, func() bool {
				return program("status", "--data", l.Data).Run() == nil
			}, time.Minute, 200*time.Millisecond, "the lab is whole again")
			t.Logf("whole %.1f s after the start of region %s", time.Since(began).Seconds(), region)
			l.write(t, "a", "after the death of "+region)
			l.requireArrives(t, "b", "after the death of "+region)
		})
	}
}

// sites asks the lab's interface.
func (l *twoRegionsLab) sites(t *testing.T) map[string]lab.SiteStatus {
	t.Helper()
	var sites map[string]lab.SiteStatus
	getJSON(t, l.API+"/sites", &sites)
	return sites
}
