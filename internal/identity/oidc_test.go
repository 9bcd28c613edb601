package identity_test

import (
	"crypto/x509"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/identity"
	"meai/internal/identity/identitytest"
)

// clock is turned by hand from the real time on.
type clock struct {
	mu sync.Mutex
	by time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

func (c *clock) turn(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += by
}

func verifier(i *identitytest.Issuer, c *clock) *identity.OIDC {
	o := identity.OIDCOptions{Issuer: i.URL, Audience: identitytest.Audience, RolesClaim: "roles", ClockSkew: time.Minute, ACR: []string{"urn:mfa"}}
	return identity.NewOIDC(o.WithClock(c.now))
}

// claims are changes of a good token's claims.
type claims = map[string]any

func TestTokens(t *testing.T) {
	issuer, now := identitytest.NewIssuer(t), time.Now()
	v := verifier(issuer, &clock{})
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, c := range map[string]struct {
		change claims
		ok     bool
	}{
		"good":                              {nil, true},
		"one audience as text":              {claims{"aud": "meai"}, true},
		"among several audiences":           {claims{"aud": []string{"other", "meai"}}, true},
		"an hour long":                      {claims{"exp": in(time.Hour)}, true},
		"ended within the clock skew":       {claims{"iat": in(-10 * time.Minute), "exp": in(-30 * time.Second)}, true},
		"issued within the clock skew":      {claims{"iat": in(30 * time.Second)}, true},
		"not before, within the clock skew": {claims{"nbf": in(30 * time.Second)}, true},
		"fraction of a second":              {claims{"iat": float64(now.Unix()) + 0.25}, true},

		"expired":               {claims{"iat": in(-10 * time.Minute), "exp": in(-2 * time.Minute)}, false},
		"issued in the future":  {claims{"iat": in(2 * time.Minute)}, false},
		"not valid yet":         {claims{"nbf": in(2 * time.Minute)}, false},
		"signed in tomorrow":    {claims{"auth_time": in(24 * time.Hour)}, false},
		"longer than an hour":   {claims{"exp": in(time.Hour + 2*time.Minute)}, false},
		"without end":           {claims{"exp": nil}, false},
		"without beginning":     {claims{"iat": nil}, false},
		"ends before it begins": {claims{"iat": in(50 * time.Second), "exp": in(-50 * time.Second)}, false},
		"other audience":        {claims{"aud": []string{"other"}}, false},
		"without audience":      {claims{"aud": nil}, false},
		"other issuer":          {claims{"iss": "https://elsewhere.example"}, false},
		"without subject":       {claims{"sub": nil}, false},
		"subject too long":      {claims{"sub": strings.Repeat("a", 256)}, false},
		"times as text":         {claims{"iat": "now"}, false},
		"time out of range":     {claims{"auth_time": 1e300}, false},
		"ID token by its nonce": {claims{"nonce": "n"}, false},
		"ID token by its hash":  {claims{"at_hash": "h"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := v.Verify(t.Context(), issuer.Token(t, issuer.Claims("sub-1", c.change)))
			if !c.ok {
				require.ErrorIs(t, err, identity.ErrBadCredentials)
				require.NotContains(t, err.Error(), "sub-1")
				return
			}
			require.NoError(t, err)
			require.Equal(t, identity.Claims{Issuer: issuer.URL, Subject: "sub-1", Roles: []identity.Role{identity.Person}}, got)
		})
	}
}

func TestForgedTokens(t *testing.T) {
	issuer, stranger := identitytest.NewIssuer(t), identitytest.NewIssuer(t)
	v := verifier(issuer, &clock{})
	good := issuer.Token(t, issuer.Claims("sub-1", nil))
	_, err := v.Verify(t.Context(), good)
	require.NoError(t, err)
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"other subject":           identitytest.Tampered(t, good, "sub-2"),
		"signed by somebody else": stranger.Token(t, issuer.Claims("sub-1", nil)),
		"no algorithm":            "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"public key as a secret":  confused(t, issuer),
		"signature cut off":       parts[0] + "." + parts[1] + ".",
		"no signature":            parts[0] + "." + parts[1],
		"nothing":                 "",
		"dots":                    "..",
		"too long":                good + strings.Repeat("a", 10_000),
		"words":                   "not a token",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), token)
			require.ErrorIs(t, err, identity.ErrBadCredentials)
		})
	}
}

