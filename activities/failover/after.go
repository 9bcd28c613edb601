package failover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/fence"
)

// The steps behind the commit point. None of them gives up: where writes belong is decided,
// and nothing serves until they are through.

// epoch is that in which the new region serves.
func (run *Run) epoch() int64 { return run.plan.Epoch + 1 }

// await waits until the old primary's lease is released, with proof that it is dead, or
// expired and waited out, and the new region has it.
func (run *Run) await(ctx context.Context, done *Done) error {
	return run.comesUp(ctx, done, func(ctx context.Context) (bool, error) {
		snapshot, err := run.c.Register.Read(ctx)
		if err != nil {
			return false, err
		}
		if held := snapshot.Primary; held.Exists() && held.Value.Region == run.plan.To && held.Value.Epoch == run.epoch() {
			return true, nil
		}
		if last := snapshot.Last; last.Exists() && last.Value.Region == run.plan.From && last.Value.Stopped {
			done.found("old", "stopped")
			done.found("old_clean", "%t", last.Value.Proof.Clean)
		}
		return false, nil
	})
}

// promote waits until the new region's agent says that its server is open for writes.
func (run *Run) promote(ctx context.Context, done *Done) error {
	return run.comesUp(ctx, done, func(ctx context.Context) (bool, error) {
		agents, err := run.c.Register.Agents(ctx)
		if err != nil {
			return false, err
		}
		agent, ok := agents[run.plan.To]
		if !ok || agent.Role != fence.RolePrimary || agent.Epoch != run.epoch() || !agent.Open {
			return false, nil
		}
		done.found("timeline", "%d", agent.Timeline)
		return true, nil
	})
}

// comesUp waits for something of the new region. One that does not come up is not waited for
// without a word: after some time it fails with [ErrStuck], which says where the region
// stands. What its agent says beyond that may quote a server's log, and stays there.
func (run *Run) comesUp(ctx context.Context, done *Done, look func(context.Context) (bool, error)) error {
	within, cancel := context.WithTimeout(ctx, min(waitFor, run.c.promotes()))
	defer cancel()
	err := run.c.await(within, look)
	waited := run.c.now().Sub(done.BegunAt)
	if err == nil || ctx.Err() != nil || waited < run.c.promotes() {
		return err
	}
	seen := "its agent is silent"
	agents, failed := run.c.Register.Agents(ctx)
	if failed != nil {
		return errors.Join(err, failed)
	}
	if agent, ok := agents[run.plan.To]; ok {
		seen = fmt.Sprintf("its agent says %s, in epoch %d, since %s", agent.Role, agent.Epoch, agent.Since.UTC().Format(time.TimeOnly))
	}
	return failure.New(failure.Unsound, fmt.Sprintf("region %s does not come up, for %s: %s; see docs/runbooks/failover.md, The new region does not come up",
		run.plan.To, waited.Round(time.Second), seen), errors.Join(ErrStuck, err))
}

// verify writes and reads on the new primary, and sees a write refused on the old one.
func (run *Run) verify(ctx context.Context, done *Done) error {
	standing, err := run.c.Databases[run.plan.To].Standing(ctx)
	if err != nil {
		return err
	}
	gate, _, err := run.done("gate")
	if err != nil {
		return err
	}
	switch {
	case standing.InRecovery:
		return errors.New("the new primary is in recovery")
	case standing.Timeline <= gate.Look.Standby.Timeline:
		return fmt.Errorf("the new primary goes on in timeline %d and has begun none of its own", standing.Timeline)
	}
	done.found("timeline", "%d", standing.Timeline)
	refusal, err := run.c.Databases[run.plan.From].Refusal(ctx)
	if err != nil {
		return err
	}
	done.found("old_refused", "%s", refusal)
	lsn, err := run.c.Databases[run.plan.To].Canary(ctx)
	if err != nil {
		return err
	}
	done.found("canary", "%s", lsn)
	return run.inside(ctx, func(place Place) error {
		if err := place.Keyring(ctx); err != nil {
			return fmt.Errorf("the keyring: %w", err)
		}
		schedules, err := place.Temporal(ctx)
		if err != nil {
			return fmt.Errorf("ask Temporal: %w", err)
		}
		done.found("schedules", "%d", schedules)
		return nil
	})
}

