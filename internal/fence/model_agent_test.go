package fence

import (
	"context"
	"errors"
	"strconv"
	"time"
)

var names = [2]string{"a", "b"}

const standbyPatience = 5 * time.Second

// machine is a region: an agent, a watchdog and a PostgreSQL under one clock, and a way to the register.
type machine struct {
	w        *world
	no       int
	up       bool
	clock    *ticking
	link     *link
	agent    process
	watchdog process
	postgres postgres

	state    State
	running  bool          // the agent does
	asked    int           // what the agent asked last; answers to anything before are dropped
	waits    bool          // for that answer
	woken    time.Duration // when it decides again by itself
	deadline Instant       // the watchdog's; zero while it is not armed
	promotes bool          // the agent is at it

	status status // what others may know of it
}

// status is what an agent announced last.
type status struct {
	role  Role
	epoch int64
}

var background = context.Background()

func (w *world) machine(no int) *machine {
	clock := w.clock()
	m := &machine{w: w, no: no, up: true, clock: &clock, link: &link{w: w}}
	m.agent, m.watchdog = process{w: w, clock: m.clock}, process{w: w, clock: m.clock}
	m.postgres = postgres{m: m, role: RoleStandby, epoch: 1}
	return m
}

// peer is whether the way to the other machine is cut, and the way back.
func (m *machine) peer() (out, back *bool) {
	if m.no == 0 {
		return &m.w.peers.out, &m.w.peers.in
	}
	return &m.w.peers.in, &m.w.peers.out
}

// start begins an agent that knows nothing, on a machine that is up.
func (m *machine) start() {
	if m.running || !m.up {
		return
	}
	m.w.say("%d agent starts", m.no)
	m.agent.life++
	m.running, m.waits, m.promotes, m.deadline, m.state, m.woken = true, false, false, 0, State{}, 0
	m.tick()
}

// crash ends the agent. Its watchdog, if it lives, notices and kills a PostgreSQL that takes writes.
func (m *machine) crash() {
	if !m.running {
		return
	}
	m.w.say("%d agent ends", m.no)
	m.agent.life++
	m.running = false
	if !m.w.faults.noWatchdog {
		m.watchdog.after(0, func() {
			if !m.running && m.postgres.role == RolePrimary {
				m.postgres.kill()
			}
		})
	}
	m.w.after(m.w.between(time.Second, 10*time.Second), m.start)
}

// tick is what an agent does from time to time: renew or read.
func (m *machine) tick() {
	m.agent.after(time.Duration(float64(m.w.timings.Renew())/m.clock.rate), m.tick)
	m.status = status{role: m.postgres.role, epoch: m.postgres.epoch}
	if m.postgres.role == RolePrimary {
		m.postgres.ship()
		m.manage()
	}
	m.ask()
}

// ask renews the lease, or reads where there is none.
func (m *machine) ask() {
	if m.waits {
		return
	}
	sent, lease := m.clock.read(), m.state.Lease
	stopping := m.postgres.role == RolePrimary && m.decided().Act == Stop
	var snapshot Snapshot
	var err error
	m.call(func() {
		if lease.ID != 0 && !stopping {
			lease, snapshot, err = m.w.register.Renew(background, lease)
		} else {
			snapshot, err = m.w.register.Read(background)
		}
	}, func() {
		if lease.Sent = sent; m.w.faults.sentAfter {
			lease.Sent = m.clock.read()
		}
		switch {
		case errors.Is(err, ErrLost):
			m.state.Lost(lease)
		case lease.ID != 0 && !stopping:
			m.state.Renewed(lease, snapshot, m.clock.read())
			m.arm()
		default:
			m.state.Saw(snapshot, m.clock.read())
		}
	})
}

