package plan

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

//go:embed measured.json
var measuredFile []byte

// Measured is what one message costs, as scripts/bench found it on one machine with little to do,
// API, workers of each queue and engines in processes of their own.
type Measured struct {
	// On says which machine, At when, Messages how many were measured.
	On       string `json:"on"`
	At       string `json:"at"`
	Messages int    `json:"messages"`
	// Cores of that machine, and Idle how many of them were busy when nobody wrote.
	Cores int     `json:"cores"`
	Idle  float64 `json:"idle_cores"`
	// Others is how many cores were busy with something else meanwhile: on a quiet machine none.
	Others float64 `json:"others_cores"`
	// CPU is the time of a core for each message in ms, by who took it: "api", "queue mirror",
	// "engine postgresql", "client".
	CPU map[string]float64 `json:"cpu_ms"`
	// AnswerCPU is what all of them together have taken when the answer is there, in ms.
	AnswerCPU float64 `json:"answer_cpu_ms"`
	// Answer is how long an answer takes when nothing else is to be done, in ms.
	Answer Times `json:"answer_ms"`
	// Steps are the activities of a message's stories.
	Steps []Step `json:"steps"`
	// Bytes that a message leaves: "graph", "records", "temporal", "vectors", and "wal", what it
	// writes to PostgreSQL's log.
	Bytes map[string]float64 `json:"bytes"`
}

// Step is one activity: how often it runs for a message, and how long from its start in a worker to
// its result, in ms.
type Step struct {
	Name       string  `json:"name"`
	Queue      string  `json:"queue"`
	PerMessage float64 `json:"per_message"`
	Times
}

// Times are a sample of durations, in ms.
type Times struct {
	Mean float64 `json:"mean"`
	// Variation is the squared coefficient of variation: 0 when all are alike, 1 when they are as
	// exponential ones.
	Variation float64 `json:"variation"`
	// Quantiles from the least to the greatest in steps of 5 %: 21 of them.
	Quantiles []float64 `json:"quantiles"`
}

// quantiles that are kept of a sample, both ends included.
const quantiles = 21

// NewTimes sums up a sample in ms; an empty one is zero.
func NewTimes(sample []float64) Times {
	if len(sample) == 0 {
		return Times{}
	}
	sorted := slices.Sorted(slices.Values(sample))
	var t Times
	for _, x := range sorted {
		t.Mean += x / float64(len(sorted))
	}
	for _, x := range sorted {
		t.Variation += (x - t.Mean) * (x - t.Mean) / float64(len(sorted))
	}
	if t.Mean > 0 {
		t.Variation /= t.Mean * t.Mean
	}
	for i := range quantiles {
		t.Quantiles = append(t.Quantiles, at(sorted, float64(i)/(quantiles-1)))
	}
	return t
}

// At is the duration that a part q of them do not exceed, in ms.
func (t Times) At(q float64) float64 { return at(t.Quantiles, q) }

// at looks up a quantile between the points of a sorted sample; 0 of none.
func at(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	place := min(max(q, 0), 1) * float64(len(sorted)-1)
	low := int(place)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (place-float64(low))*(sorted[high]-sorted[low])
}

// Built is the measurement that is built in.
func Built() (Measured, error) { return ReadMeasured(measuredFile) }

// ReadMeasured reads what scripts/bench wrote.
func ReadMeasured(file []byte) (Measured, error) {
	var m Measured
	if err := json.Unmarshal(file, &m); err != nil {
		return m, fmt.Errorf("the measured service times: %w", err)
	}
	return m, m.check()
}

func (m Measured) check() error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("the measured service times: "+format, args...))
	}
	if m.Messages < 1 || m.Cores < 1 || m.Idle < 0 || m.Idle >= float64(m.Cores) {
		bad("of %d messages on %d cores, %g of which were busy with nothing", m.Messages, m.Cores, m.Idle)
	}
	for _, who := range needed {
		if !(m.CPU[who] > 0) {
			bad("no CPU time of %q", who)
		}
	}
	for _, kind := range []map[string]float64{m.CPU, m.Bytes} {
		for _, name := range slices.Sorted(maps.Keys(kind)) {
			if x := kind[name]; !(x >= 0) || math.IsInf(x, 0) {
				bad("%s: %g", name, x)
			}
		}
	}
	if len(m.Answer.Quantiles) != quantiles || !(m.Answer.Mean > 0) || !slices.IsSorted(m.Answer.Quantiles) {
		bad("no distribution of the answer's time")
	}
	return errors.Join(problems...)
}

// needed are those without whose CPU time nothing can be planned.
var needed = []string{"api", "queue synthesis", "queue mirror", "queue truthfilter", "queue memory", "engine postgresql", "engine temporal", "engine weaviate"}

// Total is the time of a core that a message takes in all, in ms.
func (m Measured) Total() (sum float64) {
	for _, x := range m.CPU {
		sum += x
	}
	return sum
}

// variation of what a queue's steps take, weighed by their time; 1 where none was measured.
func (m Measured) variation(queue string) float64 {
	sum, weight := 0.0, 0.0
	for _, s := range m.Steps {
		if s.Queue == queue {
			sum, weight = sum+s.Variation*s.Mean*s.PerMessage, weight+s.Mean*s.PerMessage
		}
	}
	if weight == 0 {
		return 1
	}
	return sum / weight
}
