package child

import "syscall"

// endWithParent has the kernel send the child a signal when this process dies.
func endWithParent(attributes *syscall.SysProcAttr, signal syscall.Signal) {
	attributes.Pdeathsig = signal
}
