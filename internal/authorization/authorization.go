// Package authorization decides who may do what, by the Cedar policies in its
// folder policies. What no policy permits is denied, and a "forbid" outweighs
// every "permit" (https://docs.cedarpolicy.com/auth/authorization.html).
//
// The model: a caller has the attributes method, scopes, stepped_up and, for a
// person, subject, and is in its roles. An action is an operation of the API and
// is in the scope that the contract gives it. A resource is the person whose data
// is asked for (Subject) or the system itself (System).
package authorization

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/google/uuid"

	"meai/internal/identity"
)

//go:embed policies/*.cedar
var files embed.FS

// Decision is what the policies say.
type Decision int

// The decisions. StepUp means that the caller may, after proving anew who they are.
const (
	Denied Decision = iota
	StepUp
	Allowed
)

// Request is one question.
type Request struct {
	Caller identity.Caller
	// Action is an operation's id, and Scope the scope it belongs to.
	Action, Scope string
	// Subject is the person whose data is touched; the zero UUID for none's.
	Subject uuid.UUID
	// Now is the time of the request.
	Now time.Time
}

// Policies answers questions; it is safe for concurrent use.
type Policies struct{ set *cedar.PolicySet }

// Load reads the policies that are built into the program.
func Load() (*Policies, error) {
	set := cedar.NewPolicySet()
	names, err := fs.Glob(files, "policies/*.cedar")
	if err != nil {
		return nil, fmt.Errorf("find policies: %w", err)
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read policies: %w", err)
		}
		list, err := cedar.NewPolicyListFromBytes(name, text)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		for i, policy := range list {
			set.Add(cedar.PolicyID(fmt.Sprintf("%s#%d", strings.TrimPrefix(name, "policies/"), i)), policy)
		}
	}
	return &Policies{set: set}, nil
}

// Decide answers a question. A policy that cannot be evaluated counts as denial
// of everything it might have said.
func (p *Policies) Decide(r Request) Decision {
	steppedUp := r.Caller.SteppedUp(r.Now)
	if p.allows(r, steppedUp) {
		return Allowed
	}
	// A proof helps only those who can give one: a key or a certificate cannot.
	if !steppedUp && r.Caller.Method == identity.Token && p.allows(r, true) {
		return StepUp
	}
	return Denied
}

func (p *Policies) allows(r Request, steppedUp bool) bool {
	caller := entity("Caller", r.Caller.Principal.String())
	action := entity("Action", r.Action)
	resource := entity("System", "meai")
	if r.Subject != uuid.Nil {
		resource = entity("Subject", r.Subject.String())
	}
	attributes := cedar.RecordMap{
		"method":     cedar.String(r.Caller.Method),
		"scopes":     cedar.NewSet(texts(r.Caller.Scopes)...),
		"stepped_up": cedar.Boolean(steppedUp),
	}
	if r.Caller.Subject != uuid.Nil {
		attributes["subject"] = entity("Subject", r.Caller.Subject.String())
	}
	roles := make([]cedar.EntityUID, len(r.Caller.Roles))
	for i, role := range r.Caller.Roles {
		roles[i] = entity("Role", string(role))
	}
	entities := cedar.EntityMap{
		caller: {UID: caller, Attributes: cedar.NewRecord(attributes), Parents: cedar.NewEntityUIDSet(roles...)},
		action: {UID: action, Parents: cedar.NewEntityUIDSet(entity("Action", r.Scope))},
	}
	decision, diagnostic := cedar.Authorize(p.set, entities, cedar.Request{
		Principal: caller, Action: action, Resource: resource,
		Context: cedar.NewRecord(cedar.RecordMap{"scope": cedar.String(r.Scope)}),
	})
	// Cedar skips a policy that fails, which for a "forbid" would mean to allow.
	return decision == cedar.Allow && len(diagnostic.Errors) == 0
}

func entity(kind, id string) cedar.EntityUID {
	return cedar.NewEntityUID(cedar.EntityType(kind), cedar.String(id))
}

func texts(list []string) []cedar.Value {
	values := make([]cedar.Value, len(list))
	for i, text := range list {
		values[i] = cedar.String(text)
	}
	return values
}
