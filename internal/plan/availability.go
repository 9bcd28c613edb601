package plan

import "math"

// mended is how long an instance is away when it fails, in seconds: the requirements' target for the
// whole system.
const mended = 30 * 60

// Model says in words how availability is estimated.
const Model = `Instances fail by themselves, and zones with all that is in them; nothing else makes two fail together. A component works
while as many of its instances do as carry the peak with all their CPU. Where one instance takes all writes, each of its failures (as many
as make up its time away in half hours) costs the time until another takes over. A kind of service works while all do that an answer cannot do
without. The loss of a whole region, bad releases and mistakes are not in it.`

// Availability is an estimate beside a target, both as parts of 1.
type Availability struct {
	Name string `json:"name"`
	// Target is 0 where none is given.
	Target float64    `json:"target,omitempty"`
	Phases [3]float64 `json:"phases"`
	Met    bool       `json:"met"`
}

// Down is how many minutes of a month of 30 days a part of the time is.
func Down(availability float64) float64 { return (1 - availability) * 30 * 24 * 60 }

// available is the part of the time in which as many instances work as carry the peak.
func (in Input) available(c Component, s Sized) float64 {
	works := enough(s.Instances, s.Enough, in.Zones, in.InstanceAvailability, in.ZoneAvailability)
	if !c.row.Writer {
		return works
	}
	failures := (1 - in.InstanceAvailability*in.ZoneAvailability) / mended // a second
	return works * (1 - math.Min(1, failures*in.Takeover))
}

// enough is the probability that at least k of n instances work, which are spread over zones as evenly
// as they can be; of zones that are away, the fullest are.
func enough(n, k, zones int, instance, zone float64) float64 {
	sum := 0.0
	for up := 0; up <= zones; up++ {
		left := n
		for lost := range zones - up {
			left -= n / zones
			if lost < n%zones {
				left--
			}
		}
		sum += binomial(zones, up, zone) * atLeast(left, k, instance)
	}
	return math.Min(1, sum)
}

// atLeast is the probability of k or more successes in n trials.
func atLeast(n, k int, p float64) float64 {
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += binomial(n, i, p)
	}
	return sum
}

// binomial is the probability of exactly k successes in n trials; by logarithms, so that it stays finite.
func binomial(n, k int, p float64) float64 {
	if p == 1 {
		if k == n {
			return 1
		}
		return 0
	}
	choose := func(x int) float64 { l, _ := math.Lgamma(float64(x) + 1); return l }
	return math.Exp(choose(n) - choose(k) - choose(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// available estimates each kind of service.
func available(in Input, r Requirements, all []Component) []Availability {
	kinds := []Availability{
		{Name: "API services", Target: r.Targets["api"] / 100}, {Name: "data services", Target: r.Targets["data"] / 100},
		{Name: "overall: people are answered", Target: r.Targets["overall"] / 100}, {Name: "answers that lack nothing"},
	}
	for _, phase := range Phases {
		api, data, complete := 1.0, 1.0, 1.0
		for _, c := range all {
			a := c.Phases[phase].Availability
			complete *= a
			switch {
			case !c.row.Needed:
			case c.row.Target == "data":
				data *= a
			default:
				api *= a
			}
		}
		for i, a := range []float64{api, data, api * data, complete} {
			kinds[i].Phases[phase] = a
		}
	}
	for i, k := range kinds {
		kinds[i].Met = min(k.Phases[0], k.Phases[1], k.Phases[2]) >= k.Target
	}
	return kinds
}
