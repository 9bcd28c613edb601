//go:build !linux

package supervisor

import (
	"os/exec"
	"syscall"
)

// detach gives the child a process group of its own, so that Ctrl-C reaches the supervisor alone and the stop
// happens in order. Without the parent-death signal of Linux the guard alone watches over orphans.
func detach(cmd *exec.Cmd, _ syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}
