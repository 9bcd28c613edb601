// Package identitytest is an OpenID provider for tests, which issues whatever
// token a test asks for, the bad ones too. Its discovery, keys and signatures
// are real.
package identitytest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Audience is what [Issuer.Claims] are made for.
const Audience = "meai"

// Issuer is a running provider.
type Issuer struct {
	URL string

	mu     sync.Mutex
	key    *rsa.PrivateKey
	id     string
	served []jose.JSONWebKey
	asked  int
	down   bool
}

// NewIssuer starts a provider that stops with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{}
	i.Rotate(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.serve(func() any {
		return map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/authorize",
			"token_endpoint": i.URL + "/token", "id_token_signing_alg_values_supported": []string{"RS256"},
		}
	}))
	mux.HandleFunc("GET /keys", i.serve(func() any { return jose.JSONWebKeySet{Keys: i.served} }))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

func (i *Issuer) serve(document func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asked++
		if i.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document()) // a client that went away fails its own test
	}
}

// Rotate signs with a new key from now on. The old key is served beside it until
// [Issuer.Retire].
func (i *Issuer) Rotate(t testing.TB) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.id = key, uuid.NewString()
	i.served = append(i.served, jose.JSONWebKey{Key: key.Public(), KeyID: i.id, Algorithm: "RS256", Use: "sig"})
}

// Retire serves the current key alone.
func (i *Issuer) Retire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.served = i.served[len(i.served)-1:]
}

// SetDown lets the provider answer 503, or answer again.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Asked is how many requests came.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// PublicKey is the key that verifies what is signed now.
func (i *Issuer) PublicKey() *rsa.PublicKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return &i.key.PublicKey
}

// Claims are those of a good token, changed by what is given; nil takes a claim away.
func (i *Issuer) Claims(subject string, change map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "sub": subject, "aud": []string{Audience},
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Token signs claims.
func (i *Issuer) Token(t testing.TB, claims map[string]any) string {
	t.Helper()
	i.mu.Lock()
	key := jose.JSONWebKey{Key: i.key, KeyID: i.id}
	i.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("at+jwt"))
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

// MultiFactor are the claims of somebody who has just signed in with two factors.
func MultiFactor() map[string]any {
	return map[string]any{"amr": []string{"pwd", "otp"}, "auth_time": time.Now().Unix()}
}

// Tampered is the token with its payload changed to name another subject.
func Tampered(t testing.TB, token, other string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claims))
	claims["sub"] = other
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	parts[1] = rawBase64(payload)
	return strings.Join(parts, ".")
}

func rawBase64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
