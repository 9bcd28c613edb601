// Package approval lets an act happen only when others than who asks for it
// agree: one mechanism for every act that is too grave for one person.
//
// A request and its decisions are rows; the workflow waits, reminds the clock
// and concludes. Who decided is proven by a MAC of the API's, after it has
// authenticated them: access to Temporal, without the keyring, is not enough to
// approve anything. What was approved is committed to the ledger, so that it outlives
// a restore, and is used once.
package approval

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/identity"
)

// Act is what an approval is for.
type Act string

// The acts that need the consent of others.
const (
	// Elevate gives the requester a role for some minutes.
	Elevate Act = "elevate"
	// Decrypt lets the requester decode one person's payloads for some minutes.
	Decrypt Act = "decrypt"
	// Restore brings a backup back into service.
	Restore Act = "restore"
	// EarlyDelete deletes a person's data, or destroys their keys, before the cooling-off period is over.
	EarlyDelete Act = "early_delete"
	// OverrideFailover fails over although the gate says no.
	OverrideFailover Act = "override_failover"
	// Hold keeps what is of a person from erasure, forgetting and retention, until a time.
	Hold Act = "hold"
	// ReleaseHold ends a hold before its time.
	ReleaseHold Act = "release_hold"
)

// Everything is held, instead of a list.
const Everything = "all"

// rule is what an act asks for.
type rule struct {
	// approvals is how many others must agree.
	approvals int
	// parameters are all required.
	parameters map[string]func(string) error
}

// subjectParameter names the person whom an act is about.
const subjectParameter = "subject"

var rules = map[Act]rule{
	Elevate:          {1, map[string]func(string) error{"role": staffRole, "minutes": minutes}},
	Decrypt:          {2, map[string]func(string) error{subjectParameter: subject, "minutes": minutes}},
	Restore:          {2, map[string]func(string) error{"backup": word}},
	EarlyDelete:      {2, map[string]func(string) error{subjectParameter: subject}},
	OverrideFailover: {2, map[string]func(string) error{"region": word}},
	Hold: {2, map[string]func(string) error{
		"subject": subject, "reason": code, "until": moment, "told": yesOrNo, "items": everythingOrDigest,
	}},
	ReleaseHold: {2, map[string]func(string) error{"hold": subject}},
}

// Acts lists the acts, in order.
func Acts() []Act { return slices.Sorted(maps.Keys(rules)) }

// Required is how many others must agree to an act; 0 for one that does not exist.
func Required(a Act) int { return rules[a].approvals }

// MaxLifetime is the longest time from a request to the last use of its approval.
const MaxLifetime = 7 * 24 * time.Hour

// maxMinutes bounds what is given for a time; the database holds to it as well.
const maxMinutes = 12 * 60

// Fault is one parameter that is not as the act asks for it.
type Fault struct{ Parameter, Reason string }

// Check holds parameters to what the act asks for; it returns every fault, in order.
func Check(a Act, parameters map[string]string) []Fault {
	r, ok := rules[a]
	if !ok {
		return []Fault{{"", "no such act"}}
	}
	var faults []Fault
	for name, check := range r.parameters {
		value, given := parameters[name]
		if !given {
			faults = append(faults, Fault{name, "is required"})
		} else if err := check(value); err != nil {
			faults = append(faults, Fault{name, err.Error()})
		}
	}
	for name := range parameters {
		if r.parameters[name] == nil {
			faults = append(faults, Fault{name, "is not a parameter of this act"})
		}
	}
	slices.SortFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Parameter, b.Parameter) })
	return faults
}

func staffRole(s string) error {
	if r := identity.Role(s); r == identity.Person || !slices.Contains(identity.Roles, r) {
		return fmt.Errorf("must be a role of staff")
	}
	return nil
}

func minutes(s string) error {
	if n, err := strconv.Atoi(s); err != nil || n < 1 || n > maxMinutes || strconv.Itoa(n) != s {
		return fmt.Errorf("must be a whole number from 1 to %d", maxMinutes)
	}
	return nil
}

