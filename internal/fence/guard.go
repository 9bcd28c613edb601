package fence

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// ErrNotHere says that writes do not belong into this process's region, or that this cannot be known.
var ErrNotHere = errors.New("writes do not belong here")

// Guard tells a process of the product whether its writes belong into the PostgreSQL of its own region. It is the
// second line: it holds even if an agent and its watchdog fail to stop PostgreSQL.
//
// A transaction asks it at its beginning and right before COMMIT, and ONCE MORE AFTER COMMIT, before anybody is told
// that the write was done: a process may be halted between asking and committing for as long as it takes the other
// region to be promoted. When the last one refuses, the outcome is unknown.
type Guard struct {
	register Register
	region   string
	timings  Timings
	clock    Clock
	known    atomic.Pointer[permit]
	once     chan struct{}
	ended    chan struct{}
}

// NewGuard begins to read the register every [Timings.Renew], and whenever it changes, until ctx ends. Until the first
// answer it refuses everything.
func NewGuard(ctx context.Context, register Register, region string, timings Timings, clock Clock) *Guard {
	g := &Guard{register: register, region: region, timings: timings, clock: clock, once: make(chan struct{}), ended: make(chan struct{})}
	go g.run(ctx)
	return g
}

// Read is closed once the register has answered for the first time.
func (g *Guard) Read() <-chan struct{} { return g.once }

// Ended is closed once the guard reads no more.
func (g *Guard) Ended() <-chan struct{} { return g.ended }

// Check is nil when writes belong here, in the epoch that this PostgreSQL says it is in (`cluster_state`, read in the same
// transaction). It takes no time. Errors wrap [ErrNotHere].
func (g *Guard) Check(epoch int64) error {
	known := g.known.Load()
	if known == nil {
		return fmt.Errorf("%w: the register was not read yet", ErrNotHere)
	}
	return known.check(g.clock(), g.region, epoch, g.timings)
}

func (g *Guard) run(ctx context.Context) {
	defer close(g.ended)
	changed, ticker := g.register.Watch(ctx), time.NewTicker(g.timings.Renew())
	defer ticker.Stop()
	for ctx.Err() == nil {
		g.read(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case _, open := <-changed:
			if !open {
				changed = nil // the ticker goes on
			}
		}
	}
}

// read keeps what the register says. What it said before stays as it is when it does not answer, and gets too old.
func (g *Guard) read(ctx context.Context) {
	sent := g.clock()
	ctx, cancel := context.WithTimeout(ctx, g.timings.TTL)
	defer cancel()
	if snapshot, err := g.register.Read(ctx); err == nil {
		if g.known.Swap(&permit{sent: sent, desired: snapshot.Desired.Value}) == nil {
			close(g.once)
		}
	}
}

// permit is what a guard read last, and the moment before it asked for it.
type permit struct {
	sent    Instant
	desired Desired
}

func (p permit) check(now Instant, region string, epoch int64, t Timings) error {
	switch {
	case now >= p.sent.Add(t.TTL-t.Margin):
		return fmt.Errorf("%w: the register does not answer", ErrNotHere)
	case p.desired.Region != region:
		return fmt.Errorf("%w: they belong to the region %q", ErrNotHere, p.desired.Region)
	case p.desired.Epoch > epoch:
		return fmt.Errorf("%w: the epoch is %d, not %d", ErrNotHere, p.desired.Epoch, epoch)
	}
	return nil
}
