package autoscale

import (
	"math"
	"time"

	"meai/internal/cluster"
)

// Work is what one task asks for, and how long a new replica takes until it helps.
type Work struct {
	// Slots is how many tasks a replica does at once.
	Slots int
	// Takes is how long one task takes, CPU how much of that is spent computing.
	Takes, CPU time.Duration
	// Begins is how long it takes from the decision until a replica serves: a machine, the
	// image, models, engines.
	Begins time.Duration
}

// Prices are of an hour, in any currency.
type Prices struct{ Core, GiB float64 }

// Second is what a simulation has of one second.
type Second struct {
	At time.Duration
	// Arrived is how many tasks came in this second, Backlog how many wait at its end.
	Arrived, Backlog float64
	// Replicas are paid for, Ready of them serve.
	Replicas, Ready int
	CPUPercent      float64
	// Waits is how long a task that comes now waits, at the present rate.
	Waits time.Duration
}

// Day simulates a queue second by second. Tasks are a fluid: what is lost is chance, which the
// load itself may bring in. load says how many tasks arrive in the second that begins then.
func Day(s cluster.Scaling, w Work, length time.Duration, load func(time.Duration) float64) []Second {
	scaler := NewScaler(s)
	ready, backlog := s.Replicas.Min, 0.0
	var coming []moment
	var day []Second
	for at := time.Duration(0); at < length; at += time.Second {
		for len(coming) > 0 && coming[0].at <= at {
			ready += coming[0].n
			coming = coming[1:]
		}
		now := Second{At: at, Arrived: load(at)}
		rate := w.rate(s, ready)
		done := math.Min(backlog+now.Arrived, rate)
		backlog += now.Arrived - done
		now.Backlog, now.Ready = backlog, ready
		now.CPUPercent = 100 * done * w.CPU.Seconds() / (float64(ready) * s.Resources.CPU)
		now.Waits = time.Duration(backlog / rate * float64(time.Second))
		if at%Sync == 0 {
			waiting := backlog
			if s.Backlog == 0 {
				waiting = now.Arrived
			}
			before := scaler.Replicas()
			after := scaler.Look(at, ready, Load{Waiting: waiting, CPUPercent: now.CPUPercent})
			if after > before {
				coming = append(coming, moment{at + w.Begins, after - before})
			} else {
				ready, coming = fewer(ready, coming, before-after)
			}
		}
		now.Replicas = scaler.Replicas()
		day = append(day, now)
	}
	return day
}

// rate is how many tasks so many replicas do in a second: slots or cores bound it.
func (w Work) rate(s cluster.Scaling, ready int) float64 {
	bySlots := float64(w.Slots) / w.Takes.Seconds()
	byCores := s.Resources.CPU / w.CPU.Seconds()
	return float64(ready) * math.Min(bySlots, byCores)
}

// fewer takes replicas away: those that do not serve yet first.
func fewer(ready int, coming []moment, n int) (int, []moment) {
	for n > 0 && len(coming) > 0 {
		last := &coming[len(coming)-1]
		taken := min(n, last.n)
		last.n -= taken
		n -= taken
		if last.n == 0 {
			coming = coming[:len(coming)-1]
		}
	}
	return ready - n, coming
}

// Summary is a day in a few numbers.
type Summary struct {
	// MostWaiting is the largest backlog, Longest the longest wait of a task.
	MostWaiting float64
	Longest     time.Duration
	// Least and Most replicas, and how often their number changed.
	Least, Most, Changes int
	// Hours of replicas, and what they cost.
	Hours, Cost float64
}

// Sum sums a day up.
func Sum(day []Second, s cluster.Scaling, p Prices) Summary {
	sum := Summary{Least: math.MaxInt}
	for i, now := range day {
		sum.MostWaiting = math.Max(sum.MostWaiting, now.Backlog)
		sum.Longest = max(sum.Longest, now.Waits)
		sum.Least, sum.Most = min(sum.Least, now.Replicas), max(sum.Most, now.Replicas)
		if i > 0 && now.Replicas != day[i-1].Replicas {
			sum.Changes++
		}
		sum.Hours += float64(now.Replicas) / 3600
	}
	sum.Cost = sum.Hours * p.replica(s)
	return sum
}

// replica is the price of one replica for an hour.
func (p Prices) replica(s cluster.Scaling) float64 {
	return s.Resources.CPU*p.Core + float64(s.Resources.Memory)/(1<<30)*p.GiB
}
