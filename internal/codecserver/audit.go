package codecserver

import (
	"context"

	"github.com/google/uuid"

	"meai/internal/identity"
)

// Act is what somebody asks for; the names are the policies' actions.
type Act string

// The acts.
const (
	DecodeSystem Act = "decodeSystem"
	DecodePerson Act = "decodePerson"
	EncodeSystem Act = "encodeSystem"
)

// Outcome is what became of it.
type Outcome string

// The outcomes. Erased: the person's keys were destroyed. Unreadable: the
// payload is damaged, or its keys are missing or out of reach.
const (
	Done       Outcome = "done"
	Denied     Outcome = "denied"
	Erased     Outcome = "erased"
	Unreadable Outcome = "unreadable"
)

// Access is what one request did, or was not allowed to do, to the payloads of
// one owner. It holds nothing that anybody said.
type Access struct {
	Caller identity.Caller
	Act    Act
	// Subject is whose payloads they are; the zero UUID for the system's.
	Subject uuid.UUID
	Outcome Outcome
	// Payloads is how many.
	Payloads int
	// Approval is the id of the approval that it rested on; "" for none.
	Approval string
}

// Audit records who looked at what. What cannot be recorded is not shown: the
// request fails with the error.
type Audit interface {
	// Record keeps what one request did, all of it or nothing.
	Record(ctx context.Context, accesses []Access) error
}
