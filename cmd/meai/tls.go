package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"

	"meai/internal/mtls"
)

// openTLS reads the process's certificate, if it has one.
func (p *parts) openTLS(ctx context.Context) (err error) {
	t := p.config.TLS
	p.tls, err = mtls.Open(ctx, mtls.Options{
		Certificate: t.Certificate, Key: t.Key, CA: t.CA, TrustDomain: t.TrustDomain, Logger: p.telemetry.Logger,
	})
	if err != nil {
		return fmt.Errorf("open the certificate: %w", err)
	}
	p.closing(p.tls.Close)
	p.warnOfTheOpen()
	return nil
}

// warnOfTheOpen tells of engines that are reached in the open although this
// process has a certificate: each says for itself whether it speaks TLS.
func (p *parts) warnOfTheOpen() {
	if p.tls == nil {
		return
	}
	for engine, open := range map[string]bool{
		"temporal (set temporal.tls)":                  !p.config.Temporal.UseTLS(),
		"postgresql (sslmode=disable in postgres.url)": strings.Contains(p.config.Postgres.URL, "sslmode=disable"),
		"weaviate (weaviate.url is not https)":         !strings.HasPrefix(p.config.Weaviate.URL, "https://"),
	} {
		if open {
			p.telemetry.Logger.Warn("this process has a certificate, but reaches an engine in the open", "engine", engine)
		}
	}
}

func (p *parts) temporalTLS() *tls.Config {
	if !p.config.Temporal.UseTLS() {
		return nil
	}
	host, _, err := net.SplitHostPort(p.config.Temporal.Address)
	if own := p.tls.Client(host); err == nil && own != nil {
		return own
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

// postgresTLS is nil without a certificate.
func (p *parts) postgresTLS() func(host string) *tls.Config {
	if p.tls == nil {
		return nil
	}
	return p.tls.Client
}

// weaviateTLS is nil without a certificate. It is used for an https URL alone.
func (p *parts) weaviateTLS() *tls.Config {
	base, err := url.Parse(p.config.Weaviate.URL)
	if err != nil {
		return nil // vectors.Open refuses it
	}
	return p.tls.Client(base.Hostname())
}