// confused is a token whose HMAC is made with the issuer's public key.
func confused(t *testing.T, i *identitytest.Issuer) string {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(i.PublicKey())
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: public}, nil)
	require.NoError(t, err)
	payload, err := json.Marshal(i.Claims("sub-1", nil))
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

func TestKeysRotate(t *testing.T) {
	issuer, c := identitytest.NewIssuer(t), &clock{}
	v := verifier(issuer, c)
	token := func() string {
		return issuer.Token(t, issuer.Claims("sub-1", claims{"exp": time.Now().Add(55 * time.Minute).Unix()}))
	}
	old := token()
	_, err := v.Verify(t.Context(), old)
	require.NoError(t, err)

	issuer.Rotate(t)
	c.turn(6 * time.Second)
	_, err = v.Verify(t.Context(), token())
	require.NoError(t, err, "a new key is asked for")
	_, err = v.Verify(t.Context(), old)
	require.NoError(t, err, "the old one still counts")

	issuer.Retire()
	c.turn(6 * time.Minute)
	_, err = v.Verify(t.Context(), old)
	require.ErrorIs(t, err, identity.ErrBadCredentials, "a key out of use is forgotten")
	_, err = v.Verify(t.Context(), token())
	require.NoError(t, err)
}

func TestForgedTokensDoNotReachTheProvider(t *testing.T) {
	issuer, stranger := identitytest.NewIssuer(t), identitytest.NewIssuer(t)
	v := verifier(issuer, &clock{})
	forged := stranger.Token(t, issuer.Claims("sub-1", nil))
	for range 50 {
		_, err := v.Verify(t.Context(), forged)
		require.ErrorIs(t, err, identity.ErrBadCredentials)
	}
	require.LessOrEqual(t, issuer.Asked(), 2, "discovery and keys, once")
}

func TestTheProviderMayBeDown(t *testing.T) {
	issuer, c := identitytest.NewIssuer(t), &clock{}
	v := verifier(issuer, c)
	token := func() string {
		return issuer.Token(t, issuer.Claims("sub-1", claims{"iat": c.now().Unix(), "exp": c.now().Add(time.Minute).Unix()}))
	}
	issuer.SetDown(true)
	_, err := v.Verify(t.Context(), token())
	require.ErrorIs(t, err, identity.ErrUnavailable, "nothing is known yet")
	asked := issuer.Asked()
	_, err = v.Verify(t.Context(), token())
	require.ErrorIs(t, err, identity.ErrUnavailable)
	require.Equal(t, asked, issuer.Asked(), "it is left in peace for a second")

	issuer.SetDown(false)
	c.turn(2 * time.Second)
	_, err = v.Verify(t.Context(), token())
	require.NoError(t, err)

	issuer.SetDown(true)
	c.turn(30 * time.Minute)
	_, err = v.Verify(t.Context(), token())
	require.NoError(t, err, "its keys serve for a while")
	c.turn(time.Hour)
	_, err = v.Verify(t.Context(), token())
	require.ErrorIs(t, err, identity.ErrUnavailable, "but not for ever")
}

func TestRolesInTokens(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	for name, c := range map[string]struct {
		claim, prefix string
		change        claims
		want          []identity.Role
	}{
		"array":                {"roles", "", claims{"roles": []string{"operator", "auditor"}}, []identity.Role{"operator", "auditor"}},
		"text":                 {"roles", "", claims{"roles": "operator auditor"}, []identity.Role{"operator", "auditor"}},
		"object":               {"roles", "", claims{"roles": claims{"admin": claims{"org": "1"}}}, []identity.Role{"admin"}},
		"nested":               {"realm_access.roles", "", claims{"realm_access": claims{"roles": []string{"support"}}}, []identity.Role{"support"}},
		"dots in a name":       {"urn:meai.roles", "", claims{"urn:meai.roles": "admin"}, []identity.Role{"admin"}},
		"prefix":               {"roles", "meai-", claims{"roles": []string{"meai-admin", "operator"}}, []identity.Role{"admin"}},
		"twice":                {"roles", "", claims{"roles": "admin admin"}, []identity.Role{"admin"}},
		"foreign roles":        {"roles", "", claims{"roles": "root superuser"}, []identity.Role{"person"}},
		"no token makes these": {"roles", "", claims{"roles": "service"}, []identity.Role{"person"}},
		"number":               {"roles", "", claims{"roles": 7}, []identity.Role{"person"}},
		"list of lists":        {"roles", "", claims{"roles": []any{[]string{"admin"}}}, []identity.Role{"person"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := identity.NewOIDC(identity.OIDCOptions{Issuer: issuer.URL, Audience: identitytest.Audience, RolesClaim: c.claim, RolesPrefix: c.prefix})
			got, err := v.Verify(t.Context(), issuer.Token(t, issuer.Claims("sub-1", c.change)))
			require.NoError(t, err)
			require.Equal(t, c.want, got.Roles)
		})
	}
}