// call asks the register something, waits for the answer as long as an agent does, and decides then.
func (m *machine) call(serve, answered func()) {
	m.asked++
	m.waits = true
	asked, before := m.asked, m.w.register.revision
	m.link.call(&m.agent, func() {
		serve()
		if m.w.register.revision != before {
			m.w.notify()
		}
	}, func() {
		if m.asked == asked && m.waits {
			m.waits = false
			answered()
			m.decide()
		}
	})
	m.agent.after(3*time.Second, func() {
		if m.asked == asked {
			m.waits = false
		}
	})
}

// notify tells the agents that the register changed, as a watch does: mostly.
func (w *world) notify() {
	for _, m := range w.machines {
		if m.running && !m.link.in && !w.one(4) {
			m.agent.after(m.link.delay(), m.ask)
		}
	}
}

func (m *machine) decided() Action {
	view := View{Now: m.clock.read(), Region: names[m.no], Timings: m.w.timings, State: m.state}
	view.Postgres = Postgres{Role: m.postgres.role, Received: LSN(len(m.postgres.log)), Epoch: m.postgres.epoch}
	if m.w.faults.noMargin {
		view.Timings.Margin = 0
	}
	if m.w.faults.noProof && m.postgres.dying {
		view.Postgres.Role = RoleStopped
	}
	if m.w.faults.noWaitForGuards {
		view.DesiredAt = -Instant(time.Hour)
	}
	return Decide(view)
}

func (m *machine) decide() {
	if m.promotes && m.postgres.role != RolePrimary {
		return // it is about to
	}
	action := m.decided()
	if action.Until != 0 {
		m.wake(action.Until)
	}
	if action.Act != Stay {
		m.w.say("%d decides to %s: %s", m.no, action.Act, action.Reason)
	}
	switch action.Act {
	case Stop:
		m.deadline = 0
		m.postgres.kill()
	case ShutDown:
		m.postgres.shutDown()
	case Release:
		m.release(action.Holder)
	case Acquire:
		m.acquire()
	case Promote:
		m.promote(action)
	case Follow:
		if m.postgres.role == RoleStopped {
			m.postgres.life++
			m.postgres.role = RoleStandby
		}
	case Stay:
	}
}

// wake lets the agent decide again at a moment, once.
func (m *machine) wake(moment Instant) {
	at := m.w.now + m.clock.until(moment)
	if m.woken > m.w.now && m.woken <= at {
		return
	}
	m.woken = at
	m.agent.after(at-m.w.now, m.decide)
}

func (m *machine) release(holder Holder) {
	if m.waits {
		return
	}
	lease, proof := m.state.Lease, Proof{Clean: m.postgres.clean, Epoch: m.postgres.epoch, LSN: LSN(len(m.postgres.log))}
	var err error
	var snapshot Snapshot
	m.call(func() {
		err = m.w.register.Release(background, holder, lease, proof)
		snapshot, _ = m.w.register.Read(background)
	}, func() {
		if err == nil {
			m.state.Lost(lease)
		}
		m.state.Saw(snapshot, m.clock.read())
	})
}

func (m *machine) acquire() {
	if m.waits {
		return
	}
	m.w.nonces++
	read, sent := m.state.Snapshot, m.clock.read()
	holder := Holder{Region: names[m.no], Epoch: read.Desired.Value.Epoch, Nonce: strconv.Itoa(m.w.nonces)}
	var lease Lease
	var snapshot Snapshot
	var err error
	m.call(func() {
		lease, _ = m.w.register.Grant(background, m.w.timings.TTL)
		if snapshot, err = m.w.acquire(read, lease, holder); err != nil {
			snapshot, _ = m.w.register.Read(background)
		}
	}, func() {
		if lease.Sent = sent; m.w.faults.sentAfter {
			lease.Sent = m.clock.read()
		}
		if err == nil {
			m.state.Acquired(lease, holder, snapshot, m.clock.read())
		} else {
			m.state.Saw(snapshot, m.clock.read())
		}
	})
}

