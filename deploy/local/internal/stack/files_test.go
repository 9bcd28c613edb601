package stack

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/deploy/local/internal/folder"
)

// leftBehind is a process that goes by a name, as a killed supervisor might leave it; it ends after a time.
func leftBehind(t *testing.T, name, seconds string) int {
	t.Helper()
	cmd := exec.Command("sleep", seconds)
	cmd.Args[0] = name
	require.NoError(t, cmd.Start())
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }() // how it ends does not matter
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
	})
	return cmd.Process.Pid
}

func TestAStartWaitsForTheEnginesOfAKilledSupervisor(t *testing.T) {
	data := t.TempDir()
	s := &Stack{options: Options{Data: data}}
	s.awaitPredecessor(t.Context()) // nothing was ever started

	engine := leftBehind(t, "postgres", "1")
	require.NoError(t, folder.WriteJSON(filepath.Join(data, pidsFile), PIDs{Postgres: engine}))
	s.awaitPredecessor(t.Context())
	require.ErrorIs(t, syscall.Kill(engine, 0), syscall.ESRCH)

	stranger := leftBehind(t, "somebody", "60")
	require.NoError(t, folder.WriteJSON(filepath.Join(data, pidsFile), PIDs{Guards: map[string]int{"postgres": stranger}}))
	started := time.Now()
	s.awaitPredecessor(t.Context())
	require.Less(t, time.Since(started), predecessorWithin, "an id that is somebody else's by now")
}
