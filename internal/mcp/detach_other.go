//go:build !linux

package mcp

import (
	"os/exec"
	"syscall"
)

// detach leaves it to the end of its input that a server ends with this process.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
