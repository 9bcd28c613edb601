//go:build !linux

package lab

import (
	"fmt"
	"net"
)

// distinctHosts: elsewhere 127.0.0.1 alone is this machine until somebody says otherwise.
func distinctHosts(host string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return fmt.Errorf("each site needs addresses of its own; add 127.0.S.1 and 127.0.S.101 to 127.0.S.103 for S from 1 to 3 "+
			"(macOS: sudo ifconfig lo0 alias 127.0.1.1, and so on): %w", err)
	}
	return listener.Close()
}
