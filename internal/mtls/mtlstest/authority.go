// Package mtlstest makes certificates for tests, the bad ones too.
package mtlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/mtls"
)

// Authority signs certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority of its own.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &Authority{certificate, key}
}

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.certificate.Raw) }

// Certificate is what [Authority.Issue] makes; certificates are for 127.0.0.1 and
// localhost besides.
type Certificate struct {
	// ID is the SPIFFE id; "" for none.
	ID string
	// Ends is when it expires; the zero time for in an hour.
	Ends time.Time
	// Hosts replace 127.0.0.1 and localhost.
	Hosts []string
}

// Issue signs a certificate and returns it with its key, in PEM.
func (a *Authority) Issue(t testing.TB, c Certificate) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	if c.Ends.IsZero() {
		c.Ends = time.Now().Add(time.Hour)
	}
	template := &x509.Certificate{
		SerialNumber: serial(t), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: c.Ends,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	if c.Hosts != nil {
		template.IPAddresses, template.DNSNames = nil, c.Hosts
	}
	if c.ID != "" {
		id, err := url.Parse(c.ID)
		require.NoError(t, err)
		template.URIs = []*url.URL{id}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return encode("CERTIFICATE", der), encode("PRIVATE"+" KEY", encoded)
}

// Files are a certificate, its key and the authorities as a process finds them.
type Files struct{ Certificate, Key, CA string }

// NewFiles names files in a new folder.
func NewFiles(t testing.TB) Files {
	t.Helper()
	dir := t.TempDir()
	return Files{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "ca.crt")}
}

// Write issues a certificate into the files, which trust the authority.
func (a *Authority) Write(t testing.TB, f Files, c Certificate) {
	t.Helper()
	certificate, key := a.Issue(t, c)
	for name, content := range map[string][]byte{f.Certificate: certificate, f.Key: key, f.CA: a.PEM()} {
		require.NoError(t, os.WriteFile(name, content, 0o600))
	}
}

// Options are for a process of a trust domain with these files.
func (f Files) Options(domain string) mtls.Options {
	return mtls.Options{Certificate: f.Certificate, Key: f.Key, CA: f.CA, TrustDomain: domain}
}

// Client connects with a certificate, none for a zero one, and trusts the authority.
func (a *Authority) Client(t testing.TB, by *Authority, c *Certificate) *tls.Config {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AddCert(a.certificate)
	if c == nil {
		return config
	}
	pair, err := tls.X509KeyPair(by.Issue(t, *c))
	require.NoError(t, err)
	// Sent whatever authorities the server names.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	return n
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
