// Package plan works out what machines, storage and money a number of people needs: from
// service times that were measured (make bench), from the requirements' tables, and from
// prices. It is arithmetic: it asks no engine and changes nothing.
package plan

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Phase is a moment for which is planned.
type Phase int

// The phases of the requirements' tables.
const (
	Initial Phase = iota
	Year1
	Year3
)

// Phases are all, in order.
var Phases = []Phase{Initial, Year1, Year3}

func (p Phase) String() string { return []string{"initial", "1 year", "3 years"}[p] }

// Months from the beginning.
func (p Phase) Months() int { return []int{0, 12, 36}[p] }

// An Assumption is a figure that nobody measured or that the caller chose, with where it
// comes from.
type Assumption struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	Source string  `json:"source"`
}

// Input is what is asked.
type Input struct {
	// Users at the beginning, and how many messages each writes on a day.
	Users               float64
	InteractionsPerUser float64
	// GrowthYear1 and GrowthYear3 are how many times the users of the beginning there are then.
	GrowthYear1, GrowthYear3 float64
	// PeakFactor is the busiest hour's rate over the mean.
	PeakFactor float64
	// Headroom is the part of the CPU that the peak may use; 0.7 for 70 %.
	Headroom float64
	// Requests of the API for each message: sending it, reading its answer, and what an app asks besides.
	Requests float64
	// Regions is 1, or 2 where a second one stands by.
	Regions int
	// Zones of a region over which instances are spread.
	Zones int
	// InstanceAvailability and ZoneAvailability are the parts of the time in which one of them works.
	InstanceAvailability, ZoneAvailability float64
	// Takeover is how long nothing is written when the instance that takes all writes is lost, in seconds.
	Takeover float64
	// CoreSpeed is how fast a vCPU is beside a core of the machine that measured.
	CoreSpeed float64
	// LogBytes of each message; BackupRatio is the size of a base backup beside what it is of.
	LogBytes, BackupRatio float64
}

// Defaults are what is assumed where nothing else is said.
func Defaults() Input {
	return Input{
		GrowthYear1: 2, GrowthYear3: 4, PeakFactor: 4, Headroom: 0.7, Requests: 4, Regions: 2, Zones: 3,
		InstanceAvailability: 0.995, ZoneAvailability: 0.9995, Takeover: 30, CoreSpeed: 1, LogBytes: 4096, BackupRatio: 0.6,
	}
}

// Assumptions lists the input's figures with their sources.
func (in Input) Assumptions() []Assumption {
	return []Assumption{
		{"users", in.Users, "", "asked for"},
		{"interactions-per-day", in.InteractionsPerUser, "a person", "asked for"},
		{"growth-year1", in.GrowthYear1, "times the users", "the budget for compute grows so (6,500 to 12,500 dollars)"},
		{"growth-year3", in.GrowthYear3, "times the users", "the budget for compute grows so (6,500 to 25,000 dollars)"},
		{"peak-factor", in.PeakFactor, "times the mean rate", "assumed: an evening hour of people in one time zone"},
		{"headroom", in.Headroom, "of the CPU at the peak", "the requirements scale out at 70 % CPU"},
		{"requests", in.Requests, "a message", "assumed: send, read, and two more of an app"},
		{"regions", float64(in.Regions), "", "the requirements ask for two; the second stands by"},
		{"zones", float64(in.Zones), "a region", "the requirements ask for three"},
		{"instance-availability", in.InstanceAvailability, "of the time", "assumed: about 3.6 hours a month, releases and moves included"},
		{"zone-availability", in.ZoneAvailability, "of the time", "assumed: about 20 minutes a month"},
		{"takeover", in.Takeover, "s", "the drills' worst was 20.9 s (docs/evaluation/drills.md)"},
		{"core-speed", in.CoreSpeed, "of a measured core", "assumed: a vCPU is as fast as a core of the machine that measured"},
		{"log-bytes", in.LogBytes, "bytes a message", "assumed: about ten lines of every process that takes part"},
		{"backup-ratio", in.BackupRatio, "of the data", "assumed: sealed columns do not compress, indexes and the rest do"},
	}
}

// check names everything that cannot be.
func (in Input) check() error {
	var problems []error
	least := func(name string, value, min float64) {
		if !(value >= min) || math.IsInf(value, 0) {
			problems = append(problems, fmt.Errorf("%s: at least %g, not %g", name, min, value))
		}
	}
	within := func(name string, value float64) {
		if !(value > 0 && value <= 1) {
			problems = append(problems, fmt.Errorf("%s: above 0 and at most 1, not %g", name, value))
		}
	}
	least("users", in.Users, 1)
	if !(in.InteractionsPerUser > 0) || math.IsInf(in.InteractionsPerUser, 0) {
		problems = append(problems, fmt.Errorf("interactions-per-day: above 0, not %g", in.InteractionsPerUser))
	}
	least("growth-year1", in.GrowthYear1, 1)
	least("growth-year3", in.GrowthYear3, in.GrowthYear1)
	least("peak-factor", in.PeakFactor, 1)
	within("headroom", in.Headroom)
	least("requests", in.Requests, 1)
	if in.Regions != 1 && in.Regions != 2 {
		problems = append(problems, fmt.Errorf("regions: 1 or 2, not %d", in.Regions))
	}
	least("zones", float64(in.Zones), 1)
	within("instance-availability", in.InstanceAvailability)
	within("zone-availability", in.ZoneAvailability)
	least("takeover", in.Takeover, 0)
	least("core-speed", in.CoreSpeed, 0.01)
	least("log-bytes", in.LogBytes, 0)
	within("backup-ratio", in.BackupRatio)
	return errors.Join(problems...)
}

// users there are in a phase.
func (in Input) users(p Phase) float64 {
	return in.Users * []float64{1, in.GrowthYear1, in.GrowthYear3}[p]
}

// peak is the rate of messages in the busiest hour, a second.
func (in Input) peak(p Phase) float64 {
	return in.users(p) * in.InteractionsPerUser * in.PeakFactor / (24 * 60 * 60)
}

// Bounds are how many instances of a queue's workers there may be, and how large each is;
// zeros where nothing is declared.
type Bounds struct {
	Least, Most     int
	VCPUs, MemoryGB float64
}

// Plan is what comes of it.
type Plan struct {
	Assumptions  []Assumption   `json:"assumptions"`
	Measured     Measured       `json:"measured"`
	Load         []Load         `json:"load"`
	Components   []Component    `json:"components"`
	Bottlenecks  []Bottleneck   `json:"bottlenecks"`
	Storage      []Store        `json:"storage"`
	Cost         []Cost         `json:"cost"`
	Availability []Availability `json:"availability"`
	Notes        []string       `json:"notes"`
}

// Load is how much there is to do in a phase.
type Load struct {
	Phase string  `json:"phase"`
	Users float64 `json:"users"`
	// PerDay are messages a day, Peak messages a second in the busiest hour.
	PerDay float64 `json:"per_day"`
	Peak   float64 `json:"peak_per_second"`
	// AnswerP95 is the time in which 95 of 100 people have their answer at the peak, ms.
	AnswerP95 float64 `json:"answer_p95_ms"`
}

// Make makes a plan. bounds are what temporal.yaml declares, by queue; errors join all that is
// wrong with the input.
func Make(in Input, m Measured, r Requirements, prices Prices, bounds map[string]Bounds) (Plan, error) {
	if err := errors.Join(in.check(), m.check(), prices.check()); err != nil {
		return Plan{}, err
	}
	p := Plan{Assumptions: in.Assumptions(), Measured: m}
	for _, need := range r.Components {
		p.Components = append(p.Components, size(in, m, need, bounds))
	}
	p.Bottlenecks = bottlenecks(in, p.Components)
	p.Storage = grow(in, m, r)
	p.Cost = costs(in, m, r, prices, p.Components, p.Storage)
	p.Availability = available(in, r, p.Components)
	for _, phase := range Phases {
		p.Load = append(p.Load, Load{
			Phase: phase.String(), Users: in.users(phase), PerDay: in.users(phase) * in.InteractionsPerUser,
			Peak: in.peak(phase), AnswerP95: answerP95(m, p.Components, phase),
		})
	}
	p.Notes = notes(p, r)
	return p, nil
}

// notes are what a reader has to know of the components, in the tables' order.
func notes(p Plan, r Requirements) []string {
	var all []string
	for _, c := range r.Components {
		if c.Note != "" {
			all = append(all, cmp.Or(c.Named, c.ID)+": "+c.Note)
		}
	}
	for _, c := range p.Components {
		if slices.ContainsFunc(c.Phases, func(s Sized) bool { return s.Beyond }) {
			all = append(all, fmt.Sprintf("%s: the load asks for more instances than are foreseen at most (%d); what it needs is counted and paid for.", c.Name, c.Most))
		}
		if slices.ContainsFunc(c.Phases, func(s Sized) bool { return s.Larger > 1 }) {
			all = append(all, c.Name+": one instance takes all writes, so it has to be a larger one than the table's.")
		}
	}
	return all
}