// inside does something in the new region.
func (run *Run) inside(ctx context.Context, do func(Place) error) (err error) {
	place, err := run.c.Open(ctx, run.plan.To)
	if err != nil {
		return fmt.Errorf("reach region %s: %w", run.plan.To, err)
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	return do(place)
}

// release ends the quarantine in which the new primary is when something may be lost. The
// plan's own id stands for the approval of a failover that the gate has let pass: two
// persons have allowed those beforehand, when they set what may be lost.
func (run *Run) release(ctx context.Context, done *Done) error {
	approved, _, err := run.done("approve")
	if err != nil {
		return err
	}
	approval := approved.Approval
	if approval == uuid.Nil {
		approval = run.id
	}
	return run.inside(ctx, func(place Place) error {
		epoch, released, err := place.Release(ctx, run.id, approval)
		if err != nil {
			return err
		}
		done.found("write_epoch", "%d", epoch)
		done.found("quarantine", "%s", map[bool]string{true: "released", false: "none"}[released])
		return nil
	})
}

// route tells whoever directs clients. It asks once more whether this failover is the one
// that decides: a late one must not take clients back.
func (run *Run) route(ctx context.Context, done *Done) error {
	if run.c.Route == nil {
		done.found("hook", "none")
		return nil
	}
	snapshot, err := run.c.Register.Read(ctx)
	if err != nil {
		return err
	}
	if snapshot.Desired.Value.Epoch != run.epoch() {
		done.found("hook", "overtaken")
		return nil
	}
	if err := run.c.Route(ctx, Notice{Failover: run.id, Region: run.plan.To, Epoch: run.epoch()}); err != nil {
		return fmt.Errorf("tell who directs clients: %w", err)
	}
	done.found("hook", "told")
	return nil
}

// repair has the index of the new region compared with its database, and mended. That goes
// on by itself; recall has its lexical arm meanwhile.
func (run *Run) repair(ctx context.Context, done *Done) error {
	return run.inside(ctx, func(place Place) error {
		done.found("index", "started")
		return place.Repair(ctx, run.id)
	})
}

// rejoin waits for the old region as a standby, but not for ever: one that burned down does
// not come back, and the failover is over without it.
func (run *Run) rejoin(ctx context.Context, done *Done) error {
	verified, _, err := run.done("verify")
	if err != nil {
		return err
	}
	err = run.c.await(ctx, func(ctx context.Context) (bool, error) {
		agents, err := run.c.Register.Agents(ctx)
		if err != nil {
			return false, err
		}
		agent, ok := agents[run.plan.From]
		joined := ok && agent.Role == fence.RoleStandby && strconv.FormatInt(agent.Timeline, 10) == verified.Found["timeline"]
		if joined {
			done.found("standby", "joined")
			return true, nil
		}
		if run.c.now().Sub(done.BegunAt) >= run.c.Rejoin {
			done.found("standby", "absent")
			return true, nil
		}
		return false, nil
	})
	return err
}

// Stage is a part of the time that a failover took.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// How the loss was measured.
const (
	// ByPromise: every commit waited for the standby, or it was handed over.
	ByPromise = "lossless"
	// ByLedger: what clients were told of was looked for.
	ByLedger = "ledger"
	// ByBound: nobody wrote down what clients were told; it is at most the standby's lag.
	ByBound = "bound"
)

// Measured is what a failover cost.
type Measured struct {
	// Stages follow each other, from when the primary fell ill, or the handover began.
	Stages []Stage `json:"stages"`
	// Writable is the time until the new primary took the product's writes, in seconds.
	Writable float64 `json:"writable"`
	// Loss is how much time of acknowledged writes is lost, in seconds; negative for
	// unknown. Basis says how that is known.
	Loss    float64 `json:"loss"`
	Basis   string  `json:"basis"`
	Missing Missing `json:"missing"`
}

func (run *Run) measure(ctx context.Context, done *Done) error {
	m := Measured{}
	from, err := run.began()
	if err != nil {
		return err
	}
	begun := from
	for _, s := range steps() {
		if s.name == "measure" {
			break
		}
		d, _, err := run.done(s.name)
		if err != nil {
			return err
		}
		if d.EndedAt.After(begun) {
			m.Stages = append(m.Stages, Stage{s.name, d.EndedAt.Sub(begun).Seconds()})
			begun = d.EndedAt
		}
		if s.name == "promote" || s.name == "release" && d.Found["quarantine"] == "released" {
			m.Writable = d.EndedAt.Sub(from).Seconds()
		}
	}
	if err := run.lost(ctx, from, &m); err != nil {
		return err
	}
	done.Measured = &m
	return nil
}

// began is when the primary fell ill, or when it was asked to hand over.
func (run *Run) began() (time.Time, error) {
	detected, _, err := run.done("detect")
	if err != nil {
		return time.Time{}, err
	}
	if detected.Counted != nil && detected.Counted.Lost {
		return detected.Counted.DownSince, nil
	}
	fenced, _, err := run.done(commit)
	return cmp.Or(fenced.BegunAt, run.plan.At), err
}

// lost measures what is missing. One who has to know what was told needs a ledger outside
// of both regions: the new primary cannot know what it never had.
func (run *Run) lost(ctx context.Context, at time.Time, m *Measured) error {
	fenced, _, err := run.done(commit)
	if err != nil {
		return err
	}
	gate, _, err := run.done("gate")
	if err != nil {
		return err
	}
	judgement := cmp.Or(fenced.Judgement, gate.Judgement)
	m.Basis, m.Loss = ByBound, judgement.Loss
	if judgement.Lossless {
		m.Basis, m.Loss = ByPromise, 0
	}
	if m.Missing, err = run.c.missing(ctx, run.plan.To); err != nil || !m.Missing.Known {
		return err
	}
	if m.Missing.Count > 0 || !judgement.Lossless {
		m.Basis, m.Loss = ByLedger, 0
	}
	for _, a := range m.Missing.First {
		m.Loss = max(m.Loss, at.Sub(a.At).Seconds())
	}
	return nil
}
