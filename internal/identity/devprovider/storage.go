package devprovider

import (
	"context"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"meai/internal/identity/devlogin"
)

// storage keeps logins that are under way, in memory; tokens are not kept at all.
type storage struct {
	audience string
	key      signingKey

	mu     sync.Mutex
	logins map[string]*login // by id
	codes  map[string]string // code → login id
}

func newStorage(o Options) *storage {
	private := ed25519.NewKeyFromSeed(o.Seed)
	public := private.Public().(ed25519.PublicKey)
	return &storage{
		audience: o.Audience,
		key:      signingKey{private: private, id: hex.EncodeToString(public[:8])},
		logins:   map[string]*login{}, codes: map[string]string{},
	}
}

// maxLogins bounds what unfinished logins take.
const maxLogins = 1000

var errNoLogin = errors.New("no such login, or it took too long")

// login is one authorization request from its first redirect to its code.
type login struct {
	id, name    string
	request     oidc.AuthRequest
	audience    string
	begun       time.Time
	authTime    time.Time
	multiFactor bool
	done        bool
}

// CreateAuthRequest implements [op.AuthStorage].
func (s *storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if r.CodeChallenge == "" || r.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with S256 is required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.logins {
		if time.Since(l.begun) > loginLifetime || len(s.logins) >= maxLogins {
			delete(s.logins, id)
		}
	}
	for code, id := range s.codes {
		if s.logins[id] == nil {
			delete(s.codes, code)
		}
	}
	l := &login{id: uuid.NewString(), request: *r, audience: s.audience, begun: time.Now()}
	s.logins[l.id] = l
	return l, nil
}

// finish records who has logged in.
func (s *storage) finish(id, name string, multiFactor bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logins[id]
	if l == nil || l.done || time.Since(l.begun) > loginLifetime {
		return errNoLogin
	}
	l.name, l.multiFactor, l.authTime, l.done = name, multiFactor, time.Now(), true
	return nil
}

// AuthRequestByID implements [op.AuthStorage].
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logins[id]; l != nil && time.Since(l.begun) <= loginLifetime {
		copied := *l
		return &copied, nil
	}
	return nil, errNoLogin
}

// AuthRequestByCode implements [op.AuthStorage]. A code works once.
func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id, ok := s.codes[code]
	delete(s.codes, code)
	s.mu.Unlock()
	if !ok {
		return nil, errNoLogin
	}
	return s.AuthRequestByID(ctx, id)
}

// SaveAuthCode implements [op.AuthStorage].
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

// DeleteAuthRequest implements [op.AuthStorage].
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logins, id)
	return nil
}

// CreateAccessToken implements [op.AuthStorage].
func (*storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return uuid.NewString(), time.Now().Add(tokenLifetime), nil
}

// ClientCredentials implements [op.ClientCredentialsStorage]: any name with [devlogin.Secret].
func (s *storage) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	if !validName(id) || subtle.ConstantTimeCompare([]byte(secret), []byte(devlogin.Secret)) != 1 {
		return nil, errors.New("unknown client or wrong secret")
	}
	return &machine{client: client{id: id}}, nil
}

// ClientCredentialsTokenRequest implements [op.ClientCredentialsStorage].
func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &machineRequest{name: id, audience: s.audience, scopes: scopes}, nil
}

// GetClientByClientID implements [op.OPStorage].
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != devlogin.Client {
		return nil, errors.New("unknown client")
	}
	return &client{id: id}, nil
}

// AuthorizeClientIDSecret implements [op.OPStorage]; [devlogin.Client] is public.
func (*storage) AuthorizeClientIDSecret(context.Context, string, string) error {
	return errors.New("this client has no secret")
}

// GetPrivateClaimsFromRequest implements [op.CanGetPrivateClaimsFromRequest].
func (*storage) GetPrivateClaimsFromRequest(_ context.Context, r op.TokenRequest, _ []string) (map[string]any, error) {
	return claims(r), nil
}

// SigningKey implements [op.AuthStorage].
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

// SignatureAlgorithms implements [op.AuthStorage].
func (*storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.EdDSA}, nil
}

// KeySet implements [op.AuthStorage].
func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicKey{s.key}}, nil }

// signingKey is an Ed25519 key pair.
type signingKey struct {
	private ed25519.PrivateKey
	id      string
}

func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.EdDSA }
func (k signingKey) Key() any                                  { return k.private }
func (k signingKey) ID() string                                { return k.id }

type publicKey struct{ pair signingKey }

func (k publicKey) ID() string                       { return k.pair.id }
func (publicKey) Algorithm() jose.SignatureAlgorithm { return jose.EdDSA }
func (publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                         { return k.pair.private.Public() }

// What the library asks for and this provider does not offer.

var errNotOffered = errors.New("not offered by the development provider")

func (*storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNotOffered
}

func (*storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, op.ErrInvalidRefreshToken
}

func (*storage) TerminateSession(context.Context, string, string) error { return errNotOffered }

func (*storage) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrServerError().WithParent(errNotOffered)
}

func (*storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (*storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (*storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errNotOffered
}

func (*storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNotOffered
}

func (*storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (*storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotOffered
}

func (*storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotOffered
}
