package plan

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func mean(sample []float64) (m float64) {
	for _, x := range sample {
		m += x / float64(len(sample))
	}
	return m
}

// TestErlangsFormula holds the closed form to what it is in cases that are known.
func TestErlangsFormula(t *testing.T) {
	// One server: whoever finds it busy waits.
	one := Station{Servers: 1, Rate: 0.6, Mean: 1, Variation: 1}
	require.InDelta(t, 0.6, one.Waits(), 1e-12)
	require.InDelta(t, 0.6/0.4, one.Wait(), 1e-12)
	// Two servers with an offered load of 1: Erlang C is 1/3 (Erlang 1917).
	require.InDelta(t, 1.0/3, Station{Servers: 2, Rate: 1, Mean: 1, Variation: 1}.Waits(), 1e-12)
	require.Equal(t, 1.0, Station{Servers: 2, Rate: 3, Mean: 1}.Waits())
	require.True(t, math.IsInf(Station{Servers: 2, Rate: 2, Mean: 1}.Wait(), 1))
	require.Zero(t, Station{Servers: 3}.Wait())
	require.Zero(t, Station{Servers: 100, Rate: 10, Mean: 1, Variation: 1}.WaitAt(0.95), "hardly anybody waits")
	// Many servers, at which factorials would overflow.
	many := Station{Servers: 2000, Rate: 1990, Mean: 1, Variation: 1}.Waits()
	require.True(t, many > 0 && many < 1, many)
}

// TestTheSimulationAgreesWithTheClosedForm: exponential times, several servers, several loads.
func TestTheSimulationAgreesWithTheClosedForm(t *testing.T) {
	for _, c := range []Station{
		{Servers: 1, Rate: 0.5, Mean: 1, Variation: 1}, {Servers: 2, Rate: 1.4, Mean: 1, Variation: 1},
		{Servers: 4, Rate: 3.2, Mean: 1, Variation: 1}, {Servers: 16, Rate: 140, Mean: 0.1, Variation: 1},
	} {
		waits := c.Simulate(200_000, 3, func(r *rand.Rand) float64 { return r.ExpFloat64() * c.Mean })
		require.InEpsilon(t, c.Wait(), mean(waits), 0.05, "%+v", c)
		slices.Sort(waits)
		require.InDelta(t, c.WaitAt(0.95), at(waits, 0.95), 0.05*c.WaitAt(0.95)+0.02*c.Mean, "%+v", c)
		busy := slices.IndexFunc(waits, func(w float64) bool { return w > 0 })
		require.InDelta(t, c.Waits(), 1-float64(busy)/float64(len(waits)), 0.015, "%+v", c)
	}
}

// TestTheApproximationHoldsForOtherTimes: constant ones, and ones that vary more than exponential ones do.
func TestTheApproximationHoldsForOtherTimes(t *testing.T) {
	constant := Station{Servers: 4, Rate: 3.2, Mean: 1}
	waits := constant.Simulate(150_000, 4, func(*rand.Rand) float64 { return 1 })
	require.InEpsilon(t, constant.Wait(), mean(waits), 0.12)

	// Nine of ten take 0.5, one takes 5.5.
	mixed := Station{Servers: 4, Rate: 3.2, Mean: 1, Variation: 2.25}
	waits = mixed.Simulate(200_000, 5, func(r *rand.Rand) float64 {
		if r.Float64() < 0.9 {
			return 0.5
		}
		return 5.5
	})
	require.InEpsilon(t, mixed.Wait(), mean(waits), 0.12)
}

// alike is a measurement in which every message takes the same: so long, with so much CPU on the way and after it.
func alike(alone, way, after float64) Measured {
	m := sample()
	m.Answer = NewTimes([]float64{alone})
	m.AnswerCPU, m.CPU = way, map[string]float64{"api": way + after}
	return m
}

func TestAMachineWithLittleToDoAnswersAsMeasured(t *testing.T) {
	m := sample()
	got := Machine{Cores: 4}.Answers(m, 0.01, 1000, 1)
	require.Len(t, got, 1000)
	require.InEpsilon(t, m.Answer.At(0.5), at(got, 0.5), 0.05)
	require.InEpsilon(t, m.Answer.At(0.95), at(got, 0.95), 0.05)
}

// TestAMachineSharesItsCores: what is all work on one core, shared out in short turns, takes 1/(1-load) times
// as long on average, whatever the times (processor sharing).
func TestAMachineSharesItsCores(t *testing.T) {
	m := alike(20, 20, 0)
	require.InEpsilon(t, 20/(1-0.6), mean(Machine{Cores: 1}.Answers(m, 30, 15_000, 2)), 0.05)
	// What is done after the answers takes cores too.
	require.InEpsilon(t, 20/(1-0.6), mean(Machine{Cores: 1}.Answers(alike(20, 20, 20), 15, 15_000, 2)), 0.15)
	// As does what runs besides.
	require.Greater(t, mean(Machine{Cores: 1, Taken: 0.3}.Answers(m, 20, 8_000, 2)), mean(Machine{Cores: 1}.Answers(m, 20, 8_000, 2))*1.3)
	// A second core takes most of the waiting away.
	require.Less(t, mean(Machine{Cores: 2}.Answers(m, 30, 8_000, 2)), 25.0)
	// More than one core can be busy with one message: 30 ms of work within 20.
	require.InEpsilon(t, 20, mean(Machine{Cores: 2}.Answers(alike(20, 30, 0), 0.01, 1000, 2)), 0.3)
}
