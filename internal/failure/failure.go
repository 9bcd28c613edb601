// Package failure names the errors that a caller decides on.
//
// Each is a non-retryable Temporal application error with a stable type, so a
// workflow, an activity and the HTTP edge agree on what went wrong without
// parsing messages. Messages never hold a person's words.
package failure

import (
	"errors"

	"go.temporal.io/sdk/temporal"
)

// Type is the stable name of a failure; retry policies list these.
type Type = string

const (
	// InvalidInput: the request can never succeed as it is.
	InvalidInput Type = "InvalidInput"
	// NotFound: the session, interaction or memory does not exist for this subject.
	NotFound Type = "NotFound"
	// SessionExpired: the session has ended or its hour is over.
	SessionExpired Type = "SessionExpired"
	// IdempotencyConflict: the same Idempotency-Key came with another body.
	IdempotencyConflict Type = "IdempotencyConflict"
	// SubjectInactive: erasure of this person's data has begun; nothing may be written.
	SubjectInactive Type = "SubjectInactive"
	// KeyDestroyed: the subject's keys were destroyed, for ever.
	KeyDestroyed Type = "KeyDestroyed"
	// KeyMissing: the keyring holds nothing for this subject.
	KeyMissing Type = "KeyMissing"
)

// Permanent lists every type that no retry can mend.
var Permanent = []string{InvalidInput, NotFound, SessionExpired, IdempotencyConflict, SubjectInactive, KeyDestroyed, KeyMissing}

// New returns a non-retryable error of the given type. The message is shown to
// operators and must not contain a person's words.
func New(t Type, message string, cause error) error {
	return temporal.NewNonRetryableApplicationError(message, t, cause)
}

// Is reports whether err is, or wraps, a failure of type t.
func Is(err error, t Type) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == t
}
