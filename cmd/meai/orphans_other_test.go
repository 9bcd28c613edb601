//go:build !linux

package main_test

import "syscall"

// diesWithParent asks for nothing where the kernel offers nothing.
func diesWithParent() *syscall.SysProcAttr { return nil }
