package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"meai/internal/audit"
	"meai/internal/identity"
	"meai/internal/identity/devlogin"
	"meai/internal/identity/devprovider"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/observe"
	"meai/internal/postgres"
)

// callers is how the API tells its callers apart.
type callers struct {
	auth      identity.Authenticator
	directory *identity.Directory
	// development is the built-in provider; nil without it.
	development http.Handler
}

var errNoIssuer = errors.New("no identity provider: set identity.issuer (MEAI_IDENTITY_ISSUER), or identity.development=true on a machine of your own")

// callers knows the API's callers, and serves the development provider when it is on.
func (p *parts) callers(ctx context.Context, db *postgres.DB, log *audit.Log, committer *ledger.Committer) (c callers, err error) {
	if c, err = p.bearer(db, log, committer); err != nil || !p.config.Identity.Development {
		return c, err
	}
	c.development, err = p.developmentProvider(ctx)
	return c, err
}

// bearer knows callers by access tokens and API keys.
func (p *parts) bearer(db *postgres.DB, log *audit.Log, committer *ledger.Committer) (c callers, err error) {
	i := p.config.Identity
	switch {
	case i.Development && i.Issuer != "":
		return c, errors.New("identity.issuer and identity.development exclude each other")
	case i.Development && p.tls != nil:
		return c, errors.New("identity.development is for the open loopback only: set identity.issuer where tls.certificate is set")
	case i.Development:
		i.Issuer = devlogin.Issuer(p.config.API.Public())
	case i.Issuer == "":
		return c, errNoIssuer
	case !strings.HasPrefix(i.Issuer, "https://"):
		p.telemetry.Logger.Warn("identity.issuer is not https: whoever is on the way can make tokens", "issuer", i.Issuer)
	}
	if c.directory, err = identity.NewDirectory(identity.DirectoryOptions{DB: db, Keys: p.keys, Audit: log, Ledger: committer}); err != nil {
		return c, fmt.Errorf("set up the directory: %w", err)
	}
	p.closing(func() error { c.directory.Close(); return nil })
	if err = observe.Cache(p.telemetry.Meters, "callers", c.directory.Lookups); err != nil {
		return c, err
	}
	tokens := identity.NewOIDC(identity.OIDCOptions{
		Issuer: i.Issuer, Audience: i.Audience, RolesClaim: i.RolesClaim, RolesPrefix: i.RolesPrefix,
		ACR: strings.Fields(i.StepUpACR), ClockSkew: i.ClockSkew,
	})
	c.auth = identity.Certified{Next: identity.Bearer{Tokens: tokens, Directory: c.directory}, TLS: p.tls}
	return c, nil
}

func (p *parts) developmentProvider(ctx context.Context) (http.Handler, error) {
	system, err := p.keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the development provider's key: %w", err)
	}
	provider, err := devprovider.New(devprovider.Options{
		PublicURL: p.config.API.Public(), Audience: p.config.Identity.Audience,
		Seed: system.Blind(keyring.DevIdentity, nil), Logger: p.telemetry.Logger,
	})
	if err != nil {
		return nil, err
	}
	p.telemetry.Logger.Warn("development identity is on: anyone can be anyone", "login", devlogin.Issuer(p.config.API.Public())+"/")
	return provider, nil
}
