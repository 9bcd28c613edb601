// Package failover moves the product from the region that serves to the other one: as
// steps that are written down, so that whoever carries them out may be lost at any line.
//
// A failover is one plan and thirteen steps ([Steps]). Each can be repeated; what is done
// is in the journal of the register (internal/fence), outside both regions. One step, fence,
// changes the record that says where writes belong. It is the commit point: before it
// everything can be taken back ([Run.RollBack]), after it everything goes forward, however
// often it is begun anew. The steps are run by the activities of a workflow
// (workflows.Failover) or by a program that needs no Temporal (meai failover run): the same
// code on the same journal, one of them at a time.
//
// What starts a failover is decided by pure functions: [Watch.Count] for whether a primary
// is lost, [Judge] for whether its standby may be promoted. docs/failover.md says what all
// of it promises and what not.
package failover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"meai/internal/fence"
)

// Controller carries out failovers between the two regions of a system. All fields are
// required unless they say otherwise. It is safe for concurrent use.
type Controller struct {
	Register fence.Register
	// Databases are the product's, by region, for a role that reads everything and may
	// write heartbeats, and that a standby lets in as well.
	Databases map[string]Server
	// Open opens what is needed of a region beside its database.
	Open   func(ctx context.Context, region string) (Place, error)
	Limits Limits
	Rules  Rules
	// Approvers are the public keys of those who may override the gate, one in a line;
	// empty: nobody can.
	Approvers string
	// Route tells whoever directs clients; nil for nobody. It may be called again for the
	// same failover, after a crash.
	Route func(context.Context, Notice) error
	// Acknowledgements is the file of what clients were told (see [Acknowledgements]);
	// empty for none.
	Acknowledgements string
	// Rejoin is how long the last steps wait for the old region to come back as a standby
	// before the failover ends without it.
	Rejoin time.Duration
	// Promotes is how long the new region may take to have the lease, and to be open for
	// writes after that, before a person is called for; 2 min when zero.
	Promotes time.Duration
	// DrillsAllowed is the safety switch of drills: without it none is done.
	DrillsAllowed bool
	// Name says who runs, in the register: letters, digits and dashes.
	Name   string
	Logger *slog.Logger
	// Every is how often a step that waits looks again; 100 ms when zero.
	Every time.Duration
	// Now is the wall clock; time.Now when nil.
	Now func() time.Time
}

// Server is the product's database in one region. [Database] is one.
type Server interface {
	InRecovery(context.Context) (bool, error)
	Standing(context.Context) (Standing, error)
	Replica(context.Context) (Replica, error)
	Beat(context.Context) error
	Canary(context.Context) (lsn string, err error)
	Refusal(context.Context) (string, error)
	Present(context.Context, []Acknowledged) (map[uuid.UUID]bool, error)
}

// Place is a region beside its database.
type Place interface {
	// Approve spends an approval to override the gate, given by two persons in this
	// region's system, on the failover named by.
	Approve(ctx context.Context, approval uuid.UUID, region, by string) error
	// Keyring fails unless a quorum of the keyring's replicas can be read from here.
	Keyring(ctx context.Context) error
	// Temporal fails unless the region's Temporal serves and has the product's schedules;
	// it returns how many.
	Temporal(ctx context.Context) (schedules int, err error)
	// Release brings the region's quarantined database into service, under an approval or
	// what stands for it; it does nothing where it serves. It returns the write epoch, and
	// whether there was a quarantine of this failover, also one that it ended before.
	Release(ctx context.Context, failover, approval uuid.UUID) (epoch int64, released bool, err error)
	// Repair starts what makes the region's index hold what its database does, unless the
	// same failover has started it already.
	Repair(ctx context.Context, failover uuid.UUID) error
	// Sign signs a text that ends in a newline, as this system.
	Sign(ctx context.Context, text string) ([]byte, error)
	Close() error
}

// Notice tells whoever directs clients where they belong. One with an epoch that is not
// greater than that of the last one must be passed over.
type Notice struct {
	Failover uuid.UUID `json:"failover"`
	Region   string    `json:"region"`
	Epoch    int64     `json:"epoch"`
}

