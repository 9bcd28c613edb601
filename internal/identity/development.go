package identity

import (
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// developmentPrefix begins every development token; the subject follows.
const developmentPrefix = "dev-"

// uuidLength is the length of the only spelling of a UUID that is accepted;
// uuid.Parse would take braces, URNs and bare digits as well.
const uuidLength = 36

// Development takes "Authorization: Bearer dev-<subject uuid>" at its word:
// anyone can be anyone. It refuses every token unless Enabled.
type Development struct{ Enabled bool }

// Authenticate implements [Authenticator].
func (d Development) Authenticate(r *http.Request) (Caller, error) {
	token, err := bearer(r)
	if err != nil {
		return Caller{}, err
	}
	id, ok := strings.CutPrefix(token, developmentPrefix)
	if !ok {
		return Caller{}, ErrBadCredentials
	}
	if !d.Enabled {
		return Caller{}, ErrDevelopmentOff
	}
	subject, err := uuid.Parse(id)
	if err != nil || len(id) != uuidLength || subject == uuid.Nil {
		return Caller{}, ErrBadCredentials
	}
	return Caller{Subject: subject}, nil
}

// bearer returns the token of the one Authorization header of r.
func bearer(r *http.Request) (string, error) {
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
