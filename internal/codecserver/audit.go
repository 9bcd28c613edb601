package codecserver

import (
	"context"
	"encoding/hex"
	"log/slog"

	"github.com/google/uuid"

	"meai/internal/identity"
	"meai/internal/keyring"
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

// LogAudit records into a log. It shows a person as an HMAC under the system's key.
type LogAudit struct {
	Keys *keyring.Keyring
	Log  *slog.Logger
}

// Record implements [Audit].
func (a LogAudit) Record(ctx context.Context, accesses []Access) error {
	system, err := a.Keys.System(ctx)
	if err != nil {
		return err
	}
	for _, x := range accesses {
		object := "system"
		if x.Subject != uuid.Nil {
			object = hex.EncodeToString(system.Blind(keyring.AuditObject, x.Subject[:]))
		}
		a.Log.LogAttrs(ctx, slog.LevelInfo, "audit",
			slog.String("act", string(x.Act)), slog.String("outcome", string(x.Outcome)), slog.Int("payloads", x.Payloads),
			slog.String("principal", x.Caller.Principal.String()), slog.Any("roles", x.Caller.Roles),
			slog.String("method", string(x.Caller.Method)), slog.String("object", object), slog.String("approval", x.Approval))
	}
	return nil
}
