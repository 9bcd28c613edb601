package supervisor

import (
	"os/exec"
	"syscall"
)

// detach gives the child a process group of its own, so that Ctrl-C reaches the supervisor alone and the stop
// happens in order. The kernel signals the child should its parent die; it backs up the guard.
func detach(cmd *exec.Cmd, orphan syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = orphan
}
