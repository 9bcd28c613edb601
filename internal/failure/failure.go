// Package failure names the errors that a caller decides on.
//
// Each is a Temporal application error with a stable type, so a workflow, an activity and the HTTP edge agree on what went wrong without
// parsing messages. Messages never hold a person's words.
package failure

import (
	"errors"
	"slices"

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
	// KeyMissing: the keyring holds nothing for this subject. It may be the wrong
	// keyring, as of a worker that was set up badly: another worker can mend that.
	KeyMissing Type = "KeyMissing"
	// NotAllowed: whoever asks may not do that, now or ever.
	NotAllowed Type = "NotAllowed"
	// Decided: the approval was decided, has expired, or was used already.
	Decided Type = "Decided"
	// Quarantined: the database was restored or failed over, or its write epoch is not
	// the process's any more. The process ends; another one may go on later.
	Quarantined Type = "Quarantined"
	// EpochOver: what cannot be undone was asked for in an earlier write epoch.
	EpochOver Type = "EpochOver"
	// Unsound: a backup is damaged, does not restore, or lacks what it needs; or a region that
	// was failed over to does not come up.
	Unsound Type = "Unsound"
	// Held: a legal hold keeps what was to go.
	Held Type = "Held"
	// ConsentMissing: the person does not agree, now, to what their data would be used for.
	ConsentMissing Type = "ConsentMissing"
	// ProcessingRestricted: the person has their data stored, and nothing done with it.
	ProcessingRestricted Type = "ProcessingRestricted"
)

// Permanent lists every type that no retry can mend.
var Permanent = []string{InvalidInput, NotFound, SessionExpired, IdempotencyConflict, SubjectInactive, KeyDestroyed, NotAllowed, Decided, EpochOver, Unsound, Held, ConsentMissing, ProcessingRestricted}

// New returns an error of the given type, non-retryable when the type is
// [Permanent]. The message is shown to operators and must not contain a person's
// words.
func New(t Type, message string, cause error) error {
	return temporal.NewApplicationErrorWithOptions(message, t, temporal.ApplicationErrorOptions{
		NonRetryable: slices.Contains(Permanent, t), Cause: cause,
	})
}

// Is reports whether err is, or wraps, a failure of type t.
func Is(err error, t Type) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == t
}
