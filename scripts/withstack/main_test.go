package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeEngines is a meai-local that writes down when it starts and stops.
const fakeEngines = `#!/bin/sh
[ "$1" = status ] && exit 3
data=$3 ready=$5
trap 'echo stopped >>"$data/log"; rm "$ready"; exit 0' TERM
echo started >>"$data/log"
echo "$data/meai.yaml" >"$ready"
while :; do sleep 0.02; done
`

// withstack is the program under test, built once.
var withstack string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "withstack-")
	if err == nil {
		withstack = filepath.Join(dir, "withstack")
		err = exec.Command("go", "build", "-o", withstack, ".").Run()
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// prepare returns withstack with a command to run, and the folder of the fake engines.
func prepare(t *testing.T, command ...string) (*exec.Cmd, string) {
	t.Helper()
	data := t.TempDir()
	program := filepath.Join(data, "meai-local")
	require.NoError(t, os.WriteFile(program, []byte(fakeEngines), 0o700))
	args := append([]string{"--program", program, "--data", data, "--"}, command...)
	return exec.Command(withstack, args...), data
}

func logOf(t *testing.T, data string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "log"))
	require.NoError(t, err)
	return string(text)
}

func TestTheCommandRunsWhileTheEnginesAreUp(t *testing.T) {
	cmd, data := prepare(t, "sh", "-c", `cat "$(dirname "$MEAI_TEST_CONFIG")/log"; echo "got $1"`, "sh", "--an-argument")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "started\ngot --an-argument\n", string(out))
	require.Equal(t, "started\nstopped\n", logOf(t, data))
}

func TestTheExitStatusIsTheCommands(t *testing.T) {
	cmd, data := prepare(t, "sh", "-c", "exit 7")
	require.EqualError(t, cmd.Run(), "exit status 7")
	require.Equal(t, "started\nstopped\n", logOf(t, data))
}

func TestAStopSignalEndsTheCommandAndThenTheEngines(t *testing.T) {
	cmd, data := prepare(t, "sh", "-c", `echo running >>"$(dirname "$MEAI_TEST_CONFIG")/log"; exec sleep 600`)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(data, "log"))
		return err == nil && string(text) == "started\nrunning\n"
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.EqualError(t, cmd.Wait(), "exit status 143")
	require.Equal(t, "started\nrunning\nstopped\n", logOf(t, data))
}

func TestACommandThatDoesNotExist(t *testing.T) {
	cmd, data := prepare(t, "no-such-command")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "run no-such-command")
	require.Equal(t, "started\nstopped\n", logOf(t, data))
}
