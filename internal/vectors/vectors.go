// Package vectors keeps memories searchable in Weaviate: by meaning, through
// their embedding, and by word, through blinded terms.
//
// Weaviate holds a copy, never the original: every object can be written again
// from PostgreSQL. It never sees text. A word arrives as a [Term], the keyed hash
// of its stem, so neither the words nor their order can be read from its disk.
// Each person has a tenant of their own, a separate index ([TenantOf]). What
// is nobody's, as the library of resources, is a [Catalogue] without tenants.
package vectors

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/weaviate/weaviate-go-client/v4/weaviate"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"
)

const (
	defaultTimeout = 2 * time.Second
	// schemaTimeout bounds changes of class and tenants, which pass consensus.
	schemaTimeout = 30 * time.Second
	// connections kept open to Weaviate for bursts of searches.
	connections = 32
)

// Options say where Weaviate is.
type Options struct {
	// URL is the base URL of the HTTP API, such as "http://127.0.0.1:8085".
	URL string
	// APIKey is sent as a bearer token; empty for none.
	APIKey string
	// Timeout bounds one search or one batch of writes; 0 means 2 s.
	Timeout time.Duration
	// TLS is how to connect to an https URL; nil for the system's authorities.
	TLS *tls.Config
	// Logger receives what the index noticed and went on without; nil for slog.Default.
	Logger *slog.Logger
	// TracerProvider makes a span of each request; nil for OpenTelemetry's global one.
	// Spans hold method and path, never a body.
	TracerProvider trace.TracerProvider
}

// Index is the class of memories in one Weaviate cluster. It is safe for
// concurrent use.
//
// It speaks HTTP alone. Loading 10,000 objects took as long over gRPC, whose
// client can neither be closed nor made to verify a server's certificate.
type Index struct {
	client  *weaviate.Client
	http    *http.Client
	ready   string
	timeout time.Duration
	breaker breaker
	log     *slog.Logger
}

// Open prepares the index. Weaviate need not run yet: calls fail with
// [ErrUnavailable] until it does. Only a malformed URL is an error.
func Open(_ context.Context, o Options) (*Index, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("weaviate URL %q is not of the form http://host:port", o.URL)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	headers := make(map[string]string)
	if o.APIKey != "" {
		headers["Authorization"] = "Bearer " + o.APIKey
	}
	httpClient := newHTTPClient(o)
	client, err := weaviate.NewClient(weaviate.Config{
		Scheme: base.Scheme, Host: base.Host, Headers: headers, ConnectionClient: httpClient,
	})
	if err != nil {
		return nil, fmt.Errorf("make weaviate client: %w", err)
	}
	return &Index{
		client: client, http: httpClient, ready: base.JoinPath("v1/.well-known/ready").String(),
		timeout: o.Timeout, breaker: breaker{now: time.Now}, log: o.Logger,
	}, nil
}

func newHTTPClient(o Options) *http.Client {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: o.Timeout}).DialContext,
		TLSHandshakeTimeout: o.Timeout,
		TLSClientConfig:     o.TLS,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     90 * time.Second,
	}
	var options []otelhttp.Option
	if o.TracerProvider != nil {
		options = append(options, otelhttp.WithTracerProvider(o.TracerProvider))
	}
	// Each call carries a shorter deadline of its own.
	return &http.Client{Timeout: schemaTimeout, Transport: otelhttp.NewTransport(transport, options...)}
}

// Close releases the connections. An index must not be used after it.
func (x *Index) Close() { x.http.CloseIdleConnections() }

// Ping reports whether Weaviate can serve requests; [ErrUnavailable] otherwise.
func (x *Index) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, x.ready, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask weaviate whether it is ready: %w", err)
	}
	response, err := x.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask weaviate whether it is ready: %w", classify(err))
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("ask weaviate whether it is ready: %w", classify(err))
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("weaviate answers with status %d: %w", response.StatusCode, ErrUnavailable)
	}
	return nil
}
