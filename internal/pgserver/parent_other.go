//go:build !linux

package pgserver

import "syscall"

// endWithParent does nothing: only Linux tells a child that its parent died.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
