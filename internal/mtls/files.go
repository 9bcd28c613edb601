package mtls

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// lookEvery is how often at most the files are looked at, when a connection is made.
const lookEvery = time.Second

// files are a certificate, its key and the authorities, read again when they have
// changed. It compares their contents: a mounted secret changes by a link, and a
// file's time says little.
type files struct {
	o      Options
	domain spiffeid.TrustDomain

	mu     sync.Mutex
	looked time.Time
	seen   contents
	svid   *x509svid.SVID
	bundle *x509bundle.Bundle
}

type contents struct{ certificate, key, ca []byte }

func (c contents) equal(d contents) bool {
	return bytes.Equal(c.certificate, d.certificate) && bytes.Equal(c.key, d.key) && bytes.Equal(c.ca, d.ca)
}

// GetX509SVID implements [x509svid.Source].
func (f *files) GetX509SVID() (*x509svid.SVID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	return f.svid, nil
}

// GetX509BundleForTrustDomain implements [x509bundle.Source].
func (f *files) GetX509BundleForTrustDomain(domain spiffeid.TrustDomain) (*x509bundle.Bundle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if domain != f.domain {
		return nil, fmt.Errorf("the trust domain %s is not trusted", domain)
	}
	f.refresh()
	return f.bundle, nil
}

// refresh goes on with what it has while the files cannot be used: they are
// replaced one after the other, so certificate and key may not fit for a moment.
func (f *files) refresh() {
	if time.Since(f.looked) < lookEvery {
		return
	}
	f.looked = time.Now()
	now, err := f.read()
	if err == nil && now.equal(f.seen) {
		return
	}
	if err == nil {
		err = f.use(now)
	}
	if err != nil {
		f.o.Logger.Warn("the new certificate cannot be used; going on with the old one", "error", err, "ends", f.svid.Certificates[0].NotAfter)
		return
	}
	f.o.Logger.Info("certificate loaded", "id", f.svid.ID.String(), "ends", f.svid.Certificates[0].NotAfter)
}

func (f *files) load() error {
	now, err := f.read()
	if err != nil {
		return err
	}
	f.looked = time.Now()
	return f.use(now)
}

func (f *files) read() (c contents, err error) {
	for _, file := range []struct {
		name string
		into *[]byte
	}{{f.o.Certificate, &c.certificate}, {f.o.Key, &c.key}, {f.o.CA, &c.ca}} {
		if file.name == "" {
			continue
		}
		if *file.into, err = os.ReadFile(file.name); err != nil {
			return c, fmt.Errorf("read the certificate: %w", err)
		}
	}
	return c, nil
}

func (f *files) use(c contents) error {
	svid, err := x509svid.Parse(c.certificate, c.key)
	if err != nil {
		return fmt.Errorf("read %s and its key: %w", f.o.Certificate, err)
	}
	if !svid.ID.MemberOf(f.domain) {
		return fmt.Errorf("%s is of the trust domain %s, not %s", f.o.Certificate, svid.ID.TrustDomain(), f.domain)
	}
	if time.Now().After(svid.Certificates[0].NotAfter) {
		return fmt.Errorf("%s has expired", f.o.Certificate)
	}
	var bundle *x509bundle.Bundle
	if f.o.CA != "" {
		if bundle, err = x509bundle.Parse(f.domain, c.ca); err != nil {
			return fmt.Errorf("read %s: %w", f.o.CA, err)
		}
		if bundle.Empty() {
			return errors.New(f.o.CA + " holds no certificate")
		}
	}
	f.seen, f.svid, f.bundle = c, svid, bundle
	return nil
}
