package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"
)

// OIDCOptions say which tokens are trusted.
type OIDCOptions struct {
	// Issuer is the provider's URL, exactly as its tokens spell it; its discovery
	// document is at Issuer + "/.well-known/openid-configuration".
	Issuer string
	// Audience must be among a token's audiences.
	Audience string
	// RolesClaim is the claim that lists roles; dots lead into objects
	// ("realm_access.roles"). A claim whose name itself has dots is found first.
	RolesClaim string
	// RolesPrefix precedes MeAi's roles there ("meai-" for "meai-operator").
	RolesPrefix string
	// ACR lists values of "acr" that mean several factors, besides "amr".
	ACR []string
	// ClockSkew is how far the provider's clock may be from ours.
	ClockSkew time.Duration
	// Client reaches the provider; nil for one with a timeout.
	Client *http.Client

	now func() time.Time
}

const (
	// maxTokenLifetime is the longest life of an access token that is accepted: a
	// token cannot be taken back before it ends.
	maxTokenLifetime = time.Hour
	// maxTokenSize bounds what is decoded before anything is known of it.
	maxTokenSize = 8 << 10
	maxSubject   = 255
	// keysFor is how long the provider's keys are used before they are asked for
	// again, so that a key that was taken out of use is not trusted for longer, and
	// keysAtMost how long when the provider does not answer.
	keysFor    = 5 * time.Minute
	keysAtMost = time.Hour
	// discoveryPause is the least time between two questions to a provider that failed.
	discoveryPause   = time.Second
	discoveryTimeout = 5 * time.Second
)

// OIDC verifies access tokens in JWT form (RFC 9068) of one OpenID provider. It
// needs the provider neither at start nor while its keys are fresh.
type OIDC struct {
	o      OIDCOptions
	flight singleflight.Group

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	fetched  time.Time
	failed   time.Time
}

// NewOIDC returns a verifier; it asks the provider when the first token comes.
func NewOIDC(o OIDCOptions) *OIDC {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: discoveryTimeout}
	}
	if o.now == nil {
		o.now = time.Now
	}
	o.Client = rememberAnswers(o.Client, o.now)
	return &OIDC{o: o}
}

// Claims is what a verified token says.
type Claims struct {
	Issuer, Subject string
	Roles           []Role
	AuthTime        time.Time
	MultiFactor     bool
}

// tokenClaims are the claims that are read besides the roles. An ID token, which
// is meant for a client and not for an API, shows itself by the last three.
type tokenClaims struct {
	IssuedAt  *oidcTime `json:"iat"`
	NotBefore *oidcTime `json:"nbf"`
	AuthTime  *oidcTime `json:"auth_time"`
	ACR       string    `json:"acr"`
	AMR       []string  `json:"amr"`
	AtHash    string    `json:"at_hash"`
	CodeHash  string    `json:"c_hash"`
	Nonce     string    `json:"nonce"`
}

// oidcTime is a NumericDate (RFC 7519, section 2).
type oidcTime struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *oidcTime) UnmarshalJSON(data []byte) error {
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return err
	}
	if seconds < 0 || seconds > 1<<40 {
		return errors.New("time out of range")
	}
	t.Time = time.Unix(int64(seconds), 0)
	return nil
}

// Verify checks signature, issuer, audience and times of a token. It fails with
// [ErrBadCredentials], or with [ErrUnavailable] when the provider's keys cannot
// be had.
func (v *OIDC) Verify(ctx context.Context, token string) (Claims, error) {
	if len(token) > maxTokenSize {
		return Claims{}, ErrBadCredentials
	}
	verifier, err := v.keys(ctx)
	if err != nil {
		return Claims{}, err
	}
	verified, err := verifier.Verify(oidc.ClientContext(ctx, v.o.Client), token)
	if err != nil {
		return Claims{}, v.refused(ctx, err)
	}
	var c tokenClaims
	if err := verified.Claims(&c); err != nil {
		return Claims{}, ErrBadCredentials
	}
	if err := v.check(verified, c); err != nil {
		return Claims{}, err
	}
	var all map[string]any
	if err := verified.Claims(&all); err != nil {
		return Claims{}, ErrBadCredentials
	}
	claims := Claims{
		Issuer: verified.Issuer, Subject: verified.Subject,
		Roles:       v.roles(all),
		MultiFactor: multiFactor(c.AMR) || (c.ACR != "" && slices.Contains(v.o.ACR, c.ACR)),
	}
	if c.AuthTime != nil {
		claims.AuthTime = c.AuthTime.Time
	}
	return claims, nil
}

