package telemetry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Profiles serves the Go runtime's profiles at an address until the context ends; the
// channel is closed then. It refuses any address but one of loopback: profiles tell how the
// program is called and run, and making one costs a processor.
//
//	go tool pprof http://127.0.0.1:6060/debug/pprof/profile?seconds=30
func Profiles(ctx context.Context, address string) (<-chan struct{}, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the address of profiles: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("profiles are served on loopback alone, not at %s", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve profiles: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends by being closed
	}()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return done, nil
}
