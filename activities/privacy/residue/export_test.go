package residue

import "time"

// SetSettled has clean-ups wait that long for counts, and returns what puts it back.
func SetSettled(d time.Duration) (restore func()) {
	before := settled
	settled = d
	return func() { settled = before }
}
