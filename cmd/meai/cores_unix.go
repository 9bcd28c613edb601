//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// leaveNoCores forbids core files: the memory of a process that serves people
// holds their words and keys, and a crash must not write it to the disk.
func leaveNoCores() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	return nil
}
