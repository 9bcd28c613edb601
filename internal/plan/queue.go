package plan

import "math"

// Station is a queue before several servers: messages come at random (Poisson), and each takes one
// server for a time of which mean and variation are known.
type Station struct {
	Servers int
	// Rate of messages, and Mean time of service; in the same unit of time.
	Rate, Mean float64
	// Variation is the squared coefficient of variation of the time of service.
	Variation float64
}

// Load is how much there is to do for each server: at 1 and above the queue never ends.
func (s Station) Load() float64 { return s.Rate * s.Mean / float64(s.Servers) }

// Waits is the probability that a message has to wait (Erlang's C formula). It is exact where times
// of service are exponential, and close where they are not.
func (s Station) Waits() float64 {
	offered := s.Rate * s.Mean
	if offered == 0 {
		return 0
	}
	if s.Load() >= 1 {
		return 1
	}
	// Erlang B by its recurrence, which neither over- nor underflows.
	blocked := 1.0
	for n := 1; n <= s.Servers; n++ {
		blocked = offered * blocked / (float64(n) + offered*blocked)
	}
	return blocked / (1 - s.Load()*(1-blocked))
}

// Wait is the mean time before service begins (Allen and Cunneen's approximation, exact where times
// of service are exponential); infinite when the queue never ends.
func (s Station) Wait() float64 {
	if s.Rate == 0 {
		return 0
	}
	if s.Load() >= 1 {
		return math.Inf(1)
	}
	return s.Waits() * s.Mean / (float64(s.Servers) * (1 - s.Load())) * (1 + s.Variation) / 2
}

// WaitAt is the time before service that a part q of the messages do not exceed: who has to wait
// does so for an exponential time, whose mean is that of [Station.Wait].
func (s Station) WaitAt(q float64) float64 {
	waits := s.Waits()
	if waits <= 1-q {
		return 0
	}
	return s.Wait() / waits * math.Log(waits/(1-q))
}
