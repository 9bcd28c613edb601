// Package mtls gives a process its certificate and tells whose certificate is at
// the other end of a connection.
//
// Certificates are X.509-SVIDs: they name a SPIFFE id
// (https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md). They come
// from files, or from the SPIFFE Workload API, and may change at any time: new
// connections use the newest, and open ones are not cut.
package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

const (
	// workerPath precedes the task queue in a worker's SPIFFE id.
	workerPath = "/meai/worker/"
	// workloadTimeout bounds the wait for the Workload API's first answer.
	workloadTimeout = 30 * time.Second
)

// Options say where certificates come from.
type Options struct {
	// Certificate, Key and CA are PEM files. Without Certificate the SPIFFE Workload
	// API at SPIFFE_ENDPOINT_SOCKET is asked. Without CA nobody's certificate is
	// asked for, and engines are verified against the system's authorities.
	Certificate, Key, CA string
	// TrustDomain is the SPIFFE trust domain of this process and of all its peers.
	TrustDomain string
	// Logger is told of certificates that were loaded or could not be; nil for slog.Default.
	Logger *slog.Logger
}

// Source is a process's certificate and the authorities it trusts. A nil Source
// is a process without: it connects and listens in the open. It is safe for
// concurrent use.
type Source struct {
	domain spiffeid.TrustDomain
	svid   x509svid.Source
	bundle x509bundle.Source // nil without a CA
	close  func() error
}

// Open reads the certificate. It returns nil when none is configured, and fails
// when one is that cannot be used.
func Open(ctx context.Context, o Options) (*Source, error) {
	workload := os.Getenv(workloadapi.SocketEnv) != ""
	if o.TrustDomain == "" || (o.Certificate == "" && !workload) {
		return nil, nil
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	domain, err := spiffeid.TrustDomainFromString(o.TrustDomain)
	if err != nil {
		return nil, fmt.Errorf("read the trust domain: %w", err)
	}
	if o.Certificate == "" {
		return fromWorkloadAPI(ctx, domain)
	}
	f := &files{o: o, domain: domain}
	if err := f.load(); err != nil {
		return nil, err
	}
	s := &Source{domain: domain, svid: f, close: func() error { return nil }}
	if o.CA != "" {
		s.bundle = f
	}
	return s, nil
}

func fromWorkloadAPI(ctx context.Context, domain spiffeid.TrustDomain) (*Source, error) {
	ctx, cancel := context.WithTimeout(ctx, workloadTimeout)
	defer cancel()
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the SPIFFE Workload API: %w", err)
	}
	own, err := source.GetX509SVID()
	if err == nil && !own.ID.MemberOf(domain) {
		err = fmt.Errorf("the certificate is of the trust domain %s, not %s", own.ID.TrustDomain(), domain)
	}
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return &Source{domain: domain, svid: source, bundle: source, close: source.Close}, nil
}

// Close ends the connection to the Workload API, if there is one.
func (s *Source) Close() error {
	if s == nil {
		return nil
	}
	return s.close()
}

// Server is how to listen; nil in the open. A caller's certificate is verified
// when there is one: callers with a bearer token need none.
func (s *Source) Server() *tls.Config {
	if s == nil {
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: tlsconfig.GetCertificate(s.svid)}
	if s.bundle != nil {
		c.ClientAuth = tls.RequestClientCert
		// Unlike VerifyPeerCertificate it is asked about resumed sessions as well.
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return nil
			}
			_, err := s.verify(state.PeerCertificates)
			return err
		}
	}
	return c
}

// Client is how to connect to an engine on a host; nil in the open. The engine's
// certificate must be for the host, as any server's, and, should it name a SPIFFE
// id, of this trust domain.
func (s *Source) Client(host string) *tls.Config {
	if s == nil {
		return nil
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: host,
		GetClientCertificate: tlsconfig.GetClientCertificate(s.svid),
	}
	if s.bundle != nil {
		// Go's own verification would keep the authorities of the start; the next line
		// does the same with today's.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(state tls.ConnectionState) error { return s.verifyServer(state.PeerCertificates, host) }
	}
	return c
}

func (s *Source) verifyServer(certificates []*x509.Certificate, host string) error {
	bundle, err := s.bundle.GetX509BundleForTrustDomain(s.domain)
	if err != nil {
		return err
	}
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: host}
	for _, authority := range bundle.X509Authorities() {
		o.Roots.AddCert(authority)
	}
	for _, c := range certificates[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := certificates[0].Verify(o); err != nil {
		return err
	}
	if len(certificates[0].URIs) == 0 {
		return nil
	}
	_, err = s.verify(certificates)
	return err
}

// verify returns the SPIFFE id of a certificate of this trust domain.
func (s *Source) verify(certificates []*x509.Certificate) (spiffeid.ID, error) {
	id, _, err := x509svid.Verify(certificates, s.bundle)
	if err != nil {
		return spiffeid.ID{}, err
	}
	if !id.MemberOf(s.domain) {
		return spiffeid.ID{}, fmt.Errorf("the certificate is of the trust domain %s, not %s", id.TrustDomain(), s.domain)
	}
	return id, nil
}

// Peer is the process at the other end.
type Peer struct {
	// ID is its SPIFFE id.
	ID string
	// Queue is the task queue of a worker, "spiffe://<trust domain>/meai/worker/<queue>";
	// "" for any other process.
	Queue string
}

// ErrNoPeer: the connection has no certificate at the other end.
var ErrNoPeer = errors.New("no certificate at the other end")

// Peer tells who is at the other end. It verifies again: a connection may outlive
// the certificate, or the authority, that it began with.
func (s *Source) Peer(state *tls.ConnectionState) (Peer, error) {
	if s == nil || s.bundle == nil || state == nil || len(state.PeerCertificates) == 0 {
		return Peer{}, ErrNoPeer
	}
	id, err := s.verify(state.PeerCertificates)
	if err != nil {
		return Peer{}, err
	}
	queue, worker := strings.CutPrefix(id.Path(), workerPath)
	if !worker || strings.Contains(queue, "/") {
		queue = ""
	}
	return Peer{ID: id.String(), Queue: queue}, nil
}
