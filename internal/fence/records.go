package fence

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// LSN is a position in PostgreSQL's log, in bytes.
type LSN uint64

// ParseLSN reads PostgreSQL's way to write a position: "16/B374D848".
func ParseLSN(s string) (LSN, error) {
	high, low, ok := strings.Cut(s, "/")
	h, err := strconv.ParseUint(high, 16, 32)
	l, errLow := strconv.ParseUint(low, 16, 32)
	if err = errors.Join(err, errLow); !ok || err != nil {
		return 0, fmt.Errorf("%q is no position in PostgreSQL's log", s)
	}
	return LSN(h<<32 | l), nil
}

// String writes it as PostgreSQL does.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// MarshalText writes it as PostgreSQL does.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *LSN) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLSN(string(text))
	return err
}

// Desired says where writes belong. Changing it is the commit point of a failover.
type Desired struct {
	Region string `json:"region"`
	// Epoch goes up by one with every change of region, and never otherwise. The first one is 1.
	Epoch int64 `json:"epoch"`
	// Failover is the failover that changed it; empty for the first one.
	Failover string `json:"failover,omitempty"`
	// Lossless says that the standby had every acknowledged write when this was decided: replication was synchronous.
	Lossless bool `json:"lossless,omitempty"`
	// Handover asks the old agent to shut PostgreSQL down cleanly. Nothing is lost when the standby has all of its log.
	Handover bool      `json:"handover,omitempty"`
	Since    time.Time `json:"since"`
}

// Next is what a failover changes it to.
func (d Desired) Next(region, failover string, since time.Time) Desired {
	return Desired{Region: region, Epoch: d.Epoch + 1, Failover: failover, Since: since}
}

// Holder is whose PostgreSQL may take writes.
type Holder struct {
	Region string `json:"region"`
	Epoch  int64  `json:"epoch"`
	// Nonce is drawn anew by each attempt to acquire, so no two holders are the same.
	Nonce string `json:"nonce"`
}

// NewNonce draws a nonce for a holder.
func NewNonce() string { return rand.Text() }

// Proof says that the PostgreSQL of a holder takes no more writes: none of its processes runs, or it is a standby.
type Proof struct {
	// Clean says that PostgreSQL was shut down in order, after it was primary in Epoch, and LSN is the position of the
	// checkpoint that ends its log.
	Clean bool      `json:"clean,omitempty"`
	Epoch int64     `json:"epoch,omitempty"`
	LSN   LSN       `json:"lsn,omitzero"`
	At    time.Time `json:"at"`
}

// Last is the holder that there was last. Unlike the key "primary" it outlives the lease.
type Last struct {
	Holder
	// Stopped says that Proof was given.
	Stopped bool  `json:"stopped"`
	Proof   Proof `json:"proof,omitzero"`
	// Before is the proof of the last holder of an earlier epoch; zero where there was none, or it gave none.
	Before Proof `json:"before,omitzero"`
}

// followed is the record of the holder that comes after this one.
func (l Last) followed(by Holder) Last {
	next := Last{Holder: by, Before: l.Before}
	if l.Epoch != by.Epoch {
		next.Before = l.Proof
	}
	return next
}

// Replication says what an acknowledged write is worth.
type Replication string

// The states of replication.
const (
	Async    Replication = "async"    // the standby may lag behind what was acknowledged
	Sync     Replication = "sync"     // what was acknowledged is on the standby
	Degraded Replication = "degraded" // was sync, and the standby has been absent for too long
)

// Mode is the replication's state, written by the primary's agent alone: before PostgreSQL acknowledges less than it
// says, and after PostgreSQL acknowledges as much as it says and the standby has all that came before. While it says
// [Sync], a primary of any epoch that is opened must wait for its standby, or have it changed first.
type Mode struct {
	Replication Replication `json:"replication"`
	// Region and Epoch are whose agent wrote it.
	Region string    `json:"region,omitempty"`
	Epoch  int64     `json:"epoch,omitempty"`
	Since  time.Time `json:"since"`
}

// Entry is a record of the register; its revision is zero while it does not exist.
type Entry[T any] struct {
	Value    T
	Revision int64
}

// Exists tells whether there is such a record.
func (e Entry[T]) Exists() bool { return e.Revision != 0 }

// Snapshot is what the register said at one moment.
type Snapshot struct {
	// Revision grows with every change of the register.
	Revision int64
	Desired  Entry[Desired]
	Primary  Entry[Holder]
	Last     Entry[Last]
	Mode     Entry[Mode]
}

// Lease is what the key "primary" hangs on.
type Lease struct {
	// ID is zero where there is no lease.
	ID int64
	// Sent is the moment BEFORE the request that granted or renewed it was sent, on the agent's clock.
	Sent Instant
	// TTL is what the register granted.
	TTL time.Duration
}

// Deadline is until when PostgreSQL may take writes: by then it must be on its way to be killed. It is what the
// watchdog gets with each renewal. Zero where there is no lease.
func (l Lease) Deadline(t Timings) Instant {
	if l.ID == 0 {
		return 0
	}
	return l.Sent.Add(min(l.TTL, t.TTL) - t.Margin)
}

// Role is what a region's PostgreSQL is.
type Role string

// The roles. A PostgreSQL counts as primary from before it is asked to promote, or started without standby.signal,
// until none of its processes runs.
const (
	RoleStopped   Role = "stopped" // proven: none of its processes runs
	RoleStandby   Role = "standby"
	RolePrimary   Role = "primary"
	RoleCloning   Role = "cloning"   // a base backup is being taken; what is there is no whole copy
	RoleRewinding Role = "rewinding" // pg_rewind is at work
)

// AgentStatus is what an agent says every second, under a lease of its own.
type AgentStatus struct {
	Region   string `json:"region"`
	Role     Role   `json:"role"`
	Epoch    int64  `json:"epoch"` // the epoch in which its PostgreSQL was opened for writes, or that it follows
	Open     bool   `json:"open"`  // the product's processes may connect
	Timeline int64  `json:"timeline"`
	Received LSN    `json:"received"` // of a primary: written
	Replayed LSN    `json:"replayed"`
	Flushed  LSN    `json:"flushed"`
	// Lag is how old the newest replayed transaction is, in seconds; negative where that is not known.
	Lag     float64   `json:"lag"`
	At      time.Time `json:"at,omitzero"` // when its PostgreSQL was asked for all that
	Since   time.Time `json:"since"`       // of the role
	Message string    `json:"message,omitempty"`
}

// Health is what an observer saw of one region.
type Health struct {
	Healthy bool      `json:"healthy"`
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason,omitempty"` // a word such as "refused"; empty for a healthy one
}

// Verdict is what one observer says of the regions, by their names.
type Verdict struct {
	Site    string            `json:"site"`
	Regions map[string]Health `json:"regions"`
}
