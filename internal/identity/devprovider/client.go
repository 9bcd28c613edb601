package devprovider

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"meai/internal/identity/devlogin"
)

// client is [devlogin.Client]: public, native, with PKCE.
type client struct{ id string }

func (c *client) GetID() string { return c.id }

// RedirectURIs are loopback addresses; a native client may choose the port (RFC
// 8252, section 7.3).
func (*client) RedirectURIs() []string {
	return []string{"http://127.0.0.1/callback", "http://localhost/callback", "http://[::1]/callback", "http://127.0.0.1" + devlogin.Path + "/signed-in", "http://localhost" + devlogin.Path + "/signed-in"}
}
func (*client) PostLogoutRedirectURIs() []string    { return nil }
func (*client) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }
func (*client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodNone }
func (*client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (*client) GrantTypes() []oidc.GrantType { return []oidc.GrantType{oidc.GrantTypeCode} }
func (*client) LoginURL(id string) string    { return devlogin.Path + "/login?request=" + id }
func (*client) AccessTokenType() op.AccessTokenType {
	return op.AccessTokenTypeJWT
}
func (*client) IDTokenLifetime() time.Duration { return tokenLifetime }
func (*client) DevMode() bool                  { return false }

//lint:ignore ST1003 the library spells it so
func (*client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (*client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (*client) IsScopeAllowed(string) bool           { return false }
func (*client) IDTokenUserinfoClaimsAssertion() bool { return false }
func (*client) ClockSkew() time.Duration             { return 0 }

// machine is a client that acts for itself.
type machine struct{ client }

func (*machine) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (*machine) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (*machine) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

type machineRequest struct {
	name, audience string
	scopes         []string
}

func (r *machineRequest) GetSubject() string    { return r.name }
func (r *machineRequest) GetAudience() []string { return []string{r.audience} }
func (r *machineRequest) GetScopes() []string   { return r.scopes }

// A login is an [op.AuthRequest].

func (l *login) GetID() string                      { return l.id }
func (l *login) GetACR() string                     { return "" }
func (l *login) GetAudience() []string              { return []string{l.audience} }
func (l *login) GetAuthTime() time.Time             { return l.authTime }
func (l *login) GetClientID() string                { return l.request.ClientID }
func (l *login) GetNonce() string                   { return l.request.Nonce }
func (l *login) GetRedirectURI() string             { return l.request.RedirectURI }
func (l *login) GetScopes() []string                { return l.request.Scopes }
func (l *login) GetState() string                   { return l.request.State }
func (l *login) GetSubject() string                 { return l.name }
func (l *login) Done() bool                         { return l.done }
func (l *login) GetResponseType() oidc.ResponseType { return l.request.ResponseType }
func (l *login) GetResponseMode() oidc.ResponseMode { return l.request.ResponseMode }
func (l *login) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: l.request.CodeChallenge, Method: l.request.CodeChallengeMethod}
}

// GetAMR says how the login page was filled in (RFC 8176).
func (l *login) GetAMR() []string {
	if l.multiFactor {
		return []string{"pwd", "otp", "mfa"}
	}
	return []string{"pwd"}
}
