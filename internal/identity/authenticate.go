package identity

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Bearer authenticates "Authorization: Bearer" with an access token or an API key.
type Bearer struct {
	Tokens    *OIDC
	Directory *Directory
}

// Authenticate implements [Authenticator].
func (b Bearer) Authenticate(r *http.Request) (Caller, error) {
	token, err := bearerToken(r)
	if err != nil {
		return Caller{}, err
	}
	if isAPIKey(token) {
		return b.Directory.apiKey(r.Context(), token)
	}
	return b.token(r.Context(), token)
}

func (b Bearer) token(ctx context.Context, token string) (Caller, error) {
	claims, err := b.Tokens.Verify(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	known, err := b.Directory.account(ctx, claims.Issuer, claims.Subject)
	if err != nil {
		return Caller{}, err
	}
	roles, given := claims.Roles, []Role(nil)
	for _, granted := range known.granted {
		if !slices.Contains(roles, granted) {
			roles, given = append(roles, granted), append(given, granted)
		}
	}
	return newCaller(Caller{
		Principal: known.id, Roles: roles, Granted: given, Method: Token, AuthTime: claims.AuthTime, MultiFactor: claims.MultiFactor,
	}), nil
}

// bearerToken returns the token of the one Authorization header of r.
func bearerToken(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", ErrNoCredentials
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrBadCredentials
	}
	return token, nil
}
