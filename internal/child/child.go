// Package child starts programs that end with this process, and keeps the end of what
// they print.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a command that ends with this process: on Linux the kernel sends it
// the signal when this process dies, however that happens. The channel gets how the
// command ended, once, and is closed.
func Start(cmd *exec.Cmd, signal syscall.Signal) (<-chan error, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	endWithParent(cmd.SysProcAttr, signal)
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		// The kernel ties the child to the thread that started it, which must not end before.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
		close(ended)
	}()
	return ended, <-started
}
