package identity

import (
	"time"

	"github.com/google/uuid"
)

// WithClock lets a verifier follow the given clock.
func (o OIDCOptions) WithClock(now func() time.Time) OIDCOptions {
	o.now = now
	return o
}

// ParseAPIKey shows the parser to the tests.
func ParseAPIKey(text string) (uuid.UUID, []byte, bool) { return parseAPIKey(text) }

// FormatAPIKey shows the spelling to the tests.
func FormatAPIKey(id uuid.UUID, secret []byte) string { return formatAPIKey(id, secret) }

// RevokedWithin is how long a process may go on with what was taken back.
const RevokedWithin = revokedWithin
