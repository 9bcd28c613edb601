// Package fence decides which region's PostgreSQL may take writes, so that there are never two.
//
// One record in a register that a majority of three sites keeps (etcd) says where writes belong: [Desired], a region
// and an epoch. Beside each PostgreSQL runs an agent which alone starts, stops and promotes it. An agent lets its
// PostgreSQL take writes only while it holds the key "primary" under a lease, and only until a deadline that it works
// out from the moment before it asked for the lease; a watchdog kills PostgreSQL at that deadline should the agent
// hang. The agent of the other region promotes once that key is gone: at once where the old holder proved that its
// PostgreSQL is dead, else after a wait that covers clocks which run up to [ClockRate] fast or slow. That is the first line.
//
// The second line needs no agent: each process of the product asks a [Guard] in every transaction, which refuses as
// soon as the register named another region or was not read for too long.
//
// [Decide] holds all rules of time and has no I/O. What it decides is carried out by internal/region.
package fence

import (
	"errors"
	"fmt"
	"time"
)

// ClockRate is how much faster or slower than real time a clock may run, as a fraction. Clocks need not agree on the time.
const ClockRate = 0.1

// LongestTTL is the longest lease of a primary.
const LongestTTL = 10 * time.Second

// Errors of a register. Any other error means that the outcome is unknown: it may have been done or not, so read again.
var (
	// ErrConflict says that the register is not as it was read, and that nothing was written.
	ErrConflict = errors.New("the register says something else by now")
	// ErrLost says that the lease ended: what was kept under it is gone.
	ErrLost = errors.New("the lease has ended")
	// ErrHeld says that somebody else has it.
	ErrHeld = errors.New("somebody else has it")
)

// Instant is a moment on one machine's clock that runs while the machine sleeps, in nanoseconds since it started.
// Instants of different machines have nothing to do with each other.
type Instant int64

// Add is the moment d later.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Sub is the time from o to i.
func (i Instant) Sub(o Instant) time.Duration { return time.Duration(i - o) }

// Clock tells the time.
type Clock func() Instant

// Timings are the protocol's times. Both agents, the watchdogs and the guards of all processes must have the same.
type Timings struct {
	// TTL of the primary's lease, in whole seconds (etcd counts in those), at most [LongestTTL].
	TTL time.Duration
	// Margin is how long before the lease's end writes must have stopped, and how long the other agent waits on top.
	Margin time.Duration
	// Kill is the longest time from the decision to stop PostgreSQL until none of its processes runs.
	Kill time.Duration
}

// NewTimings are the times that go with a lease: a fifth of it as margin, an eighth of it to kill PostgreSQL.
func NewTimings(ttl time.Duration) Timings { return Timings{TTL: ttl, Margin: ttl / 5, Kill: ttl / 8} }

// Renew is how often a lease is renewed, and how often a guard reads the register.
func (t Timings) Renew() time.Duration { return t.TTL / 4 }

// Validate checks that the old PostgreSQL is dead before the new one may be promoted, and that no guard permits
// anything by then, with the one's clock as slow and the other's as fast as [ClockRate] allows.
func (t Timings) Validate() error {
	if t.TTL <= 0 || t.TTL > LongestTTL || t.TTL%time.Second != 0 {
		return fmt.Errorf("a lease of %v: whole seconds, at most %v", t.TTL, LongestTTL)
	}
	slow, fast := 1-ClockRate, 1+ClockRate
	if dead, promoted := float64(t.TTL-t.Margin+t.Kill)/slow, float64(t.TTL+t.Margin)/fast; dead > promoted {
		return fmt.Errorf("with a margin of %v and %v to kill, PostgreSQL may outlive its lease", t.Margin, t.Kill)
	}
	if refused, promoted := float64(t.TTL-t.Margin)/slow, float64(t.TTL)/fast; refused > promoted {
		return fmt.Errorf("a margin of %v is too small for a guard's clock", t.Margin)
	}
	return nil
}
