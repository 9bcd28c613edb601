package region

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// mode keeps what the register says of replication true, while PostgreSQL serves: the
// register says [fence.Sync] only while every acknowledged commit is on the standby. It
// is told before commits wait no longer, and after they all do.
type mode struct {
	cluster *cluster
	holder  fence.Holder

	awaited bool      // commits wait
	target  fence.LSN // what the standby has to have replayed
	set     time.Time // when that was set
}

// modeEvery is how often the standby is looked at.
const modeEvery = 500 * time.Millisecond

// keep watches over the mode until the context, or the server, ends.
func (m *mode) keep(ctx context.Context, s *pgserver.Server, awaited bool) error {
	m.awaited, m.set = awaited, time.Now()
	tick := time.NewTicker(modeEvery)
	defer tick.Stop()
	for {
		if err := m.look(ctx); err != nil && ctx.Err() == nil {
			m.cluster.Logger.Warn("the mode of replication could not be looked after", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.Exited():
			return fmt.Errorf("PostgreSQL ended: %s", s.Log())
		case <-tick.C:
		}
	}
}

// look decides what has to change.
func (m *mode) look(ctx context.Context) error {
	written, replayed, streams, err := m.standby(ctx)
	if err != nil {
		return err
	}
	caughtUp := streams && replayed >= m.target
	if caughtUp {
		// It has all that there was at the last look.
		m.target, m.set = written, time.Now()
	}
	switch {
	case m.cluster.Mode != fence.Sync:
		return nil
	case m.awaited && !caughtUp && time.Since(m.set) > m.cluster.Patience:
		return m.waitNoLonger(ctx)
	case !m.awaited && caughtUp:
		return m.wait(ctx)
	}
	return nil
}

// standby is how far the own log and the standby are.
func (m *mode) standby(ctx context.Context) (written, replayed fence.LSN, streams bool, err error) {
	var own string
	var its *string
	err = m.cluster.ask(ctx, `select pg_current_wal_flush_lsn()::text,
		(select max(replay_lsn)::text from pg_stat_replication where application_name = $1 and state = 'streaming')`,
		[]any{m.cluster.other()}, &own, &its)
	if err != nil {
		return 0, 0, false, fmt.Errorf("look at the standby: %w", err)
	}
	return lsn(&own), lsn(its), its != nil, nil
}

// claimLess makes the register claim no more than asynchronous replication does.
func (m *mode) claimLess(ctx context.Context) error {
	to := fence.Async
	if m.cluster.Mode == fence.Sync {
		to = fence.Degraded
	}
	return m.claim(ctx, to)
}

func (m *mode) claim(ctx context.Context, to fence.Replication) error {
	ctx, cancel := context.WithTimeout(ctx, m.cluster.Timings.Renew())
	defer cancel()
	read, err := m.cluster.Register.Read(ctx)
	if err == nil && read.Mode.Value.Replication != to {
		err = m.cluster.Register.SetMode(ctx, read, m.holder, fence.Mode{
			Replication: to, Region: m.holder.Region, Epoch: m.holder.Epoch, Since: time.Now().UTC(),
		})
	}
	if err != nil {
		return fmt.Errorf("record that replication is %s: %w", to, err)
	}
	return nil
}

// waitNoLonger lets commits go on without the standby: once that is recorded, and not
// otherwise.
func (m *mode) waitNoLonger(ctx context.Context) error {
	if err := m.claimLess(ctx); err != nil {
		return err
	}
	m.cluster.Reached("mode: degraded is recorded")
	m.cluster.Logger.Error("the standby does not answer: commits wait for it no longer, and a failover may lose them")
	return m.apply(ctx, false)
}

// wait makes commits wait for the standby again, and records it once all that were
// acknowledged without are there as well.
func (m *mode) wait(ctx context.Context) error {
	if err := m.tryToWait(ctx); err != nil {
		// Commits must not wait for long. If it was recorded after all that they do, that is
		// mended first.
		undo := m.claimLess(ctx)
		if undo == nil {
			undo = m.apply(ctx, false)
		}
		return errors.Join(fmt.Errorf("make commits wait for the standby: %w", err), undo)
	}
	m.set = time.Now()
	m.cluster.Logger.Info("commits wait for the standby: a failover loses nothing")
	return nil
}

func (m *mode) tryToWait(ctx context.Context) error {
	// What is written now need not be written while commits wait, and nothing is recorded.
	if err := m.checkpoint(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.cluster.Patience)
	defer cancel()
	if err := m.apply(ctx, true); err != nil {
		return err
	}
	if err := m.settle(ctx); err != nil {
		return err
	}
	if err := m.arrive(ctx); err != nil {
		return err
	}
	m.cluster.Reached("mode: commits wait")
	return m.claim(ctx, fence.Sync)
}

func (m *mode) apply(ctx context.Context, awaited bool) error {
	if err := m.cluster.configure(awaited); err != nil {
		return err
	}
	if err := m.cluster.reload(ctx, awaited); err != nil {
		return err
	}
	m.awaited = awaited
	return nil
}

// settle returns once every commit that begins waits. The checkpointer is who tells all
// sessions so; it has been told when reload returns, and reads its settings before each
// checkpoint. The first one that is asked for may have begun before that.
func (m *mode) settle(ctx context.Context) error {
	if err := m.checkpoint(ctx); err != nil {
		return err
	}
	return m.checkpoint(ctx)
}

func (m *mode) checkpoint(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkpointWithin)
	defer cancel()
	conn, err := m.cluster.connect(ctx, "postgres")
	if err == nil {
		err = answer(ctx, conn, "checkpoint", nil)
	}
	if err != nil {
		return fmt.Errorf("write a checkpoint: %w", err)
	}
	return nil
}

// arrive returns once the standby has replayed what is written by now.
func (m *mode) arrive(ctx context.Context) error {
	target, _, _, err := m.standby(ctx)
	if err != nil {
		return err
	}
	for {
		_, replayed, streams, err := m.standby(ctx)
		if err == nil && streams && replayed >= target {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}
