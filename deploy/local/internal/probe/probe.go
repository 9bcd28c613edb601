// Package probe asks engines on loopback for their health.
package probe

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// HTTP is nil when a GET of the address answers 200.
func HTTP(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	// Only the status matters; a connection that cannot be reused is no loss.
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}

// eager reconnects without the growing pauses that suit a remote server: the engine is being started.
var eager = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1, MaxDelay: 50 * time.Millisecond},
	MinConnectTimeout: time.Second,
}

// GRPC is a connection to one server, made with the first question and kept.
type GRPC struct {
	address string
	dial    func() (*grpc.ClientConn, error)
}

// NewGRPC prepares a connection to the address; nothing is sent yet.
func NewGRPC(address string) *GRPC {
	return &GRPC{address: address, dial: sync.OnceValues(func() (*grpc.ClientConn, error) {
		return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(eager))
	})}
}

// Conn returns the connection.
func (g *GRPC) Conn() (*grpc.ClientConn, error) {
	conn, err := g.dial()
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", g.address, err)
	}
	return conn, nil
}

// Serving is nil when the server's health service says that the named service serves; an empty name means the
// server as a whole.
func (g *GRPC) Serving(ctx context.Context, service string) error {
	conn, err := g.Conn()
	if err != nil {
		return err
	}
	health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	if err != nil {
		return fmt.Errorf("ask %s for its health: %w", g.address, err)
	}
	if health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s is %s", g.address, health.GetStatus())
	}
	return nil
}
