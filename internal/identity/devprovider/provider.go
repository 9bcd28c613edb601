// Package devprovider is an OpenID provider for a developer's own machine: real
// discovery, real tokens and a login page, but no passwords, so that anyone can
// be anyone. It exists for demonstrations and tests and runs on loopback only.
//
// A name may begin with a role and a dot: "operator.olga" is an operator,
// "anna" is a person.
package devprovider

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"

	"meai/internal/identity"
	"meai/internal/identity/devlogin"
)

// RolesClaim is the claim that carries roles in the provider's access tokens.
const RolesClaim = "roles"

const (
	tokenLifetime = 30 * time.Minute
	loginLifetime = 10 * time.Minute
)

// Options configure the provider.
type Options struct {
	// PublicURL is the API's address as a browser on this machine sees it,
	// "http://127.0.0.1:8080".
	PublicURL string
	// Audience is the audience of access tokens.
	Audience string
	// Seed makes the signing key, 32 bytes: the same for a restarted process, so
	// that its tokens go on.
	Seed []byte
	// Logger receives the provider's own messages; nil for slog.Default.
	Logger *slog.Logger
}

// New returns the provider; serve it below [devlogin.Path], prefix included.
func New(o Options) (http.Handler, error) {
	if err := onLoopback(o.PublicURL); err != nil {
		return nil, err
	}
	if len(o.Seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the seed has %d bytes, not %d", len(o.Seed), ed25519.SeedSize)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := newStorage(o)
	provider, err := op.NewProvider(&op.Config{
		CryptoKey:          sha256.Sum256(append([]byte("meai/dev-provider/1"), o.Seed...)),
		CodeMethodS256:     true,
		AuthMethodPost:     true,
		SupportedUILocales: []language.Tag{language.English},
		SupportedScopes:    []string{oidc.ScopeOpenID},
	}, s, op.StaticIssuer(devlogin.Issuer(o.PublicURL)), op.WithAllowInsecure(), op.WithLogger(o.Logger.With("part", "dev-identity")))
	if err != nil {
		return nil, fmt.Errorf("set up the development provider: %w", err)
	}
	p := &pages{storage: s, issuer: devlogin.Issuer(o.PublicURL), public: strings.TrimSuffix(o.PublicURL, "/"), callback: op.AuthCallbackURL(provider)}
	mux := http.NewServeMux()
	p.register(mux)
	mux.Handle("/", onlyTokens(provider))
	return http.StripPrefix(devlogin.Path, mux), nil
}

// onlyTokens leaves out the endpoints that nobody here needs.
func onlyTokens(next http.Handler) http.Handler {
	needed := []string{"/.well-known/openid-configuration", "/authorize", "/authorize/callback", "/oauth/token", "/keys"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(needed, r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onLoopback keeps the provider off every address that others can reach by name.
func onLoopback(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return errors.New("the development provider needs an http:// address of this machine")
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("the development provider lets anyone be anyone: it runs on localhost, not on %s; set identity.issuer instead", u.Hostname())
	}
	return nil
}

// rolesOf reads the roles from a name.
func rolesOf(name string) []string {
	prefix, _, found := strings.Cut(name, ".")
	if found && slices.Contains(identity.Roles, identity.Role(prefix)) {
		return []string{prefix}
	}
	return []string{string(identity.Person)}
}

// validName bounds what stands in a token.
func validName(name string) bool {
	return name != "" && len(name) <= 100 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// claims of an access token besides the registered ones.
func claims(r op.TokenRequest) map[string]any {
	all := map[string]any{RolesClaim: rolesOf(r.GetSubject())}
	if login, ok := r.(*login); ok {
		all["amr"], all["auth_time"] = login.GetAMR(), login.authTime.Unix()
	}
	return all
}

var _ interface {
	op.Storage
	op.ClientCredentialsStorage
	op.CanGetPrivateClaimsFromRequest
} = (*storage)(nil)

// Health implements [op.Storage].
func (*storage) Health(context.Context) error { return nil }
