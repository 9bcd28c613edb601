package region

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// serve makes PostgreSQL the primary of an epoch and keeps it so. Nobody of the product
// can connect before the database knows the epoch, or that it is in quarantine. It begins
// from where a killed agent left it, and ends with the context or by failing; PostgreSQL
// runs on then.
func (a *Agent) serve(ctx context.Context, j job) error {
	if a.watchdog.told() <= a.Clock() {
		return errors.New("the watchdog has no deadline: PostgreSQL must not serve")
	}
	r, err := a.recordServing(j)
	if err != nil {
		return err
	}
	a.Reached("promote: recorded")
	m := &mode{cluster: a.cluster, holder: j.holder}
	awaited := r.Begun && a.Mode == fence.Sync && j.mode == fence.Sync
	if !awaited {
		// Its standby may be gone, and is not there yet in any case: whoever asks before it
		// has caught up must not be told that commits wait for it.
		if err := m.claimLess(ctx); err != nil {
			return err
		}
	}
	s, err := a.startPrimary(ctx, awaited)
	if err != nil {
		return err
	}
	if err := a.promote(ctx, s); err != nil {
		return err
	}
	if err := errors.Join(a.beginEpoch(ctx, j, r), a.cluster.dropClone()); err != nil {
		return err
	}
	if err := a.openToAll(ctx, awaited); err != nil {
		return err
	}
	a.Logger.Info("serves")
	a.Reached("promote: open")
	return m.keep(ctx, s, awaited)
}

// recordServing makes it durable that the cluster serves in the epoch, and how it began to.
// That is decided once for an epoch.
func (a *Agent) recordServing(j job) (record, error) {
	r := a.getRecord()
	if r.Serves && r.Epoch == j.epoch {
		return r, nil
	}
	r = record{Epoch: j.epoch, Serves: true, Lossless: j.lossless && !a.ServeOld, Exported: r.Exported}
	return r, a.keep(r)
}

// startPrimary has a server that nobody of the product reaches: the standby that runs
// already, or a new one.
func (a *Agent) startPrimary(ctx context.Context, awaited bool) (*pgserver.Server, error) {
	s := a.cluster.running()
	if s == nil {
		if err := errors.Join(a.cluster.configure(awaited), a.cluster.admit(false)); err != nil {
			return nil, err
		}
		var err error
		if s, err = a.cluster.launch(); err != nil {
			return nil, err
		}
		a.setMessage("waits for its PostgreSQL to answer")
	}
	return s, s.AwaitAnswer(ctx)
}

// promote ends recovery, if the server is in it, and keeps log for the other region from
// then on.
func (a *Agent) promote(ctx context.Context, s *pgserver.Server) error {
	var standby bool
	if err := a.cluster.ask(ctx, "select pg_is_in_recovery()", nil, &standby); err != nil {
		return fmt.Errorf("ask PostgreSQL what it is: %w", err)
	}
	if follows, err := a.cluster.follows(); err != nil {
		return err
	} else if standby && follows { // without the file it recovers from a crash, and is no standby
		if err := a.cluster.ask(ctx, "select pg_promote(false)", nil, new(bool)); err != nil {
			return fmt.Errorf("promote PostgreSQL: %w", err)
		}
		a.Reached("promote: asked")
	}
	if standby {
		a.setMessage("waits for its PostgreSQL to end its recovery")
	}
	for standby {
		select {
		case <-s.Exited():
			return fmt.Errorf("promote PostgreSQL: it ended: %s", s.Log())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
		// A server that is busy with its recovery may not answer in time; one that ended is seen.
		_ = a.cluster.ask(ctx, "select pg_is_in_recovery()", nil, &standby)
	}
	a.Reached("promote: promoted")
	return a.keepLogFor(ctx)
}

// keepLogFor makes the slot of the other region's standby.
func (a *Agent) keepLogFor(ctx context.Context) error {
	err := a.cluster.ask(ctx, makeSlot, []any{slot(a.other())})
	if err != nil {
		return fmt.Errorf("keep log for the other region: %w", err)
	}
	return nil
}

const makeSlot = `select pg_create_physical_replication_slot($1, true)
	where not exists (select from pg_replication_slots where slot_name = $1)`

// beginEpoch tells the database what it is now: the same in a new epoch, or a copy that may
// lack something, which goes into quarantine. The first epoch needs neither.
func (a *Agent) beginEpoch(ctx context.Context, j job, r record) error {
	if r.Begun {
		return nil
	}
	url := a.cluster.running().URL(a.cluster.own.user, a.Database)
	switch {
	case j.failover == "":
	case r.Lossless:
		if err := a.BeginEpoch(ctx, url, j.epoch, j.failover); err != nil {
			return fmt.Errorf("begin epoch %d: %w", j.epoch, err)
		}
	default:
		at, moment, err := a.cluster.forked(ctx)
		if err == nil {
			err = a.BeginQuarantine(ctx, url, j.failover, at, moment)
		}
		if err != nil {
			return fmt.Errorf("begin the quarantine: %w", err)
		}
	}
	a.Reached("promote: begun")
	r.Begun = true
	return a.keep(r)
}

// forked is where the server's timeline left the one before, and the time of the newest
// transaction by then, as far as they are known.
func (c *cluster) forked(ctx context.Context) (at fence.LSN, moment time.Time, err error) {
	var when *time.Time
	var history *string
	err = c.ask(ctx, `select pg_last_xact_replay_timestamp(),
		pg_read_file('pg_wal/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.history', 0, 1000000, true)`, nil, &when, &history)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("ask where the timeline began: %w", err)
	}
	if when != nil {
		moment = *when
	}
	if history != nil {
		for _, b := range parseHistory(*history) {
			at = b.at
		}
	}
	return at, moment, nil
}

// openToAll lets the product's processes connect.
func (a *Agent) openToAll(ctx context.Context, awaited bool) error {
	if err := errors.Join(a.cluster.configure(awaited), a.cluster.admit(true)); err != nil {
		return err
	}
	if err := a.cluster.reload(ctx, awaited); err != nil {
		return err
	}
	a.setOpen()
	return nil
}
