package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/internal/failure"
	"meai/internal/fence"
)

// The steps up to the commit point: they look, ask, and change nothing but the journal.

// detect looks whether the primary is lost, by the word of more than half of the
// observers. One who plans a handover, or insists, needs not wait for that.
func (run *Run) detect(ctx context.Context, done *Done) error {
	if run.plan.Planned {
		done.Counted = &Counted{Sites: run.c.Rules.Sites}
		return nil
	}
	counted, err := run.c.count(ctx, run.plan.From)
	if err != nil {
		return err
	}
	done.Counted = &counted
	return nil
}

// count takes the votes until they have lasted for as long as they must, or do not agree
// that the region is lost.
func (c *Controller) count(ctx context.Context, region string) (counted Counted, err error) {
	var watch Watch
	err = c.await(ctx, func(ctx context.Context) (bool, error) {
		votes, since, err := c.votes(ctx)
		if err != nil {
			return false, err
		}
		watch, counted = watch.Count(c.now(), c.Rules, region, since, votes)
		return counted.Lost || 2*counted.Ill <= c.Rules.Sites, nil
	})
	return counted, err
}

// votes are those of the observers whose leases are alive, and since when the region that
// should serve has been that.
func (c *Controller) votes(ctx context.Context) (Votes, time.Time, error) {
	verdicts, err := c.Register.Verdicts(ctx)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read what the observers say: %w", err)
	}
	snapshot, err := c.Register.Read(ctx)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read which region serves: %w", err)
	}
	votes := Votes{}
	for site, v := range verdicts {
		votes[site] = map[string]Seen{}
		for region, h := range v.Regions {
			votes[site][region] = Seen(h)
		}
	}
	return votes, snapshot.Desired.Value.Since, nil
}

// gate judges whether the standby may be promoted. What it says is carried out by approve.
func (run *Run) gate(ctx context.Context, done *Done) error {
	look, _, err := run.look(ctx)
	if err != nil {
		return err
	}
	judgement := Judge(look)
	done.Look, done.Judgement = &look, &judgement
	return nil
}

// look gathers what the gate judges by, with what the register said when it was read.
func (run *Run) look(ctx context.Context) (Look, fence.Snapshot, error) {
	c := run.c
	snapshot, err := c.Register.Read(ctx)
	if err != nil {
		return Look{}, snapshot, fmt.Errorf("read the register: %w", err)
	}
	agents, err := c.Register.Agents(ctx)
	if err != nil {
		return Look{}, snapshot, fmt.Errorf("read what the agents say: %w", err)
	}
	detected, _, err := run.done("detect")
	if err != nil {
		return Look{}, snapshot, err
	}
	look := Look{Mode: Mode(snapshot.Mode.Value.Replication), Limits: c.Limits, Upstream: Upstream{Alive: run.plan.Planned}}
	lostAt := c.now()
	if counted := detected.Counted; !run.plan.Planned && counted != nil {
		look.Unconfirmed = !counted.Lost
		if counted.Lost {
			lostAt = counted.DownSince
		}
	}
	if from, ok := agents[run.plan.From]; ok && from.Role == fence.RolePrimary {
		look.Upstream.Timeline, look.Upstream.Flushed = int(from.Timeline), uint64(from.Flushed)
	} else if look.Upstream.Timeline, err = c.lastTimeline(ctx, run.plan.From); err != nil {
		return Look{}, snapshot, err
	}
	look.Standby = c.standby(ctx, agents, run.plan.To, lostAt, run.plan.Planned)
	look.Standby.Behind = agents[run.plan.To].Epoch < snapshot.Last.Value.Epoch
	look.Standby.Ill, err = c.calledIll(ctx, run.plan.To)
	return look, snapshot, err
}

// calledIll reports whether any observer whose word counts calls a region ill.
func (c *Controller) calledIll(ctx context.Context, region string) (bool, error) {
	votes, _, err := c.votes(ctx)
	for _, seen := range votes {
		if its, says := seen[region]; says && !its.Healthy {
			return true, nil
		}
	}
	return false, err
}

// standby is what is known of the server to promote, whose primary wrote until a moment.
func (c *Controller) standby(ctx context.Context, agents map[string]fence.AgentStatus, region string, until time.Time, streams bool) Standby {
	agent, present := agents[region]
	s := Standby{
		Present: present, IsStandby: agent.Role == fence.RoleStandby, Timeline: int(agent.Timeline),
		Received: uint64(agent.Received), Replayed: uint64(agent.Replayed), Lag: -1, Streaming: true,
	}
	replica, err := c.Databases[region].Replica(ctx)
	switch {
	case err != nil:
		c.Logger.Warn("the standby cannot be asked", "store", region, "error", err)
		s.Streaming = s.Streaming && !streams
	case streams:
		// Of one whose primary is gone nobody can say any more whether it was receiving: what
		// it lacks tells.
		s.Streaming = replica.Streaming
	}
	if err == nil && !replica.Newest.IsZero() {
		s.Lag = max(until.Sub(replica.Newest).Seconds(), 0)
	}
	// The age of the newest transaction is the same measure, where there are more of those
	// than heartbeats. It was that when the agent looked, some time ago.
	if present && agent.Lag >= 0 && !agent.At.IsZero() {
		lag := max(until.Sub(agent.At.Add(-time.Duration(agent.Lag*float64(time.Second)))).Seconds(), 0)
		if s.Lag < 0 || lag < s.Lag {
			s.Lag = lag
		}
	}
	return s
}

