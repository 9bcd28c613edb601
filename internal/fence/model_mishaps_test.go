package fence

import (
	"strconv"
	"time"
)

// failover is a runner of one: it reads, looks at the gate, and changes the desired record; it may end at any step, do
// one twice, or be overtaken by another.
func (w *world) failover() {
	w.failures++
	id, handover := "f"+strconv.Itoa(w.failures), w.one(4)
	runner := process{w: w}
	var read Snapshot
	w.control.call(&runner, func() { read, _ = w.register.Read(background) }, func() {
		to, ok := w.gate(read)
		if !ok || w.one(6) {
			return
		}
		next := read.Desired.Value.Next(names[to], id, time.Time{})
		next.Handover = handover
		next.Lossless = read.Mode.Value.Replication == Sync
		change := func() {
			w.control.call(&runner, func() { w.change(read, next) }, func() {})
		}
		runner.after(w.pause()/2, change)
		if w.one(4) {
			runner.after(w.between(time.Second, 10*time.Second), change)
		}
	})
}

// change is what the register does, or what it does without a look at the mode.
func (w *world) change(read Snapshot, to Desired) {
	if w.faults.losslessAnyway {
		now, _ := w.register.Read(background)
		read.Mode.Revision = now.Mode.Revision
	}
	if w.register.Change(background, read, to) == nil {
		w.say("desired is %s in %d, lossless %v, handover %v", to.Region, to.Epoch, to.Lossless, to.Handover)
		w.notify()
	}
}

// gate lets a failover through when the target follows whoever held the key last, as far as it said lately.
func (w *world) gate(read Snapshot) (to int, ok bool) {
	if read.Desired.Value.Region == names[0] {
		to = 1
	}
	target := w.machines[to].status
	return to, target.role == RoleStandby && target.epoch >= read.Last.Value.Epoch
}

// mishap is one thing that goes wrong, for a while.
func (w *world) mishap() {
	m, c := w.machines[w.rng.IntN(2)], w.clients[w.rng.IntN(2)]
	last := w.between(500*time.Millisecond, 15*time.Second)
	what := w.rng.IntN(14)
	w.say("mishap %d of %d for %v", what, m.no, last)
	switch what {
	case 0, 1:
		w.cut([]*link{m.link, c.link, w.control, w.peers}[w.rng.IntN(4)], last)
	case 2:
		// The whole region is cut off, one way or both.
		out, in := w.one(3), w.one(3)
		for _, l := range []*link{m.link, w.clients[m.no].link, w.peers} {
			w.cutWays(l, !in || out, !out || in, last)
		}
	case 3:
		l := []*link{m.link, c.link, w.control, w.peers}[w.rng.IntN(4)]
		l.slow = true
		w.after(last, func() { l.slow = false })
	case 4, 5:
		m.halt(last)
	case 6:
		if w.lines == secondLine || m.agent.halted <= w.now && m.running {
			m.watchdog.halted = w.now + last
		}
	case 7:
		if w.lines == secondLine || m.watchdog.halted <= w.now {
			m.crash()
		}
	case 8:
		m.powerOff(last)
	default:
		w.lose(last)
	}
}

// lose is how a region is lost in earnest: first the way to it gets slow or the standby is cut off, then the region is,
// or its agent is halted; and a failover begins somewhere in between.
func (w *world) lose(last time.Duration) {
	m := w.machines[w.rng.IntN(2)]
	if other := w.machines[1-m.no]; other.postgres.role == RolePrimary {
		m = other
	}
	c := w.clients[m.no]
	if w.one(2) {
		w.cutWays(w.peers, true, true, last)
	} else {
		m.link.slow, c.link.slow = true, true
		w.after(last, func() { m.link.slow, c.link.slow = false, false })
	}
	w.after(w.between(0, 8*time.Second), func() {
		switch w.rng.IntN(4) {
		case 0:
			m.halt(last)
		case 1:
			w.cut(c.link, last)
			fallthrough
		default:
			w.cut(m.link, last)
		}
	})
	w.after(w.between(0, 10*time.Second), w.failover)
}

// halt halts an agent. One of agent and watchdog must be there: that is what the first line rests on.
func (m *machine) halt(last time.Duration) {
	if m.w.lines == secondLine || m.watchdog.halted <= m.w.now {
		m.w.say("%d agent is halted for %v", m.no, last)
		m.agent.halted = max(m.agent.halted, m.w.now+last)
	}
}

func (w *world) cut(l *link, last time.Duration) {
	ways := w.rng.IntN(3)
	w.cutWays(l, ways != 0, ways != 1, last)
}

func (w *world) cutWays(l *link, out, in bool, last time.Duration) {
	l.out, l.in = l.out || out, l.in || in
	w.after(last, func() { l.out, l.in = false, false })
}

// powerOff ends everything on a machine at once; it comes back later.
func (m *machine) powerOff(last time.Duration) {
	if !m.up {
		return
	}
	m.up, m.running = false, false
	m.agent.life++
	m.watchdog.life++
	m.postgres.end(false)
	m.w.after(last, m.powerOn)
}

func (m *machine) powerOn() {
	if m.up {
		return
	}
	m.up = true
	if m.postgres.role == RoleRewinding {
		m.postgres.rewindLater(&m.w.machines[1-m.no].postgres)
	}
	m.start()
}

// heal ends everything that is wrong.
func (w *world) heal() {
	w.say("all heals")
	w.history.healed = true
	for _, l := range []*link{w.control, w.peers, w.machines[0].link, w.machines[1].link, w.clients[0].link, w.clients[1].link} {
		l.out, l.in, l.slow = false, false, false
	}
	for _, m := range w.machines {
		m.agent.halted, m.watchdog.halted = min(m.agent.halted, w.now), min(m.watchdog.halted, w.now)
		m.powerOn()
		m.start()
	}
}
