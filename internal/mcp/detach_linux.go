package mcp

import (
	"os/exec"
	"syscall"
)

// detach relies on Go never ending an operating system thread of its own accord: the
// parent-death signal is sent when the thread that forked ends.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