// refused tells a token that is no good from keys that cannot be fetched. The
// library's errors may quote the token's claims and go no further.
func (v *OIDC) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil || strings.Contains(err.Error(), "fetching keys") {
		return fmt.Errorf("%w: the provider's keys cannot be fetched", ErrUnavailable)
	}
	return ErrBadCredentials
}

// check holds what the library leaves open.
func (v *OIDC) check(t *oidc.IDToken, c tokenClaims) error {
	now, skew := v.o.now(), v.o.ClockSkew
	switch {
	case t.Subject == "" || len(t.Subject) > maxSubject,
		c.IssuedAt == nil,
		c.IssuedAt.After(now.Add(skew)),
		c.NotBefore != nil && c.NotBefore.After(now.Add(skew)),
		c.AuthTime != nil && c.AuthTime.After(now.Add(skew)),
		!t.Expiry.After(c.IssuedAt.Time),
		t.Expiry.Sub(c.IssuedAt.Time) > maxTokenLifetime+skew,
		c.AtHash != "" || c.CodeHash != "" || c.Nonce != "":
		return ErrBadCredentials
	}
	return nil
}

// What "amr" calls proofs by what somebody knows, and by what they have or are (RFC 8176).
var (
	knows     = []string{"pwd", "pin", "kba"}
	hasOrIsIt = []string{"otp", "hwk", "swk", "sc", "pop", "sms", "tel", "fpt", "face", "iris", "retina", "vbm"}
)

// multiFactor reads "amr": it says so itself, or names proofs of two kinds.
func multiFactor(amr []string) bool {
	names := func(kind []string) bool {
		return slices.ContainsFunc(amr, func(method string) bool { return slices.Contains(kind, method) })
	}
	return slices.Contains(amr, "mfa") || names(knows) && names(hasOrIsIt)
}

// roles reads MeAi's roles; a token without any is a person's.
func (v *OIDC) roles(claims map[string]any) []Role {
	var roles []Role
	for _, name := range claimStrings(lookUp(claims, v.o.RolesClaim)) {
		if bare, ok := strings.CutPrefix(name, v.o.RolesPrefix); ok && slices.Contains(Roles, Role(bare)) && !slices.Contains(roles, Role(bare)) {
			roles = append(roles, Role(bare))
		}
	}
	if len(roles) == 0 {
		return []Role{Person}
	}
	return roles
}

func lookUp(claims map[string]any, path string) any {
	if value, ok := claims[path]; ok {
		return value
	}
	head, rest, nested := strings.Cut(path, ".")
	inner, ok := claims[head].(map[string]any)
	if !nested || !ok {
		return nil
	}
	return lookUp(inner, rest)
}

// claimStrings reads what providers use for lists: an array, words in one text,
// or an object whose keys count.
func claimStrings(value any) []string {
	switch list := value.(type) {
	case string:
		return strings.Fields(list)
	case []any:
		var names []string
		for _, item := range list {
			if name, ok := item.(string); ok {
				names = append(names, name)
			}
		}
		return names
	case map[string]any:
		names := make([]string, 0, len(list))
		for name := range list {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	default:
		return nil
	}
}

// keys returns a verifier with keys that are fresh, or not too old while the
// provider does not answer.
func (v *OIDC) keys(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	v.mu.Lock()
	verifier, age, pause := v.verifier, v.o.now().Sub(v.fetched), v.o.now().Sub(v.failed) < discoveryPause
	v.mu.Unlock()
	if verifier != nil && (age < keysFor || (pause && age < keysAtMost)) {
		return verifier, nil
	}
	if pause {
		return nil, fmt.Errorf("%w: the identity provider did not answer a moment ago", ErrUnavailable)
	}
	// One question at a time, which outlives the caller that asked first.
	fetch := v.flight.DoChan("discover", func() (any, error) { return v.discover(context.WithoutCancel(ctx)) })
	select {
	case got := <-fetch:
		if got.Err == nil {
			return got.Val.(*oidc.IDTokenVerifier), nil
		}
		if verifier != nil && age < keysAtMost {
			return verifier, nil
		}
		return nil, got.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

func (v *OIDC) discover(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, v.o.Client), v.o.Issuer)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.failed = v.o.now()
		return nil, fmt.Errorf("%w: discovery of %s: %w", ErrUnavailable, v.o.Issuer, err)
	}
	// The library adds no leeway to a token's end, so its clock runs behind.
	v.verifier = provider.VerifierContext(oidc.ClientContext(ctx, v.o.Client), &oidc.Config{
		ClientID: v.o.Audience, Now: func() time.Time { return v.o.now().Add(-v.o.ClockSkew) },
	})
	v.fetched = v.o.now()
	return v.verifier, nil
}
