package failover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/fence"
)

// Observed is a region's PostgreSQL as an observer sees it.
type Observed interface {
	InRecovery(context.Context) (bool, error)
}

// Observer looks at both regions from one site and says what it sees. It has no rights
// beyond connecting, and decides nothing.
type Observer struct {
	Register fence.Register
	Site     string
	// Databases are the regions', for a role that may connect to a standby as well.
	Databases map[string]Observed
	Damping   Damping
	Logger    *slog.Logger
	// Now is the wall clock; time.Now when nil.
	Now func() time.Time

	dampers map[string]*Damper
}

// The rhythm of an observer: it asks twice a second, and one question may take as long as
// two rounds.
const (
	lookEvery   = 500 * time.Millisecond
	lookTimeout = time.Second
	judgeEvery  = time.Second
)

// Run looks and judges until ctx ends. Without the register it goes on looking: its word
// is forgotten there meanwhile, and counts for nothing.
func (o *Observer) Run(ctx context.Context) error {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	var judged time.Time
	for {
		verdict := o.Look(ctx)
		if now := o.now(); now.Sub(judged) >= judgeEvery-lookEvery/2 {
			judging, cancel := context.WithTimeout(ctx, judgeEvery)
			err := o.Register.Judge(judging, verdict)
			cancel()
			if err != nil && ctx.Err() == nil {
				o.Logger.Warn("what this observer sees is not in the register", "error", err)
			}
			judged = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}

// Look asks all regions once, at the same time, and is the damped verdict. One call at a time.
func (o *Observer) Look(ctx context.Context) fence.Verdict {
	if o.dampers == nil {
		o.dampers = map[string]*Damper{}
		for region := range o.Databases {
			o.dampers[region] = &Damper{Damping: o.Damping}
		}
	}
	asking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	desired, agents, known := o.read(asking)
	reasons := o.askAll(asking, desired, agents, known)
	verdict := fence.Verdict{Site: o.Site, Regions: map[string]fence.Health{}}
	now := o.now()
	for region, reason := range reasons {
		verdict.Regions[region] = fence.Health(o.dampers[region].Note(now, reason))
	}
	return verdict
}

// read is what the register says; what it does not say speaks against nobody.
func (o *Observer) read(ctx context.Context) (desired string, agents map[string]fence.AgentStatus, known bool) {
	snapshot, err := o.Register.Read(ctx)
	if err == nil {
		agents, err = o.Register.Agents(ctx)
	}
	return snapshot.Desired.Value.Region, agents, err == nil && snapshot.Desired.Exists()
}

func (o *Observer) askAll(ctx context.Context, desired string, agents map[string]fence.AgentStatus, known bool) map[string]string {
	reasons := map[string]string{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for region, database := range o.Databases {
		group.Go(func() {
			inRecovery, err := database.InRecovery(ctx)
			reason := whyNot(err)
			_, alive := agents[region]
			switch {
			case reason != "" || !known:
			case !alive:
				reason = SeenAgent
			case inRecovery != (region != desired):
				reason = SeenRole
			}
			mu.Lock()
			defer mu.Unlock()
			reasons[region] = reason
		})
	}
	group.Wait()
	return reasons
}

// whyNot is the code of an answer; empty for a good one.
func whyNot(err error) string {
	var answer *pgconn.PgError
	var refusal *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &answer):
		return SeenRefused // it starts, stops, or lets nobody in
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &refusal) && refusal.Timeout():
		return SeenSilent
	default:
		return SeenRefused
	}
}

func (o *Observer) now() time.Time {
	if o.Now == nil {
		return time.Now().UTC()
	}
	return o.Now().UTC()
}

// Detect watches for a primary that is lost, and calls act with what speaks for it, again
// and again until it is not lost any more. It returns when ctx ends.
func (c *Controller) Detect(ctx context.Context, act func(context.Context, Counted) error) error {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	var watch Watch
	for {
		votes, since, err := c.votes(ctx)
		var snapshot fence.Snapshot
		if err == nil {
			snapshot, err = c.Register.Read(ctx)
		}
		if err == nil && snapshot.Desired.Exists() {
			var counted Counted
			watch, counted = watch.Count(c.now(), c.Rules, snapshot.Desired.Value.Region, since, votes)
			if counted.Lost {
				err = act(ctx, counted)
			}
		}
		if err != nil && ctx.Err() == nil {
			c.Logger.Warn("a lost primary is not acted upon", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}

// againAfter is how long after a failover was begun by itself another one is.
const againAfter = 30 * time.Second

// Automatic begins a failover away from a primary that is lost, unless one is under way
// or something holds it.
func (c *Controller) Automatic(begin func(context.Context, Input) error) func(context.Context, Counted) error {
	var tried time.Time
	return func(ctx context.Context, counted Counted) error {
		// What the gate has refused it may let pass later, but not twice a second.
		if counted.Held != "" || c.now().Sub(tried) < againAfter {
			return nil
		}
		claimed, err := c.Register.Claimed(ctx)
		if err != nil || claimed != "" {
			return err
		}
		tried = c.now()
		if err := begin(ctx, Input{}); err != nil {
			return fmt.Errorf("begin a failover: %w", err)
		}
		return nil
	}
}
