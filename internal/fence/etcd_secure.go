package fence

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

	"google.golang.org/grpc/credentials"
)

// secured reports whether the members are reached over TLS: all of them, or none.
func secured(endpoints []string) (over, mixed bool) {
	count := 0
	for _, e := range endpoints {
		if strings.HasPrefix(e, "https://") {
			count++
		}
	}
	return count > 0, count > 0 && count < len(endpoints)
}

// perHost are TLS credentials that differ by the host that is dialled: a certificate is held against the name of the
// member that shows it, and no other member's.
type perHost struct {
	credentials.TransportCredentials
	of func(host string) *tls.Config
}

func newPerHost(of func(host string) *tls.Config) perHost {
	return perHost{TransportCredentials: credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}), of: of}
}

// ClientHandshake implements [credentials.TransportCredentials].
func (p perHost) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = authority
	}
	config := p.of(host)
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	}
	return credentials.NewTLS(config).ClientHandshake(ctx, authority, conn)
}

// Clone implements [credentials.TransportCredentials].
func (p perHost) Clone() credentials.TransportCredentials {
	return perHost{TransportCredentials: p.TransportCredentials.Clone(), of: p.of}
}
