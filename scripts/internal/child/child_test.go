package child

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start("the child", exec.Command("sh", "-c", script))
	require.NoError(t, err)
	return p
}

func TestStopIsGentle(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	p := shell(t, `trap 'exit 0' TERM; touch '`+ready+`'; while :; do sleep 0.01; done`)
	require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, p.Stop(10*time.Second))
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	p := shell(t, `trap '' TERM; touch '`+ready+`'; while :; do sleep 0.01; done`)
	require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 10*time.Second, 5*time.Millisecond)
	require.ErrorContains(t, p.Stop(50*time.Millisecond), "was killed")
	<-p.Done()
}

func TestAnEndIsSeen(t *testing.T) {
	p := shell(t, "exit 3")
	<-p.Done()
	require.EqualError(t, p.Err(), "the child: exit status 3")
	require.EqualError(t, p.Stop(time.Second), "the child: exit status 3")
}

func TestTail(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(log, []byte("one\ntwo\nthree\n"), 0o600))
	require.Equal(t, "two\nthree", Tail(log, 2))
	require.Equal(t, "one\ntwo\nthree", Tail(log, 9))
	require.Contains(t, Tail(log+".none", 2), "cannot be read")
}
