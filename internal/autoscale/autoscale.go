// Package autoscale says how many replicas Kubernetes would run: the rule of its horizontal
// autoscaler as KEDA sets it up, for a simulation of days that no test lasts.
package autoscale

import (
	"math"
	"time"

	"meai/internal/cluster"
)

// The behaviour that the manifests ask for; a simulation of another one would prove nothing.
const (
	// Sync is how often the load is looked at.
	Sync = 15 * time.Second
	// In UpEvery there may come UpPercent of the replicas or UpPods more, whichever is more.
	UpEvery, UpPercent, UpPods = 30 * time.Second, 100, 4
	// In DownEvery there may go DownPercent of them or DownPods, whichever is more.
	DownEvery, DownPercent, DownPods = time.Minute, 25, 1
)

// tolerance is how far from its target a measure may be and nothing changes: Kubernetes'
// own default.
const tolerance = 0.1

// Load is what is measured when the autoscaler looks.
type Load struct {
	// Waiting is how many tasks wait in the queue, or for the API requests in a second.
	Waiting float64
	// CPUPercent is how much of their CPU the replicas that are ready use on average.
	CPUPercent float64
}

// Wanted is what the rule asks for, before it is slowed down: the larger of what each measure
// asks for, within the bounds.
func Wanted(s cluster.Scaling, ready int, l Load) int {
	target := float64(s.Backlog)
	if s.Backlog == 0 {
		target = s.RequestsPerSecond
	}
	wanted := max(byTotal(ready, l.Waiting, target), byAverage(ready, l.CPUPercent, float64(s.CPUPercent)))
	return min(max(wanted, s.Replicas.Min), s.Replicas.Max)
}

// byTotal is for a measure of all replicas together, with a target for each.
func byTotal(ready int, total, target float64) int {
	if math.Abs(total/(target*float64(ready))-1) <= tolerance {
		return ready
	}
	return int(math.Ceil(total / target))
}

// byAverage is for a measure of each replica.
func byAverage(ready int, average, target float64) int {
	if math.Abs(average/target-1) <= tolerance {
		return ready
	}
	return int(math.Ceil(float64(ready) * average / target))
}

// Scaler remembers what it did, as the autoscaler does: it goes down to the most that was
// wanted during the cooldown, and neither up nor down faster than its behaviour.
type Scaler struct {
	Scaling  cluster.Scaling
	replicas int
	wanted   []moment
	changes  []moment // how many came or went
}

type moment struct {
	at time.Duration
	n  int
}

// NewScaler begins with the least.
func NewScaler(s cluster.Scaling) *Scaler { return &Scaler{Scaling: s, replicas: s.Replicas.Min} }

// Replicas is how many there are to be.
func (s *Scaler) Replicas() int { return s.replicas }

// Look is one look at the load, at a time since the beginning: how many there are to be now.
func (s *Scaler) Look(at time.Duration, ready int, l Load) int {
	want := Wanted(s.Scaling, max(ready, 1), l)
	s.wanted = since(append(s.wanted, moment{at, want}), at-time.Duration(s.Scaling.Cooldown)*time.Second)
	calm := want
	for _, m := range s.wanted {
		calm = max(calm, m.n)
	}
	next := s.replicas
	switch {
	case want > s.replicas:
		next = min(want, s.highest(at))
	case calm < s.replicas:
		next = max(calm, s.lowest(at))
	}
	if next != s.replicas {
		s.changes = append(s.changes, moment{at, next - s.replicas})
		s.replicas = next
	}
	s.changes = since(s.changes, at-max(UpEvery, DownEvery))
	return s.replicas
}

// highest is the most that may be reached now, lowest the least: from the number that there
// was at the beginning of the period.
func (s *Scaler) highest(at time.Duration) int {
	before := s.replicas
	for _, c := range s.changes {
		if c.at > at-UpEvery && c.n > 0 {
			before -= c.n
		}
	}
	return max(before+int(math.Ceil(float64(before)*UpPercent/100)), before+UpPods)
}

func (s *Scaler) lowest(at time.Duration) int {
	before := s.replicas
	for _, c := range s.changes {
		if c.at > at-DownEvery && c.n < 0 {
			before -= c.n
		}
	}
	return min(before-int(math.Floor(float64(before)*DownPercent/100)), before-DownPods)
}

// since drops what is older than a moment.
func since(all []moment, at time.Duration) []moment {
	for len(all) > 0 && all[0].at <= at {
		all = all[1:]
	}
	return all
}
