package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestACrashLeavesNoMemoryBehind starts meai with as large a limit for core files
// as the machine allows, and has it crash.
func TestACrashLeavesNoMemoryBehind(t *testing.T) {
	declaration, err := filepath.Abs("../../temporal.yaml")
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", `ulimit -c "$(ulimit -Hc)"; exec "$@"`, "sh", binary, "api")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOTRACEBACK=crash", "MEAI_POSTGRES_URL=postgres://a:b@127.0.0.1:1/c",
		"MEAI_API_LISTEN="+freePort(t), "MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_TEMPORAL_DECLARATION="+declaration)
	out := &journal{}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, diesWithParent()
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return strings.Contains(out.String(), `"serving"`) }, within, within/600)

	limits, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "limits"))
	require.NoError(t, err)
	require.Regexp(t, `Max core file size +0 +0 `, string(limits), "wherever the system would put core files")
	require.NoError(t, cmd.Process.Signal(syscall.SIGABRT))
	require.Error(t, cmd.Wait())
	left, err := filepath.Glob(filepath.Join(cmd.Dir, "core*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
