package fence

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The model runs the protocol's real code (Decide, State, the guard's check, the register in memory) in a simulated
// world: two machines with an agent, a watchdog and a PostgreSQL each, a register, clients and runners of failovers, and
// between them links that drop and delay. Each schedule is one run of that world, decided by a seed alone.

// lines are which lines of defence are up. What is down does nothing, so that the other one must hold alone.
type lines int

const (
	bothLines  lines = iota
	firstLine        // clients ask no guard
	secondLine       // no agent and no watchdog can stop a PostgreSQL
	linesCount
)

// faults are what the model plants in the protocol to see that it finds it.
type faults struct {
	noMargin, noProof, sentAfter, acquireAnyway, noWatchdog, goesOn bool
	noCheckAfter, guardFromAnswer, noWaitForGuards                  bool
	losslessAnyway, degradeFirst                                    bool
	clockRate                                                       float64 // instead of ClockRate
}

// world is one schedule.
type world struct {
	rng     *rand.Rand
	now     time.Duration // real time
	events  []event
	made    int // events made so far, which orders those of the same moment
	timings Timings
	lines   lines
	sync    bool // replication is to be synchronous
	faults  faults

	register *Memory
	machines [2]*machine
	clients  [2]*client
	control  *link // from runners to the register
	peers    *link // between the two machines; out is from the first to the second
	nonces   int
	failures int // failovers begun

	history history
	trace   func(string) // nil unless somebody wants to read what happens
}

func (w *world) say(format string, args ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%9.3f ", w.now.Seconds()) + fmt.Sprintf(format, args...))
	}
}

// mostEvents are a hundred times as many as a schedule makes.
const mostEvents = 100_000

// event is something that happens at a moment.
type event struct {
	at time.Duration
	no int
	do func()
}

func (e event) before(o event) bool { return e.at < o.at || e.at == o.at && e.no < o.no }

// after lets something happen some real time from now.
func (w *world) after(d time.Duration, do func()) {
	w.made++
	w.events = append(w.events, event{at: w.now + max(d, 0), no: w.made, do: do})
	for i := len(w.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !w.events[i].before(w.events[parent]) {
			break
		}
		w.events[i], w.events[parent] = w.events[parent], w.events[i]
		i = parent
	}
}

func (w *world) next() event {
	first, last := w.events[0], len(w.events)-1
	w.events[0] = w.events[last]
	w.events[last] = event{}
	w.events = w.events[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && w.events[child+1].before(w.events[child]) {
			child++
		}
		if !w.events[child].before(w.events[i]) {
			return first
		}
		w.events[i], w.events[child] = w.events[child], w.events[i]
		i = child
	}
}

// run lets the world go on until a moment, something is found, or done says so.
func (w *world) run(until time.Duration, done func() bool) {
	for len(w.events) > 0 && w.events[0].at <= until && w.history.found == "" && !done() {
		if w.made > mostEvents {
			w.history.find("it never ends")
		}
		e := w.next()
		w.now = e.at
		e.do()
	}
}

// one tells, once in n times on average.
func (w *world) one(n int) bool { return w.rng.IntN(n) == 0 }

// between is a time between two.
func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from)+1))
}

// ticking is a clock that runs at a rate of its own and began somewhere.
type ticking struct {
	w     *world
	rate  float64
	began Instant
}

func (w *world) clock() ticking {
	bound := ClockRate
	if w.faults.clockRate != 0 {
		bound = w.faults.clockRate
	}
	rate := 1 + bound*(2*w.rng.Float64()-1)
	switch w.rng.IntN(4) { // the ends are where it breaks
	case 0:
		rate = 1 - bound
	case 1:
		rate = 1 + bound
	}
	return ticking{w: w, rate: rate, began: Instant(w.rng.Int64N(int64(time.Hour)))}
}

func (t *ticking) read() Instant { return t.began + Instant(float64(t.w.now)*t.rate) }

// until is how much real time passes until the clock shows a moment: at least that much, by a nanosecond.
func (t *ticking) until(moment Instant) time.Duration {
	return time.Duration(float64(moment-t.read())/t.rate) + 1
}

// process is something that can be halted, and ended and started anew.
type process struct {
	w      *world
	clock  *ticking
	life   int           // counts its starts and ends
	halted time.Duration // until when
}

// after lets the process do something after some real time, unless it ended; once it goes on if it is halted then.
func (p *process) after(d time.Duration, do func()) { p.afterIn(p.life, d, do) }

func (p *process) afterIn(life int, d time.Duration, do func()) {
	p.w.after(d, func() {
		switch {
		case p.life != life:
		case p.halted > p.w.now:
			p.afterIn(life, p.halted-p.w.now, do)
		default:
			do()
		}
	})
}

// link is a way with two directions, each of which may be cut.
type link struct {
	w       *world
	out, in bool // cut
	slow    bool
}

func (l *link) delay() time.Duration {
	if l.slow && l.w.one(2) {
		return l.w.between(100*time.Millisecond, 4*time.Second)
	}
	return l.w.between(time.Millisecond, 40*time.Millisecond)
}

// call lets a process ask the register something: serve happens there, answered at the process, or neither, or serve alone.
func (l *link) call(p *process, serve, answered func()) {
	if l.out {
		return
	}
	life := p.life
	l.w.after(l.delay(), func() {
		serve()
		if !l.in {
			p.afterIn(life, l.delay(), answered)
		}
	})
}
