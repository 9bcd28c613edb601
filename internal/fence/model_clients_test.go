package fence

import "time"

// client is a process of the product: it writes to the PostgreSQL of its own region, on a machine of its own.
type client struct {
	w       *world
	no      int
	process process
	clock   *ticking
	link    *link
	known   *permit
}

func (w *world) client(no int) *client {
	clock := w.clock()
	c := &client{w: w, no: no, clock: &clock, link: &link{w: w}}
	c.process = process{w: w, clock: c.clock}
	return c
}

// read is a guard's: it keeps what the register says.
func (c *client) read() {
	c.process.after(time.Duration(float64(c.w.timings.Renew())/c.clock.rate), c.read)
	sent := c.clock.read()
	var snapshot Snapshot
	c.link.call(&c.process, func() { snapshot, _ = c.w.register.Read(background) }, func() {
		if c.w.faults.guardFromAnswer {
			sent = c.clock.read()
		}
		if c.known == nil || c.known.sent < sent {
			c.known = &permit{sent: sent, desired: snapshot.Desired.Value}
		}
	})
}

// permits asks the guard.
func (c *client) permits(epoch int64) bool {
	if c.w.lines == firstLine {
		return true
	}
	return c.known != nil && c.known.check(c.clock.read(), names[c.no], epoch, c.w.timings) == nil
}

// pause is how long a process takes between two steps: mostly no time.
func (w *world) pause() time.Duration {
	if w.one(8) {
		return w.between(100*time.Millisecond, 20*time.Second)
	}
	return w.between(0, 5*time.Millisecond)
}

// write is one transaction, and then the next.
func (c *client) write() {
	w, p := c.w, &c.w.machines[c.no].postgres
	c.process.after(w.between(200*time.Millisecond, 1500*time.Millisecond), c.write)
	if !p.open || w.history.writes == mostWrites || !c.permits(p.epoch) {
		return
	}
	id, life, epoch := w.history.writes, p.life, p.epoch
	w.history.writes++
	c.process.after(w.pause(), func() {
		if p.life != life || !p.open {
			return // the connection is gone
		}
		late := w.history.newest() > epoch
		p.commit(id, func() {
			c.process.after(w.pause(), func() {
				if w.faults.noCheckAfter || c.permits(epoch) {
					w.history.ack(id, epoch, late)
				}
			})
		})
	})
}
