// Package identity tells whose request this is.
//
// A person is an opaque subject UUID here and everywhere behind: names, e-mail
// addresses and a provider's own ids stop at this package.
package identity

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"
)

// Caller is the person on whose behalf a request acts.
type Caller struct{ Subject uuid.UUID }

// Authenticator finds the caller of a request.
type Authenticator interface {
	// Authenticate returns one of the errors of this package, perhaps wrapped,
	// when the caller cannot be told. It never quotes the credentials.
	Authenticate(r *http.Request) (Caller, error)
}

var (
	// ErrNoCredentials: the request carries no bearer token.
	ErrNoCredentials = errors.New("no bearer token")
	// ErrBadCredentials: the bearer token is not one that is accepted here.
	ErrBadCredentials = errors.New("bearer token not accepted")
	// ErrDevelopmentOff: a development token came, and this server takes none.
	ErrDevelopmentOff = errors.New("development tokens are off")
)

type callerKey struct{}

// WithCaller returns a context that carries the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// FromContext returns the caller that [WithCaller] put there.
func FromContext(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}