func TestFactors(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	v := verifier(issuer, &clock{})
	for name, c := range map[string]struct {
		change claims
		want   bool
	}{
		"password":              {claims{"amr": []string{"pwd"}}, false},
		"two of what one knows": {claims{"amr": []string{"pwd", "pin"}}, false},
		"two of what one has":   {claims{"amr": []string{"otp", "hwk"}}, false},
		"password and code":     {claims{"amr": []string{"pwd", "otp"}}, true},
		"says so":               {claims{"amr": []string{"mfa"}}, true},
		"level":                 {claims{"acr": "urn:mfa"}, true},
		"other level":           {claims{"acr": "urn:other"}, false},
		"nothing said":          {nil, false},
		"part of a word":        {claims{"amr": []string{"p", "otp"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := v.Verify(t.Context(), issuer.Token(t, issuer.Claims("sub-1", c.change)))
			require.NoError(t, err)
			require.Equal(t, c.want, got.MultiFactor)
		})
	}
}

func TestSteppedUp(t *testing.T) {
	now := time.Now()
	good := identity.Caller{Method: identity.Token, MultiFactor: true, AuthTime: now.Add(-time.Minute)}
	require.True(t, good.SteppedUp(now))
	for name, change := range map[string]func(*identity.Caller){
		"one factor":    func(c *identity.Caller) { c.MultiFactor = false },
		"long ago":      func(c *identity.Caller) { c.AuthTime = now.Add(-identity.StepUpWithin - time.Second) },
		"nobody knows":  func(c *identity.Caller) { c.AuthTime = time.Time{} },
		"a key":         func(c *identity.Caller) { c.Method = identity.APIKey },
		"a certificate": func(c *identity.Caller) { c.Method = identity.Certificate },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			require.False(t, c.SteppedUp(now))
		})
	}
}

func TestAPIKeysHaveOneSpelling(t *testing.T) {
	id := uuid.New()
	text, secret := identity.NewAPIKey(id)
	gotID, gotSecret, ok := identity.ParseAPIKey(text)
	require.True(t, ok)
	require.Equal(t, id, gotID)
	require.Equal(t, secret, gotSecret)
	for name, other := range map[string]string{
		"nothing": "", "prefix": "meai_", "shorter": text[:len(text)-1], "longer": text + "A", "other prefix": "nope_" + text[5:],
		"padding": text[:len(text)-1] + "=", "line break": text[:30] + "\n" + text[31:], "no second mark": strings.Replace(text, "_", "-", 2),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, ok := identity.ParseAPIKey(other)
			require.False(t, ok)
		})
	}
}

func FuzzAPIKey(f *testing.F) {
	text, _ := identity.NewAPIKey(uuid.New())
	f.Add(text)
	f.Add("meai_")
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := identity.ParseAPIKey(text)
		if !ok {
			return
		}
		if again := identity.FormatAPIKey(id, secret); again != text {
			t.Fatalf("took %q, which is spelt %q", text, again)
		}
	})
}

func FuzzToken(f *testing.F) {
	issuer := identitytest.NewIssuer(f)
	v := verifier(issuer, &clock{})
	good := issuer.Token(f, issuer.Claims("sub-1", claims{"exp": time.Now().Add(59 * time.Minute).Unix()}))
	f.Add(good)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(t.Context(), token); err == nil && token != good {
			t.Fatalf("took %q", token)
		}
	})
}
