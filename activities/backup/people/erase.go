package people

import (
	"time"

	"github.com/google/uuid"

	"meai/internal/keyring"
)

// Prefix is what the names of a person's archives begin with.
func Prefix(subject uuid.UUID) string { return folderOf(keyring.Digest(subject)) }

// ExpiresAt is when the years of an archive are over; zero for what is none. A bucket that
// keeps what it is given may keep it until then.
func ExpiresAt(name string) time.Time {
	_, k, ok := parse(name)
	if !ok {
		return time.Time{}
	}
	return k.Begun.AddDate(Years, 0, 0)
}