// acquire is what the register does, or what it does when it trusts what was read.
func (w *world) acquire(read Snapshot, lease Lease, holder Holder) (Snapshot, error) {
	now, _ := w.register.Read(background)
	if !w.faults.acquireAnyway {
		return w.register.Acquire(background, read, lease, holder)
	}
	anyway := read
	anyway.Desired.Revision, anyway.Last = now.Desired.Revision, now.Last
	after, err := w.register.Acquire(background, anyway, lease, holder)
	if err == nil && now.Desired.Value.Epoch != holder.Epoch {
		if w.history.stale == nil {
			w.history.stale = map[string]bool{}
		}
		w.history.stale[holder.Nonce] = true
	}
	after.Desired = read.Desired
	return after, err
}

// arm tells the watchdog the deadline, which refuses one that has passed.
func (m *machine) arm() bool {
	timings := m.w.timings
	if m.w.faults.noMargin {
		timings.Margin = 0
	}
	deadline := m.state.Lease.Deadline(timings)
	if m.clock.read() >= deadline {
		return false
	}
	if m.deadline = deadline; !m.w.faults.noWatchdog {
		m.watchdog.after(m.clock.until(deadline), func() {
			if m.deadline == deadline && m.running {
				m.fire()
			}
		})
	}
	return true
}

// fire is what a watchdog does at the deadline: kill the agent first and then PostgreSQL.
func (m *machine) fire() {
	m.w.say("%d watchdog fires", m.no)
	m.deadline = 0
	if !m.w.faults.goesOn {
		m.crash()
	}
	if m.postgres.role == RolePrimary {
		m.postgres.kill()
	}
}

// promote arms the watchdog, promotes and opens. The agent may be halted between any two of these.
func (m *machine) promote(action Action) {
	holder, w := m.state.Holder, m.w
	m.promotes = true
	if !w.history.healed && w.one(10) {
		m.halt(w.between(time.Second, 15*time.Second))
	}
	m.agent.after(w.between(0, 20*time.Millisecond), func() {
		if !m.arm() && !w.faults.goesOn && !w.faults.noWatchdog || m.postgres.dying {
			m.promotes = false
			return
		}
		w.say("%d promotes to %d", m.no, action.Epoch)
		m.postgres.lead(action.Epoch, action.Lossless, holder)
		m.promotes = false
		if !w.faults.goesOn {
			m.decide() // which sets the time to stop: no answer may ever come
		}
		life := m.postgres.life
		m.agent.after(w.between(10*time.Millisecond, time.Second), func() {
			if m.postgres.life == life && !m.postgres.dying {
				m.postgres.opens(m.state.Mode.Value.Replication)
			}
		})
	})
}

// manage lets writes go on without a standby that is absent for long, and makes them wait again when it is back.
func (m *machine) manage() {
	p := &m.postgres
	if !m.w.sync || !p.open || m.waits {
		return
	}
	mode := m.state.Mode.Value.Replication
	switch {
	case p.synchronous && mode == Sync && len(p.waiting) > 0 && m.w.now-p.waiting[0].since > standbyPatience:
		m.setMode(Degraded)
	case !p.synchronous && p.confirmed == len(p.log):
		p.wait(true)
	case p.synchronous && mode != Sync && p.confirmed >= p.switched:
		m.setMode(Sync)
	}
}

func (m *machine) setMode(mode Replication) {
	p := &m.postgres
	life, read, holder := p.life, m.state.Snapshot, m.state.Holder
	if mode == Degraded && m.w.faults.degradeFirst {
		p.wait(false)
	}
	var err error
	m.call(func() {
		err = m.w.register.SetMode(background, read, holder, Mode{Replication: mode, Region: holder.Region, Epoch: holder.Epoch})
	}, func() {
		if err == nil {
			m.w.history.modes++
			m.w.say("%d: replication is %s", m.no, mode)
		}
		if err == nil && mode == Degraded && p.life == life {
			p.wait(false)
		}
		m.agent.after(0, m.ask)
	})
}
