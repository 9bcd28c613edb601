package region

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// remedy is what is tried with a standby that does not follow: each time the next one.
type remedy int

const (
	none remedy = iota
	rewinding
	cloning
)

// errStuck: the standby will not follow by itself any more.
var errStuck = errors.New("the standby does not follow")

// errUnclear: it does not, and nobody knows why.
var errUnclear = fmt.Errorf("%w, although its primary can be reached", errStuck)

// follow makes PostgreSQL the standby of the other region and keeps it so. It ends with
// the context or by failing; PostgreSQL runs on then.
func (a *Agent) follow(ctx context.Context, j job) error {
	s := a.cluster.running()
	if s == nil {
		if err := a.makeStandby(ctx, j); err != nil {
			return err
		}
		var err error
		if s, err = a.startStandby(ctx); err != nil {
			a.remedyFor(err)
			return err
		}
	}
	err := a.watchStandby(ctx, j, s)
	a.remedyFor(err)
	return err
}

// makeStandby makes what is there a standby: nothing to do, or clone it, or bring an old
// primary back.
func (a *Agent) makeStandby(ctx context.Context, j job) error {
	exists, err := a.cluster.exists()
	if err != nil {
		return err
	}
	follows, err := a.cluster.follows()
	if err != nil {
		return err
	}
	cloned, err := has(a.cluster.path("cloned"))
	if err != nil {
		return err
	}
	r, sound := a.getRecord(), a.remedyIs(none)
	if exists && follows && sound && !cloned && !r.Broken && r.Aside == "" {
		return nil
	}
	if err := a.awaitPrimary(ctx, j.epoch); err != nil {
		return err
	}
	if err := a.mayReplace(ctx); err != nil {
		return err
	}
	// What an earlier attempt has not come to the end of: another clone would be in its way.
	if finished, err := a.finishClone(); finished || err != nil {
		return err
	}
	remains, err := a.cluster.remains()
	switch {
	case err != nil:
		return err
	case remains:
		return a.setAside(ctx, fmt.Errorf("%w: it has no PG_VERSION", errUnreadable))
	case !exists || a.remedyIs(cloning) || r.Broken || r.Aside != "":
		return a.clone(ctx)
	}
	return a.rejoin(ctx)
}

// startStandby starts the standby. What it does not keep is log for another one, which it
// did while it served.
func (a *Agent) startStandby(ctx context.Context) (*pgserver.Server, error) {
	if err := errors.Join(a.cluster.configure(false), a.cluster.admit(false)); err != nil {
		return nil, err
	}
	s, err := a.cluster.launch()
	if err != nil {
		return nil, err
	}
	a.setRole(fence.RoleStandby)
	if err := s.AwaitAnswer(ctx); err != nil {
		return nil, a.notStarted(ctx, s, err)
	}
	err = a.cluster.ask(ctx, `select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots where slot_name = $1 and not active`,
		[]any{slot(a.other())}, new(int))
	if err != nil {
		return nil, fmt.Errorf("drop a slot of the time before: %w", err)
	}
	return s, nil
}

// notStarted says of a standby that did not answer whether that is its own fault: it ended by
// itself, or lets nobody in. Where that is
// about to count as often enough, a server that nobody else reaches is tried as well: what
// keeps both from starting are the cluster's files.
func (a *Agent) notStarted(ctx context.Context, s *pgserver.Server, why error) error {
	select {
	case <-s.Exited():
	default:
		if !errors.Is(why, pgserver.ErrDamaged) {
			return why
		}
	}
	if a.endedBefore() >= mostEnds-1 {
		switch err := a.cluster.startsAlone(ctx); {
		case err == nil:
			return fmt.Errorf("the standby does not start, and its files are sound, for a server that nobody reaches does: %w", why)
		case !errors.Is(err, errUnreadable):
			return errors.Join(why, err)
		}
	}
	return fmt.Errorf("%w: %w", errEnded, why)
}

