package fence

import (
	"slices"
	"time"
)

// postgres is a server: a log, and a role.
type postgres struct {
	m    *machine
	life int // counts starts and ends
	role Role
	open bool // clients can write
	// dying is set from when it is killed, or shut down, until no process of it runs.
	dying    bool
	log      []record
	epoch    int64 // in which it was opened, or which it follows
	lossless bool
	holder   Holder
	clean    bool // shut down in order

	synchronous bool
	confirmed   int // how much of the log the standby has
	switched    int // how much of it there was when replication became synchronous
	waiting     []pending
}

// record is one write in a log. No two are the same, so two logs are equal up to where they have the same record.
type record struct {
	id    int
	epoch int64
}

// pending is a write whose client waits for the standby.
type pending struct {
	length int // of the log with it
	since  time.Duration
	done   func()
}

func (p *postgres) has() writes {
	var all writes
	for _, r := range p.log {
		all.add(r.id)
	}
	return all
}

// prefix tells whether the second log begins with all of the first.
func prefix(first, second []record) bool {
	n := len(first)
	return n <= len(second) && (n == 0 || first[n-1] == second[n-1])
}

// kill ends the server within the time that may take, whatever it is.
func (p *postgres) kill() {
	w := p.m.w
	if p.role == RoleStopped || p.dying || w.lines == secondLine {
		return
	}
	p.dying = true
	took := time.Duration(float64(w.between(0, w.timings.Kill)) / p.m.clock.rate)
	p.endsAfter(took, false)
}

// shutDown ends it in order: no more writes, and the standby gets what it can.
func (p *postgres) shutDown() {
	if p.dying || p.m.w.lines == secondLine {
		return
	}
	p.dying, p.open = true, false
	p.ship()
	p.endsAfter(p.m.w.between(200*time.Millisecond, 2*time.Second), true)
}

func (p *postgres) endsAfter(d time.Duration, clean bool) {
	life := p.life
	p.m.w.after(d, func() {
		if p.life == life {
			p.end(clean)
			if p.m.running {
				p.m.agent.after(0, p.m.decide)
			}
		}
	})
}

// end is when no process of it runs any more.
func (p *postgres) end(clean bool) {
	p.m.w.say("%d PostgreSQL, %s, is dead, clean %v", p.m.no, p.role, clean)
	p.life++
	p.m.deadline = 0 // nothing to watch over
	if p.role == RolePrimary {
		p.clean = clean
	}
	if p.role != RoleRewinding {
		p.role = RoleStopped
	}
	p.open, p.dying, p.waiting = false, false, nil
}

// lead makes it a primary that takes no writes yet.
func (p *postgres) lead(epoch int64, lossless bool, holder Holder) {
	p.life++
	p.role, p.epoch, p.lossless, p.holder = RolePrimary, epoch, lossless, holder
	p.dying, p.clean, p.confirmed, p.switched = false, false, -1, 0
}

// opens lets clients write.
func (p *postgres) opens(mode Replication) {
	p.synchronous, p.open = mode == Sync, true
	p.m.w.say("%d opens in %d, %s", p.m.no, p.epoch, mode)
	p.m.w.history.open(p.m.w, p.m)
}

// commit is a write; done is called when its client may be told, unless the server ends before.
func (p *postgres) commit(id int, done func()) {
	p.log = append(p.log, record{id: id, epoch: p.epoch})
	if p.synchronous {
		p.waiting = append(p.waiting, pending{length: len(p.log), since: p.m.w.now, done: done})
	} else {
		done()
	}
	p.ship()
}

// ship sends the log to the standby.
func (p *postgres) ship() {
	w, life, log, epoch := p.m.w, p.life, p.log, p.epoch
	out, back := p.m.peer()
	if *out {
		return
	}
	other := &w.machines[1-p.m.no].postgres
	w.after(w.peers.delay(), func() {
		if other.role != RoleStandby || other.dying || !other.receive(p, log, epoch) || *back {
			return
		}
		standby := other.life
		w.after(w.peers.delay(), func() {
			if p.life == life && other.life == standby {
				p.confirm(len(log))
			}
		})
	})
}

// receive takes what a primary sent, when it goes on from what is here; otherwise it rewinds.
func (p *postgres) receive(from *postgres, log []record, epoch int64) bool {
	if epoch < p.epoch {
		return false // of one that others have followed since
	}
	if len(log) < len(p.log) && prefix(log, p.log) && epoch == p.epoch {
		return false // late: more has come already
	}
	if !prefix(p.log, log) {
		p.rewind(from)
		return false
	}
	p.log = append(p.log, log[len(p.log):]...)
	p.epoch = epoch
	return true
}

// rewind makes it a copy of the primary, which takes a while and leaves nothing to be used when it does not end.
func (p *postgres) rewind(from *postgres) {
	p.life++
	p.role = RoleRewinding
	p.rewindLater(from)
}

func (p *postgres) rewindLater(from *postgres) {
	life := p.life
	p.clean = false
	p.m.w.after(time.Second, func() {
		if p.life != life || p.role != RoleRewinding {
			return
		}
		if out, back := from.m.peer(); *out || *back || !from.open || !p.m.up || !from.m.up {
			p.rewindLater(from)
			return
		}
		p.life++
		p.role, p.log, p.epoch = RoleStandby, slices.Clone(from.log), from.epoch
	})
}

// confirm says that the standby has so much of the log.
func (p *postgres) confirm(length int) {
	p.confirmed = max(p.confirmed, length)
	p.tell(func(w pending) bool { return w.length <= p.confirmed })
}

// tell ends the waiting of some.
func (p *postgres) tell(whom func(pending) bool) {
	kept := p.waiting[:0]
	for _, w := range p.waiting {
		if whom(w) {
			w.done()
		} else {
			kept = append(kept, w)
		}
	}
	p.waiting = kept
}

// wait makes writes wait for the standby, or no longer.
func (p *postgres) wait(synchronous bool) {
	p.synchronous, p.switched = synchronous, len(p.log)
	if !synchronous {
		p.tell(func(pending) bool { return true })
	}
}
