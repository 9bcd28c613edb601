package weaviateserver

import "syscall"

// endWithParent has the kernel kill the child when this process dies.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
