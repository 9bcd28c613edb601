package plan

import (
	"container/heap"
	"math/rand/v2"
	"slices"
)

// Simulate lets n messages come to a station by chance and returns how long each waited, in their
// order, the first tenth left out: then the station was still emptier than it usually is. draw makes
// times of service.
func (s Station) Simulate(n int, seed uint64, draw func(*rand.Rand) float64) []float64 {
	random := rand.New(rand.NewPCG(seed, 0))
	free := make(moments, s.Servers) // when each server is free
	now := 0.0
	waits := make([]float64, 0, n)
	for range n {
		now += random.ExpFloat64() / s.Rate
		begin := max(now, free[0])
		waits = append(waits, begin-now)
		free[0] = begin + draw(random)
		heap.Fix(&free, 0)
	}
	return waits[n/10:]
}

// moments is a heap of times.
type moments []float64

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i] < m[j] }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)        { *m = append(*m, x.(float64)) }
func (m *moments) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// Machine is one on which everything runs: API, workers, engines, and whoever writes.
type Machine struct {
	Cores int
	// Taken is how many cores others keep busy.
	Taken float64
}

// turn is for how long a process keeps a core before another that wants it too has its turn, in ms.
// Short turns share the cores out fairly, as an operating system does.
const turn = 1.0

// Answers simulates the machine at a rate of messages a second and returns the times of n answers in
// ms, sorted. Each message goes through its stages, in each of which it waits for something else
// than a core and then works; its time with nothing else to do is one that was measured. What is left
// to do after the answer, or was done beside its way, takes cores as well.
func (machine Machine) Answers(m Measured, rate float64, n int, seed uint64) []float64 {
	s := &simulation{random: rand.New(rand.NewPCG(seed, 1)), free: machine.Cores, measured: m}
	skipped := n / 10
	for at := 0.0; s.begun < n+skipped; s.begun++ {
		at += s.random.ExpFloat64() / rate * 1000
		s.add(at, s.message(at))
	}
	s.idle(machine.Taken)
	s.run()
	return slices.Sorted(slices.Values(s.answers[min(skipped, len(s.answers)):]))
}

// job is something that wants a core: again and again, with pauses in between.
type job struct {
	// begun is when its message came.
	begun float64
	// work is what is left to do, in ms; pause comes before each of its turns but the first.
	work, pause float64
	// then is done when nothing is left; nil for nothing.
	then func(at float64)
}

// event is the moment at which a job wants a core, or gives one back.
type event struct {
	at      float64
	job     *job
	leaving bool
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

type simulation struct {
	random   *rand.Rand
	measured Measured
	free     int
	waiting  []*job
	events   events
	begun    int
	last     float64
	answers  []float64
}

func (s *simulation) add(at float64, j *job) {
	heap.Push(&s.events, event{at: at, job: j})
	s.last = max(s.last, at)
}

// message is a job whose time, with a core whenever it wants one, is one of those measured. Its work is as much of the
// measured CPU time as goes into that time; the rest is done beside it, or after it.
func (s *simulation) message(at float64) *job {
	m := s.measured
	alone := m.Answer.At(s.random.Float64())
	onItsWay := min(m.AnswerCPU*alone/m.Answer.Mean, alone)
	rest := max(0, m.Total()-onItsWay)
	beside := max(0, m.AnswerCPU-onItsWay)
	if beside > 0 {
		s.add(at, &job{work: beside, pause: alone * turn / beside})
	}
	turns := max(1, onItsWay/turn)
	return &job{begun: at, work: onItsWay, pause: (alone - onItsWay) / turns, then: func(end float64) {
		s.answers = append(s.answers, end-at)
		if after := rest - beside; after > 0 {
			s.add(end, &job{work: after})
		}
	}}
}

// idle is what runs although nobody writes: bursts of a turn, by chance, for as long as messages come.
func (s *simulation) idle(cores float64) {
	if cores <= 0 {
		return
	}
	for at, end := 0.0, s.last; at < end; {
		at += s.random.ExpFloat64() * turn / cores
		heap.Push(&s.events, event{at: at, job: &job{work: turn}})
	}
}

// run lets everything happen in its order.
func (s *simulation) run() {
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(event)
		if e.leaving {
			s.free++
			s.leave(e.at, e.job)
		} else {
			s.waiting = append(s.waiting, e.job)
		}
		for s.free > 0 && len(s.waiting) > 0 {
			j := s.waiting[0]
			s.waiting = s.waiting[1:]
			s.free--
			took := min(turn, j.work)
			j.work -= took
			heap.Push(&s.events, event{at: e.at + took, job: j, leaving: true})
		}
	}
}

func (s *simulation) leave(at float64, j *job) {
	switch {
	case j.work > 1e-9:
		heap.Push(&s.events, event{at: at + j.pause, job: j})
	case j.then != nil:
		j.then(at + j.pause)
	}
}
