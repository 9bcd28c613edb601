//go:build !linux

package weaviateserver

import "syscall"

// endWithParent does nothing: only Linux tells a child that its parent died.
func endWithParent(*syscall.SysProcAttr) {}
