// Package escalation brings a person on call to somebody who may be in danger.
//
// A case is a row, made in the transaction that delivers the safe answer: there is no
// such answer without one. A workflow tells people on call, level by level, until one
// of them acknowledges it. The rows say where a case stands; the workflow holds the
// timers, and who has access to Temporal alone can silence nothing.
//
// A case holds no words. Who it is about is two opaque ids, sealed under the system's
// key, so that the erasure of a person does not end the help for them; they are gone
// with the case's closing.
package escalation

import (
	"time"

	"github.com/google/uuid"

	"meai/activities/mirror/crisis"
)

// Ref names a case.
type Ref struct {
	ID uuid.UUID `json:"id"`
}

// State is where a case stands.
type State string

// The states. Somebody may still acknowledge and close what was left unanswered.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged"
	Unanswered   State = "unanswered"
	Closed       State = "closed"
)

// Outcome is how a case was closed.
type Outcome string

// The outcomes.
const (
	Handled     Outcome = "handled"
	FalseAlarm  Outcome = "false_alarm"
	Unreachable Outcome = "unreachable"
)

// About is what a case is about: codes alone.
type About struct {
	Severity crisis.Severity `json:"severity"`
	Kinds    []crisis.Kind   `json:"kinds"`
}

// Person is whom a case is about.
type Person struct {
	Subject     uuid.UUID `json:"subject"`
	Interaction uuid.UUID `json:"interaction"`
}

// Case is an escalation as people on call see it.
type Case struct {
	ID uuid.UUID
	About
	// Person is nil once the case is closed.
	Person    *Person
	State     State
	CreatedAt time.Time
	// Level is the highest that was told; 0 for none yet.
	Level         int
	Notifications int
	NotifiedAt    *time.Time

	AcknowledgedBy *uuid.UUID
	AcknowledgedAt *time.Time
	UnansweredAt   *time.Time
	ClosedBy       *uuid.UUID
	ClosedAt       *time.Time
	Outcome        Outcome
}

// Round is one time of telling a level, and how long is then waited.
type Round struct {
	Level  int `json:"level"`
	Number int `json:"number"`
	// Targets is how many places are told, each by an activity of its own.
	Targets int           `json:"targets"`
	Wait    time.Duration `json:"wait"`
}

// Plan is what a workflow goes by.
type Plan struct {
	// Open: nobody has acknowledged the case yet.
	Open   bool    `json:"open"`
	Rounds []Round `json:"rounds"`
}