// Input asks for a failover. All fields but To may be left out.
type Input struct {
	// ID names the failover; one is made when it is left out.
	ID uuid.UUID `json:"id,omitzero"`
	// To is the region that is to serve; empty: the other one.
	To string `json:"to,omitempty"`
	// Planned hands over from a primary that is well (switchover, and fail-back). Otherwise
	// the primary must be lost.
	Planned bool `json:"planned,omitempty"`
	// Approval overrides the gate: one of the old region's system, while that still serves.
	Approval uuid.UUID `json:"approval,omitzero"`
	// Document does so as well: an approval that is a signed document.
	Document string `json:"document,omitempty"`
}

// Plan is what a failover is to do. It does not change any more.
type Plan struct {
	ID      uuid.UUID `json:"id"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Planned bool      `json:"planned,omitempty"`
	// Epoch is that of the record which says where writes belong, as it is before.
	Epoch int64     `json:"epoch"`
	At    time.Time `json:"at"`
}

// How a failover ended.
const (
	// Completed: the other region serves.
	Completed = "completed"
	// RolledBack: nothing has changed.
	RolledBack = "rolled_back"
	// Superseded: it had committed, and another one was begun before it ended.
	Superseded = "superseded"
)

// Result is the last entry of a failover's journal.
type Result struct {
	State string    `json:"state"`
	At    time.Time `json:"at"`
	// Reasons are the gate's, of one that was rolled back by it.
	Reasons []Reason `json:"reasons,omitempty"`
}

var (
	// ErrNotNow: the step has to wait for something; it may be tried again at once.
	ErrNotNow = errors.New("failover: not yet")
	// ErrCommitted: the failover is beyond the point up to which it can be taken back.
	ErrCommitted = errors.New("failover: it is decided: the other region serves or will, and nothing can be taken back")
	// ErrOver: the failover has ended.
	ErrOver = errors.New("failover: it has ended")
	// ErrRefused: the gate says no and nobody has overridden it, or nobody can.
	ErrRefused = errors.New("failover: the gate refuses")
	// ErrStale: since it was planned, something else has changed where writes belong, or
	// the standby has become worse than what was agreed to.
	ErrStale = errors.New("failover: the plan no longer fits what is")
	// ErrStuck: the new region does not come up, and needs a person. The step goes on when it
	// is done again.
	ErrStuck = errors.New("failover: the new region does not come up")
	// ErrUnderWay: there is another failover.
	ErrUnderWay = errors.New("failover: another one is under way")
)

func (c *Controller) now() time.Time {
	if c.Now == nil {
		return time.Now().UTC()
	}
	return c.Now().UTC()
}

func (c *Controller) every() time.Duration {
	if c.Every == 0 {
		return 100 * time.Millisecond
	}
	return c.Every
}

// promotesWithin is [Controller.Promotes] where that is zero: crash recovery of a large log
// takes longer than a promotion, and is over by then.
const promotesWithin = 2 * time.Minute

func (c *Controller) promotes() time.Duration { return cmp.Or(c.Promotes, promotesWithin) }

// waitFor is how long a step waits before it says that it does, and is begun again.
const waitFor = 20 * time.Second

// await looks until look is content. It fails with [ErrNotNow] when that takes too long.
func (c *Controller) await(ctx context.Context, look func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	ticks := time.NewTicker(c.every())
	defer ticks.Stop()
	for {
		ok, err := look(ctx)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ErrNotNow, err, context.Cause(ctx))
		case <-ticks.C:
		}
	}
}

// other is the region that is not the given one.
func (c *Controller) other(region string) (string, error) {
	if len(c.Databases) != 2 {
		return "", fmt.Errorf("there are %d regions, and a failover is between two", len(c.Databases))
	}
	for name := range c.Databases {
		if name != region {
			return name, nil
		}
	}
	return "", fmt.Errorf("there is no region beside %s", region)
}
