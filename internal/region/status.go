package region

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"meai/internal/fence"
)

// told is what others learn of the agent, and what its loop and its job both know. It is
// safe for concurrent use.
type told struct {
	mu      sync.Mutex
	role    fence.Role
	since   time.Time
	open    bool
	message string
	reason  string // of the last decision
	record  record
	// deadline is until when PostgreSQL may serve; zero where it does not.
	deadline fence.Instant
}

func (t *told) getRole() fence.Role {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.role
}

func (t *told) setRole(role fence.Role) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.role != role {
		t.role, t.since, t.open = role, time.Now().UTC(), false
	}
}

func (t *told) setOpen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open, t.message = true, ""
}

func (t *told) isOpen() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// setMessage says what people should know; it is shown until the next one. It reports
// whether that is news.
func (t *told) setMessage(message string) (news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	news = t.message != message
	t.message = message
	return news
}

func (t *told) getRecord() record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.record
}

// keep makes a record durable, and known.
func (a *Agent) keep(r record) error {
	if err := r.write(a.cluster.path(recordFile)); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record = r
	return nil
}

// tellReason logs a decision when it is another one than before.
func (a *Agent) tellReason(action fence.Action) {
	a.mu.Lock()
	same := a.reason == action.Reason
	a.reason = action.Reason
	a.mu.Unlock()
	if !same {
		a.Logger.Info("decides", "step", string(action.Act), "reason", action.Reason)
	}
}

// status is what the agent says of itself.
func (a *Agent) status(ctx context.Context) fence.AgentStatus {
	a.mu.Lock()
	s := fence.AgentStatus{
		Region: a.Region, Role: a.role, Epoch: a.record.Epoch, Open: a.open, Since: a.since, Message: a.message, Lag: -1,
	}
	if s.Message == "" {
		s.Message = a.reason
	}
	switch kept := a.record.Exported; {
	case kept == "":
	case strings.HasPrefix(filepath.Base(kept), wholePrefix):
		s.Message += "; the cluster that was here could not be read, and is kept whole in " + kept
	default:
		s.Message += "; what was written here alone is in " + kept
	}
	a.mu.Unlock()
	if a.cluster.running() != nil && (s.Role == fence.RolePrimary || s.Role == fence.RoleStandby) {
		if err := a.cluster.position(ctx, &s); err != nil && s.Message == "" {
			s.Message = err.Error()
		}
	}
	return s
}

const (
	announceEvery = time.Second
	tidyEvery     = time.Hour
)

// announce says every second how the agent is, until the context ends.
func (a *Agent) announce(ctx context.Context) {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		telling, cancel := context.WithTimeout(ctx, 2*askWithin)
		// One that does not arrive is followed by another.
		_ = a.Register.Announce(telling, a.status(telling))
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tidying removes what is no longer kept, until the context ends. A whole cluster takes its
// time, in which the agent must not fall silent.
func (a *Agent) tidying(ctx context.Context) {
	for {
		if err := tidy(a.cluster.path("diverged"), time.Now()); err != nil {
			a.Logger.Warn("what was kept for its time is not removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tidyEvery):
		}
	}
}

// positions are those of a primary and of a standby. The lag of one that has replayed all
// that it received is the age of the last word of its primary, which comes every 2.5 s at
// least: what that has written since nobody knows. Otherwise, and where that is less, it is
// the age of the newest transaction that it has. The control
// file learns of a timeline with the next checkpoint, and the receiver is gone when the
// primary is: the files of the log that it wrote are named after theirs.
const positions = `
	select case when pg_is_in_recovery() then (select max(t) from (
	           select received_tli from pg_stat_wal_receiver union all select timeline_id from pg_control_checkpoint()
	           union all select ('x' || left(name, 8))::bit(32)::int from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$') as known (t))
	         else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end::bigint,
	       case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_insert_lsn() end::text,
	       case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text,
	       case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_flush_lsn() end::text,
	       case when not pg_is_in_recovery() then 0
	            else extract(epoch from least(now() - pg_last_xact_replay_timestamp(), (
	                select greatest(now() - last_msg_receipt_time, now() - last_msg_send_time) from pg_stat_wal_receiver
	                where pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()))) end::float8`

// position adds where the server is to the status.
func (c *cluster) position(ctx context.Context, s *fence.AgentStatus) error {
	var received, replayed, flushed *string
	var lag *float64
	if err := c.ask(ctx, positions, nil, &s.Timeline, &received, &replayed, &flushed, &lag); err != nil {
		return err
	}
	s.At = time.Now().UTC()
	s.Received, s.Replayed, s.Flushed = lsn(received), lsn(replayed), lsn(flushed)
	if lag != nil {
		s.Lag = max(0, *lag)
	}
	return nil
}

// lsn is 0 for a position that is not known.
func lsn(text *string) fence.LSN {
	if text == nil {
		return 0
	}
	at, err := fence.ParseLSN(*text)
	if err != nil {
		return 0
	}
	return at
}

// received is the end of the log that a standby has; 0 when it does not answer.
func (c *cluster) received(ctx context.Context) fence.LSN {
	var at *string
	if err := c.ask(ctx, "select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text", nil, &at); err != nil {
		return 0
	}
	return lsn(at)
}