// lastTimeline is the history that a region began when it was last failed over to; 0 when
// no journal knows.
func (c *Controller) lastTimeline(ctx context.Context, region string) (int, error) {
	all, err := c.History(ctx)
	if err != nil {
		return 0, err
	}
	newest := History{}
	for _, h := range all {
		if h.Plan.To == region && h.Timeline > 0 && h.Plan.Epoch >= newest.Plan.Epoch {
			newest = h
		}
	}
	return newest.Timeline, nil
}

// approve lets pass what the gate lets pass. For all else it takes the approval of two
// persons, which counts for one failover.
func (run *Run) approve(ctx context.Context, done *Done) error {
	gate, _, err := run.done("gate")
	if err != nil {
		return err
	}
	switch {
	case gate.Judgement.Passes:
		done.found("gate", "passed")
		return nil
	case gate.Judgement.Final:
		return refused("nothing is there to promote", gate.Judgement.Reasons)
	case run.asked.Document != "":
		done.Approval, err = run.documented(ctx)
	case run.asked.Approval != uuid.Nil:
		done.Approval, err = run.approved(ctx)
	default:
		return refused("two persons may override it", gate.Judgement.Reasons)
	}
	if err != nil {
		return err
	}
	done.found("gate", "overridden")
	return nil
}

func refused(why string, reasons []Reason) error {
	words := make([]string, len(reasons))
	for i, r := range reasons {
		words[i] = string(r)
	}
	return failure.New(failure.NotAllowed, fmt.Sprintf("the gate says no (%s): %s", strings.Join(words, ", "), why), ErrRefused)
}

// documented verifies an approval that needs no engine, and sees to it that it is used once.
func (run *Run) documented(ctx context.Context) (uuid.UUID, error) {
	request, err := approval.VerifyDocument([]byte(run.asked.Document), run.c.Approvers, approval.OverrideFailover, run.parameters(), run.c.now())
	if err != nil {
		return uuid.Nil, failure.New(failure.NotAllowed, "the document approves no failover to "+run.plan.To, errors.Join(ErrRefused, err))
	}
	all, err := run.c.History(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	if slices.ContainsFunc(all, func(h History) bool { return h.Approval == request.ID && h.Plan.ID != run.id }) {
		return uuid.Nil, failure.New(failure.NotAllowed, "the document was used for another failover", ErrRefused)
	}
	return request.ID, nil
}

func (run *Run) approved(ctx context.Context) (_ uuid.UUID, err error) {
	place, err := run.c.Open(ctx, run.plan.From)
	if err != nil {
		return uuid.Nil, err
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	err = place.Approve(ctx, run.asked.Approval, run.plan.To, "failover-"+run.id.String())
	if failure.Is(err, failure.NotAllowed) || failure.Is(err, failure.Decided) || failure.Is(err, failure.NotFound) {
		err = errors.Join(ErrRefused, err)
	}
	return run.asked.Approval, err
}

func (run *Run) parameters() map[string]string { return map[string]string{"region": run.plan.To} }

// fence changes the record that says where writes belong. From then on the old primary's
// agent stops it, or has lost its lease, and the new one's takes over: nobody has to reach
// either of them.
func (run *Run) fence(ctx context.Context, done *Done) error {
	switch committed, err := run.committed(ctx); {
	case err != nil:
		return err
	case committed:
		return nil // the journal's line was lost
	}
	look, snapshot, err := run.look(ctx)
	if err != nil {
		return err
	}
	judgement := Judge(look)
	if err := run.fits(snapshot, judgement); err != nil {
		return err
	}
	to := snapshot.Desired.Value.Next(run.plan.To, run.id.String(), run.c.now())
	to.Handover = run.plan.Planned
	to.Lossless = judgement.Lossless && snapshot.Mode.Value.Replication == fence.Sync
	done.Judgement = &judgement
	err = run.c.Register.Change(ctx, snapshot, to)
	if errors.Is(err, fence.ErrConflict) {
		return fmt.Errorf("%w: %w", ErrNotNow, err) // looked at again, with what it says now
	}
	if err != nil {
		return err
	}
	done.found("epoch", "%d", to.Epoch)
	return nil
}

// fits holds what is now against what was planned and agreed to.
func (run *Run) fits(snapshot fence.Snapshot, now Judgement) error {
	desired := snapshot.Desired.Value
	if desired.Epoch != run.plan.Epoch || desired.Region != run.plan.From {
		return stale("region %s serves in epoch %d by now", desired.Region, desired.Epoch)
	}
	gate, _, err := run.done("gate")
	if err != nil {
		return err
	}
	if gate.Judgement.Lossless && !now.Lossless {
		return stale("nothing would have been lost when it was agreed to, and now it may be")
	}
	for _, r := range now.Reasons {
		if !slices.Contains(gate.Judgement.Reasons, r) {
			return stale("the gate has a new reason, %s", r)
		}
	}
	return nil
}

func stale(format string, args ...any) error {
	return failure.New(failure.Decided, fmt.Sprintf(format, args...), ErrStale)
}
