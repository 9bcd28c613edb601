package pgserver

import "syscall"

// endWithParent has the kernel end the child, at once and without a checkpoint, when
// this process dies.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGQUIT }
