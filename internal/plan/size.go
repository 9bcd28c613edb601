package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// endless is the wait in a queue that never ends, in ms; JSON knows no infinity.
const endless = 1e15

// Component is a row of the compute tables, sized.
type Component struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Tier     string  `json:"tier"`
	VCPUs    float64 `json:"vcpus"`
	MemoryGB float64 `json:"memory_gb"`
	// Most instances that are foreseen, and Source where that and the sizes come from.
	Most   int    `json:"most"`
	Source string `json:"source"`
	// CPU of a core for each message, in ms on the planned machines; 0 for what was not measured.
	CPU    float64 `json:"cpu_ms"`
	Phases []Sized `json:"phases"`

	row ComponentRow
}

// Sized is a component in one phase.
type Sized struct {
	Phase string `json:"phase"`
	// Cores that are busy at the peak.
	Cores float64 `json:"busy_cores"`
	// Needed is how many instances the load needs, Instances how many there are to be, and Standby how
	// many more in the second region.
	Needed    int `json:"needed"`
	Instances int `json:"instances"`
	Standby   int `json:"standby"`
	// Larger is how many times the table's size an instance has to be.
	Larger float64 `json:"larger"`
	// Busy is the part of the CPU that is busy at the peak.
	Busy float64 `json:"busy"`
	// Beyond: the load asks for more than is foreseen at most.
	Beyond bool `json:"beyond,omitempty"`
	// WaitP95 is how long 95 of 100 messages wait for a core at most, at the peak, in ms.
	WaitP95 float64 `json:"wait_p95_ms"`
	// Enough is how many instances carry the peak with nothing to spare, and Availability the part of the time
	// in which as many work.
	Enough       int     `json:"enough"`
	Availability float64 `json:"availability"`
}

// size works out one component in all phases.
func size(in Input, m Measured, row ComponentRow, bounds map[string]Bounds) Component {
	c := Component{
		ID: row.ID, Name: cmp.Or(row.Named, row.ID), Tier: row.Tier, VCPUs: row.VCPUs, MemoryGB: row.MemoryGB,
		Most: row.Instances[2], Source: "requirements", row: row,
	}
	if row.Named == "" {
		c.Source = "planner"
	}
	least := row.Instances
	for _, served := range row.Serves {
		c.CPU += m.CPU[served] / in.CoreSpeed
		if b, declared := bounds[strings.TrimPrefix(served, "queue ")]; declared && b.Most > 0 {
			c.Most, c.Source, least[0] = b.Most, "temporal.yaml", b.Least
			c.VCPUs, c.MemoryGB = cmp.Or(b.VCPUs, c.VCPUs), cmp.Or(b.MemoryGB, c.MemoryGB)
		}
	}
	if slices.Contains(row.Serves, "api") {
		c.CPU *= in.Requests
	}
	least[2] = least[1]
	for _, phase := range Phases {
		if row.Out {
			c.Phases = append(c.Phases, Sized{Phase: phase.String(), Larger: 1, Availability: 1})
			continue
		}
		c.Phases = append(c.Phases, c.at(in, m, phase, least[phase]))
	}
	return c
}

// at sizes the component for a phase in which at least so many instances are foreseen.
func (c Component) at(in Input, m Measured, phase Phase, least int) Sized {
	rate := in.peak(phase)
	s := Sized{Phase: phase.String(), Cores: rate * c.CPU / 1000, Larger: 1}
	each := c.VCPUs * in.Headroom
	s.Needed = max(1, int(math.Ceil(s.Cores/each)))
	if c.row.RequestsPerInstance > 0 {
		s.Needed = max(s.Needed, int(math.Ceil(rate*in.Requests/c.row.RequestsPerInstance)))
	}
	s.Enough = max(1, int(math.Ceil(s.Cores/c.VCPUs)))
	if c.row.RequestsPerInstance > 0 {
		s.Enough = max(s.Enough, int(math.Ceil(rate*in.Requests/c.row.RequestsPerInstance*in.Headroom)))
	}
	serving := 0 // instances that share the load
	if c.row.Writer {
		// The others follow it and are there in its place, or to read.
		s.Larger, s.Needed, s.Enough = double(s.Cores/each), 1, 1
		s.Beyond = s.Larger > c.row.Larger
		serving = 1
	}
	s.Instances = max(s.Needed, least)
	s.Beyond = s.Beyond || s.Instances > c.Most
	if serving == 0 {
		serving = s.Instances
	}
	if in.Regions == 2 {
		s.Standby = 1
		if c.Tier == "data" {
			s.Standby = s.Instances
		}
	}
	cores := float64(serving) * c.VCPUs * s.Larger
	s.Busy = s.Cores / cores
	queue := ""
	if len(c.row.Serves) > 0 {
		queue = strings.TrimPrefix(c.row.Serves[0], "queue ")
	}
	s.WaitP95 = min(Station{Servers: max(1, int(cores)), Rate: rate / 1000, Mean: c.CPU, Variation: m.variation(queue)}.WaitAt(0.95), endless)
	s.Availability = in.available(c, s)
	return s
}

// double is the least power of two that is not below x, and 1 at least.
func double(x float64) float64 {
	n := 1.0
	for n < x {
		n *= 2
	}
	return n
}

// answerP95 is the time in which 95 of 100 answers are there: what it is with nothing else to do, and
// what they wait for a core in each component on their way.
func answerP95(m Measured, all []Component, phase Phase) float64 {
	sum := m.Answer.At(0.95)
	for _, c := range all {
		if c.CPU > 0 && c.ID != "memory" { // what is remembered is remembered after the answer
			sum += c.Phases[phase].WaitP95
		}
	}
	return sum
}

// Bottleneck is what ends growth in one component when nothing but the number of instances changes.
type Bottleneck struct {
	Component string `json:"component"`
	// PerSecond are messages a second that it can take, and Users how many people that is at the peak.
	PerSecond float64 `json:"per_second"`
	Users     float64 `json:"users"`
	Why       string  `json:"why"`
}

// bottlenecks are in the order in which they are met.
func bottlenecks(in Input, all []Component) []Bottleneck {
	var found []Bottleneck
	add := func(c Component, rate float64, why string) {
		found = append(found, Bottleneck{Component: c.Name, PerSecond: rate, Users: rate * 24 * 60 * 60 / (in.PeakFactor * in.InteractionsPerUser), Why: why})
	}
	for _, c := range all {
		if c.CPU == 0 || c.row.Out {
			continue
		}
		each := c.VCPUs * in.Headroom * 1000 / c.CPU
		if c.row.Writer {
			add(c, each*c.row.Larger, fmt.Sprintf("one instance takes all writes, and may be %g times as large as in the table", c.row.Larger))
			continue
		}
		rate, why := each*float64(c.Most), fmt.Sprintf("CPU of %d instances", c.Most)
		if by := c.row.RequestsPerInstance * float64(c.Most) / in.Requests; c.row.RequestsPerInstance > 0 && by < rate {
			rate, why = by, fmt.Sprintf("%g requests a second for each of %d instances", c.row.RequestsPerInstance, c.Most)
		}
		add(c, rate, why)
	}
	slices.SortStableFunc(found, func(a, b Bottleneck) int { return cmp.Compare(a.PerSecond, b.PerSecond) })
	return found
}
