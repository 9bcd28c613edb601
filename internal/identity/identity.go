// Package identity tells whose request this is.
//
// Everybody is an opaque UUID here and everywhere behind: names, e-mail
// addresses and a provider's own ids stop at this package. What somebody may do
// is the business of package authorization.
package identity

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Role is what somebody is to MeAi. A role by itself allows nothing; the
// policies of package authorization say what it may do.
type Role string

// The roles. Service is a process of MeAi's own, known by its certificate; all
// others are people or what acts for them.
const (
	Person         Role = "person"
	Support        Role = "support"
	Operator       Role = "operator"
	PrivacyOfficer Role = "privacy_officer"
	Auditor        Role = "auditor"
	Admin          Role = "admin"
	Service        Role = "service"
)

// Roles lists every role that a token can carry; [Service] comes from a
// certificate alone.
var Roles = []Role{Person, Support, Operator, PrivacyOfficer, Auditor, Admin}

// Method is how a caller proved who they are.
type Method string

// The methods.
const (
	Token       Method = "token"
	APIKey      Method = "api_key"
	Certificate Method = "certificate"
)

// Caller is who sends a request. It holds nothing that names anybody.
type Caller struct {
	// Principal is who acts: an opaque id that stays the same for one account of
	// one identity provider until it is unlinked.
	Principal uuid.UUID
	// Subject is the person whose companion this is, the same id as Principal; the
	// zero UUID for callers without the role [Person].
	Subject uuid.UUID
	// Roles holds all roles; Granted those among them that were given for a time.
	Roles, Granted []Role
	Method         Method
	// Key is the API key's id when Method is [APIKey], and Scopes is what it was
	// made for; a token has no scopes of ours and reaches all that its roles do.
	Key    uuid.UUID
	Scopes []string
	// AuthTime is when a person last proved who they are, the zero time when the
	// provider does not say, and MultiFactor whether they did so with more than
	// one factor. Both are zero for keys and certificates.
	AuthTime    time.Time
	MultiFactor bool
	// Queue is the task queue that a [Service] serves.
	Queue string
}

// Has reports whether the caller has a role.
func (c Caller) Has(r Role) bool { return slices.Contains(c.Roles, r) }

// FirstRole names the caller's first role, for the audit log; "none" without one.
func (c Caller) FirstRole() string {
	if len(c.Roles) == 0 {
		return "none"
	}
	return string(c.Roles[0])
}

// StepUpWithin is how long ago the proof may be that an administrative act asks for.
const StepUpWithin = 15 * time.Minute

// SteppedUp reports whether the caller has proved with several factors and not
// long before now who they are.
func (c Caller) SteppedUp(now time.Time) bool {
	return c.Method == Token && c.MultiFactor && !c.AuthTime.IsZero() && now.Sub(c.AuthTime) <= StepUpWithin
}

// Authenticator finds the caller of a request.
type Authenticator interface {
	// Authenticate returns one of the errors of this package, perhaps wrapped,
	// when the caller cannot be told. It never quotes the credentials.
	Authenticate(r *http.Request) (Caller, error)
}

var (
	// ErrNoCredentials: the request carries neither a bearer token nor a certificate.
	ErrNoCredentials = errors.New("no credentials")
	// ErrBadCredentials: they are not accepted here: forged, expired, revoked, for
	// another audience or of another issuer.
	ErrBadCredentials = errors.New("credentials not accepted")
	// ErrUnavailable: who this is cannot be told now, because the identity provider
	// or the database does not answer.
	ErrUnavailable = errors.New("identity cannot be checked now")
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
