package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStackLife follows one data folder through a life: first start, deaths of every process, an orderly stop, a
// killed supervisor, restarts. Each part relies on what the earlier ones left.
func TestStackLife(t *testing.T) {
	data := newData(t)
	first := up(t, data)
	t.Logf("first start: %.1f s", first.upTook.Seconds())
	c := first.config(t)
	leaveTraces(t, c)

	t.Run("ready files are complete and private", func(t *testing.T) {
		for _, name := range []string{"meai.yaml", "state.json", "pids.json"} {
			info, err := os.Stat(filepath.Join(data, name))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		}
		path, err := os.ReadFile(first.ready)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(data, "meai.yaml")+"\n", string(path))
		require.Equal(t, "file://"+data+"/keyring?create_dir=true", c.Keyring.Bucket)
		require.Equal(t, "file://"+data+"/kek.key", c.Keyring.KEK)
		require.Equal(t, "file://"+data+"/ledger?create_dir=true", c.Ledger.Buckets)
		require.Equal(t, first.cmd.Process.Pid, first.pids(t).Supervisor)
	})
	t.Run("the cluster and its roles are as the product needs them", func(t *testing.T) { requireRoles(t, c) })
	t.Run("the Temporal web interface answers", func(t *testing.T) {
		response, err := http.Get(c.Temporal.UIURL + "/namespaces")
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
	})
	t.Run("a second supervisor is refused", func(t *testing.T) {
		second := launch(t, data)
		second.waitEnded(t)
		require.Equal(t, 1, second.cmd.ProcessState.ExitCode())
		require.Contains(t, second.out.String(), "a stack is already running on this data folder")
		require.True(t, alive(first.pids(t).Postgres))
	})
	t.Run("status tells what runs", func(t *testing.T) {
		out, err := program("status", "--data", data).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, 3, strings.Count(string(out), "healthy"), string(out))
	})
	for _, name := range []string{"postgres", "temporal", "weaviate"} {
		t.Run("kill -9 of "+name+" is healed without loss", func(t *testing.T) {
			before := first.pids(t)
			kill(t, engines(before)[name])
			require.Eventually(t, func() bool {
				return strings.Contains(first.out.String(), "meai-local: "+name+" is back after")
			}, time.Minute, 50*time.Millisecond)
			after := first.pids(t)
			require.NotEqual(t, engines(before)[name], engines(after)[name])
			requireTraces(t, c)
			for other, pid := range engines(before) {
				if other != name {
					require.Equal(t, pid, engines(after)[other], "%s is not touched", other)
				}
			}
		})
		t.Run("kill -9 of the guard of "+name+" disturbs nothing", func(t *testing.T) {
			before := first.pids(t)
			kill(t, before.Guards[name])
			require.Eventually(t, func() bool {
				return first.pids(t).Guards[name] != before.Guards[name]
			}, 15*time.Second, 50*time.Millisecond)
			require.Equal(t, engines(before), engines(first.pids(t)))
		})
	}
	t.Run("kill -9 of the supervisor leaves no child behind", func(t *testing.T) {
		pids := first.pids(t)
		kill(t, pids.Supervisor)
		first.waitEnded(t)
		requireAllGone(t, everyone(pids))
	})

	second := up(t, data)
	t.Logf("start after a kill: %.1f s\n%s", second.upTook.Seconds(), second.out.String())
	kill(t, second.pids(t).Supervisor)
	second.waitEnded(t)
	second = up(t, data) // at once, while the guards still end the old engines
	t.Run("a restart has everything where it was", func(t *testing.T) {
		require.Equal(t, c, second.config(t), "ports and passwords are remembered")
		requireTraces(t, c)
	})
	forgetBackupRole(t, second, c)
	t.Run("down stops in order and cleanly", func(t *testing.T) {
		pids := second.pids(t)
		out, err := program("down", "--data", data).CombinedOutput()
		require.NoError(t, err, string(out))
		second.waitEnded(t)
		require.True(t, second.cmd.ProcessState.Success())
		requireAllGone(t, everyone(pids))
		require.False(t, exists(filepath.Join(data, "pids.json")))
		require.False(t, exists(second.ready))
		log, err := os.ReadFile(filepath.Join(data, "logs", "postgres.log"))
		require.NoError(t, err)
		require.Contains(t, string(log[strings.LastIndex(string(log), "starting PostgreSQL"):]), "database system is shut down")
	})
	t.Run("status and down say when nothing runs", func(t *testing.T) {
		out, err := program("status", "--data", data).CombinedOutput()
		require.ErrorContains(t, err, "exit status 3")
		require.Contains(t, string(out), "nothing runs on")
		out, err = program("down", "--data", data).CombinedOutput()
		require.ErrorContains(t, err, "exit status 1")
		require.Contains(t, string(out), "nothing runs on")
	})
	t.Run("another number of history shards is refused", func(t *testing.T) {
		refused := launch(t, data, "--history-shards", "8")
		refused.waitEnded(t)
		require.Equal(t, 1, refused.cmd.ProcessState.ExitCode())
		require.Contains(t, refused.out.String(), "made with 4 history shards and cannot run with 8")
	})

	forgetBackupPassword(t, data)
	third := up(t, data)
	t.Logf("second start: %.1f s", third.upTook.Seconds())
	t.Run("a folder of an earlier version gets the role for backups", func(t *testing.T) {
		require.NotEqual(t, c.Backup, third.config(t).Backup)
		requireBackupRole(t, third.config(t))
	})
	t.Run("the death of the supervisor and all guards at once leaves no child behind", func(t *testing.T) {
		requireTraces(t, c)
		if !parentDeathSignal {
			return // without that of the system, somebody has to be left to notice
		}
		pids := third.pids(t)
		kill(t, append([]int{pids.Supervisor}, pids.Guards["postgres"], pids.Guards["temporal"], pids.Guards["weaviate"])...)
		third.waitEnded(t)
		requireAllGone(t, everyone(pids))
	})
}

func TestCtrlCWhileStartingLeavesNothing(t *testing.T) {
	data := newData(t)
	l := launch(t, data)
	log := filepath.Join(data, "logs", "weaviate.log") // made with the first engine that starts
	require.Eventually(t, func() bool { return exists(log) }, 15*time.Minute, 5*time.Millisecond)
	children := childrenOf(t, l.cmd.Process.Pid)
	require.NotEmpty(t, children)

	require.NoError(t, l.cmd.Process.Signal(syscall.SIGINT))

	l.waitEnded(t)
	require.True(t, l.cmd.ProcessState.Success(), l.out.String())
	requireAllGone(t, children)
	require.False(t, exists(l.ready))
}