// awaitPrimary waits until the other region's PostgreSQL serves in the epoch.
func (a *Agent) awaitPrimary(ctx context.Context, epoch int64) error {
	a.setMessage("waits for the other region to serve")
	for {
		agents, err := a.Register.Agents(ctx)
		if it, known := agents[a.other()]; err == nil && known && it.Role == fence.RolePrimary && it.Epoch >= epoch && it.Open {
			var standby bool
			if err = a.cluster.askPeer(ctx, "select pg_is_in_recovery()", nil, &standby); err == nil && !standby {
				a.setMessage("")
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(modeEvery):
		}
	}
}

// stuckAfter is how long a standby may neither receive nor replay anything while its
// primary can be reached.
const stuckAfter = 10 * time.Second

// watchStandby watches whether the standby follows. It notes the epoch once it does.
func (a *Agent) watchStandby(ctx context.Context, j job, s *pgserver.Server) error {
	var before fence.LSN
	var reached bool // its primary was, when it had stood still for long
	moved := time.Now()
	tick := time.NewTicker(modeEvery)
	defer tick.Stop()
	reading, stop := context.WithCancel(ctx)
	var scrubs sync.WaitGroup
	defer scrubs.Wait()
	defer stop()
	found := make(chan error, 1)
	scrubs.Go(func() { a.scrubbing(reading, found) })
	for {
		var streams bool
		var at *string
		var failures int64
		err := a.cluster.ask(ctx, `select exists (select from pg_stat_wal_receiver where status = 'streaming'),
			greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text,
			(select coalesce(sum(checksum_failures), 0)::bigint from pg_stat_database)`, nil, &streams, &at, &failures)
		if failures > 0 { // somebody else came upon them
			return a.rotten(fmt.Errorf("%d pages", failures))
		}
		switch {
		case err == nil && streams:
			reached, moved = false, time.Now()
			if err := a.follows(ctx, j); err != nil {
				return err
			}
		case err == nil && lsn(at) != before, err != nil:
			before, moved = lsn(at), time.Now()
		case time.Since(moved) > stuckAfter:
			stuck := a.diagnose(ctx)
			if stuck != nil && (reached || !errors.Is(stuck, errUnclear)) {
				return stuck
			}
			// The way to its primary may have come back just now.
			reached, moved = stuck != nil, time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.Exited():
			return fmt.Errorf("%w: %s", errEnded, s.Log())
		case err := <-found:
			return a.rotten(err)
		case <-tick.C:
		}
	}
}

// follows notes that the standby follows in the epoch.
func (a *Agent) follows(ctx context.Context, j job) error {
	a.mu.Lock()
	a.remedy, a.ends, a.message = none, 0, ""
	r := a.record
	a.mu.Unlock()
	if r.Epoch >= j.epoch && !r.Serves {
		return nil
	}
	if agents, err := a.Register.Agents(ctx); err != nil || agents[a.other()].Epoch < j.epoch {
		return nil // it does not serve in that epoch yet
	}
	a.Logger.Info("follows")
	return a.keep(record{Epoch: j.epoch, Exported: r.Exported})
}

// diagnose says what keeps a standby from following, if that is not the way to its primary.
func (a *Agent) diagnose(ctx context.Context) error {
	var standby bool
	var kept *string
	err := a.cluster.askPeer(ctx, `select pg_is_in_recovery(), (select coalesce(wal_status, 'reserved') from pg_replication_slots where slot_name = $1)`,
		[]any{slot(a.Region)}, &standby, &kept)
	switch {
	case err != nil || standby:
		a.setMessage("its primary cannot be reached")
		return nil
	case kept == nil:
		return a.cluster.makeSlotAtPeer(ctx)
	case *kept == "lost":
		return fmt.Errorf("%w: its primary has not kept the log that it needs", errStuck)
	default:
		return errUnclear
	}
}

// makeSlotAtPeer makes the slot that keeps log for this region's standby.
func (c *cluster) makeSlotAtPeer(ctx context.Context) error {
	err := c.askPeer(ctx, `select pg_drop_replication_slot(slot_name) from pg_replication_slots
		where slot_name = $1 and wal_status = 'lost' and not active`, []any{slot(c.Region)})
	if err == nil {
		err = c.askPeer(ctx, makeSlot, []any{slot(c.Region)})
	}
	if err != nil {
		return fmt.Errorf("have the other region keep log: %w", err)
	}
	return nil
}