func subject(s string) error {
	if id, err := uuid.Parse(s); err != nil || id.String() != s || id == uuid.Nil {
		return fmt.Errorf("must be a UUID")
	}
	return nil
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$`)

func word(s string) error {
	if !plainWord.MatchString(s) {
		return fmt.Errorf("must be one word of at most 128 letters, digits or any of ._:/-")
	}
	return nil
}

var plainCode = regexp.MustCompile(`^[a-z][a-z_]{0,39}$`)

func code(s string) error {
	if !plainCode.MatchString(s) {
		return fmt.Errorf("must be a code of at most 40 small letters and _")
	}
	return nil
}

func moment(s string) error {
	if t, err := time.Parse(time.RFC3339, s); err != nil || t.UTC().Format(time.RFC3339) != s {
		return fmt.Errorf("must be a time in UTC, to the second, as in 2027-01-31T00:00:00Z")
	}
	return nil
}

func yesOrNo(s string) error {
	if s != "yes" && s != "no" {
		return fmt.Errorf("must be yes or no")
	}
	return nil
}

var plainDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

func everythingOrDigest(s string) error {
	if s != Everything && !plainDigest.MatchString(s) {
		return fmt.Errorf("must be %s, or the SHA-256 of the list in hexadecimal digits", Everything)
	}
	return nil
}

// State is where an approval stands.
type State string

// The states. Only Pending changes.
const (
	Pending  State = "pending"
	Approved State = "approved"
	Refused  State = "refused"
	Expired  State = "expired"
)

// Request is what is asked for: opaque ids, codes and numbers.
type Request struct {
	ID         uuid.UUID         `json:"id"`
	Act        Act               `json:"act"`
	Parameters map[string]string `json:"parameters"`
	Requester  uuid.UUID         `json:"requester"`
	Required   int               `json:"required"`
	ExpiresAt  time.Time         `json:"expires_at"`
}

// Digest identifies what is approved: SHA-256 over a canonical text, in
// hexadecimal digits.
func (r Request) Digest() string {
	sum := sha256.Sum256([]byte(r.canonical()))
	return hex.EncodeToString(sum[:])
}

// canonical is the request as lines. No value holds a line break: ids, words and
// numbers only.
func (r Request) canonical() string {
	lines := []string{
		"meai approval 1", "id " + r.ID.String(), "act " + string(r.Act), "requester " + r.Requester.String(),
		"required " + strconv.Itoa(r.Required), "expires " + r.ExpiresAt.UTC().Format(time.RFC3339),
	}
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		lines = append(lines, "parameter "+name+" "+r.Parameters[name])
	}
	return strings.Join(lines, "\n") + "\n"
}

// Covers reports whether the approval is for exactly this act.
func (r Request) Covers(a Act, parameters map[string]string) bool {
	return r.Act == a && maps.Equal(r.Parameters, parameters)
}

// Decision is one person's word. The MAC is the API's, after it has authenticated
// the approver; see [Store.Sign].
type Decision struct {
	Approval uuid.UUID `json:"approval"`
	Approver uuid.UUID `json:"approver"`
	Approves bool      `json:"approves"`
	MAC      []byte    `json:"mac"`
}

// Approval is a request with what became of it.
type Approval struct {
	Request
	Reason    string
	State     State
	CreatedAt time.Time
	DecidedAt *time.Time
	UsedBy    string
	UsedAt    *time.Time
	Decisions []Given
}

// Given is a decision that counts.
type Given struct {
	Approver  uuid.UUID
	Approves  bool
	DecidedAt time.Time
}

// Outcome is how a request ended.
type Outcome struct {
	State State `json:"state"`
}

func decided(format string, args ...any) error {
	return failure.New(failure.Decided, fmt.Sprintf(format, args...), nil)
}
