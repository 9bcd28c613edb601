package fence

import "fmt"

const mostWrites = 256

// writes is a set of writes.
type writes [mostWrites / 64]uint64

func (s *writes) add(id int)      { s[id/64] |= 1 << (id % 64) }
func (s *writes) has(id int) bool { return s[id/64]&(1<<(id%64)) != 0 }

func (s *writes) within(o *writes) bool {
	for i := range s {
		if s[i]&^o[i] != 0 {
			return false
		}
	}
	return true
}

// history is what happened, as somebody knows who sees everything at once; it tells when that must not happen.
type history struct {
	found string // what must not happen and did

	writes int    // made so far
	must   writes // told to be done, and not lost by a failover that said it may lose some
	acked  int
	modes  int // changes of the mode
	opened []opening
	stale  map[string]bool // holders that acquired what was not theirs, by nonce
	healed bool
	served bool // a write was acknowledged after everything healed
}

// opening is a PostgreSQL that began to take writes in an epoch that was new then.
type opening struct {
	epoch    int64
	lossless bool
	has      writes
}

func (h *history) find(format string, args ...any) {
	if h.found == "" {
		h.found = fmt.Sprintf(format, args...)
	}
}

func (h *history) newest() int64 {
	if len(h.opened) == 0 {
		return 0
	}
	return h.opened[len(h.opened)-1].epoch
}

// open is called when a PostgreSQL begins to take writes.
func (h *history) open(w *world, m *machine) {
	p := &m.postgres
	if w.lines != secondLine {
		if other := &w.machines[1-m.no].postgres; other.open {
			h.find("two writable servers: %d in epoch %d, %d in epoch %d", m.no, p.epoch, 1-m.no, other.epoch)
		}
		if p.epoch < h.newest() {
			h.find("opened in epoch %d after epoch %d", p.epoch, h.newest())
		}
	}
	if h.stale[p.holder.Nonce] {
		h.find("opened in epoch %d against the desired record", p.epoch)
	}
	if p.epoch <= h.newest() {
		return // started again
	}
	has := p.has()
	if p.lossless && !h.must.within(&has) {
		h.find("a failover to epoch %d lost acknowledged writes and said it would not", p.epoch)
	}
	for i := range h.must {
		h.must[i] &= has[i]
	}
	h.opened = append(h.opened, opening{epoch: p.epoch, lossless: p.lossless, has: has})
}

// ack is called when a client is told that a write is done, which was committed in an epoch; late says that another
// PostgreSQL took writes in a higher epoch already when it was committed.
func (h *history) ack(id int, epoch int64, late bool) {
	h.acked++
	h.served = h.served || h.healed
	if late {
		h.find("a write was acknowledged that the server of epoch %d took after epoch %d had begun", epoch, h.newest())
	}
	for _, o := range h.opened {
		if o.epoch <= epoch || o.has.has(id) {
			continue
		}
		if o.lossless {
			h.find("a write of epoch %d was acknowledged and is not in epoch %d", epoch, o.epoch)
		}
		return // lost, and the failover said so
	}
	h.must.add(id)
}
