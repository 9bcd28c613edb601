package patterns

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDistributionsHaveTheirPublishedQuantiles(t *testing.T) {
	for _, c := range []struct{ t, freedom, tail float64 }{{2.228, 10, 0.025}, {1.812, 10, 0.05}, {3.169, 10, 0.005}, {6.314, 1, 0.05}, {0, 7, 0.5}, {-1.812, 10, 0.95}} {
		require.InDelta(t, c.tail, upperT(c.t, c.freedom), 1e-4, "t %v of %v", c.t, c.freedom)
	}
	require.InDelta(t, 0.5, incompleteBeta(3, 3, 0.5), 1e-12)
	// I_x(2, 4) is the chance of two or more of five: 1 - .7^5 - 5 * .3 * .7^4.
	require.InDelta(t, 0.47178, incompleteBeta(2, 4, 0.3), 1e-9)
	require.InDelta(t, 1-0.47178, incompleteBeta(4, 2, 0.7), 1e-9)
}

// day is an occasion on which one thing was said.
func day(block int, in, hit bool) occasion {
	o := occasion{block: block, in: in, weight: 1}
	if hit {
		o.hits = 1
	}
	return o
}

// drawnSoHigh goes through all ways to draw.
func drawnSoHigh(occasions []occasion) float64 {
	drawn, hits := 0, 0.0
	for _, o := range occasions {
		if o.in {
			drawn, hits = drawn+1, hits+o.hits
		}
	}
	all, high := 0, 0
	for set := range uint(1) << len(occasions) {
		if bits.OnesCount(set) != drawn {
			continue
		}
		sum := 0.0
		for i, o := range occasions {
			if set>>i&1 == 1 {
				sum += o.hits
			}
		}
		if all++; sum >= hits {
			high++
		}
	}
	return float64(high) / float64(all)
}

func TestNothingIsMoreSignificantThanByGoingThroughAllWays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var block []occasion
		for n := range 14 {
			in := n < 5
			block = append(block, day(1, in, random.IntN(10) < 2 || (in && random.IntN(2) == 0)))
		}
		exact := drawnSoHigh(block)
		p, least := stratified(block)
		require.LessOrEqual(t, least, p+1e-12)
		if exact < 0.05 {
			require.GreaterOrEqual(t, p, exact)
			require.Less(t, p, 12*exact)
		}
	}
}

func TestBlocksAreComparedWithinThemselves(t *testing.T) {
	// Bad weeks in which the person wrote on the day in question alone say nothing.
	var list []occasion
	for range 5 {
		list = append(list, day(1, true, true))
	}
	for i := range 10 {
		list = append(list, day(2, i == 0, false))
	}
	p, least := stratified(list)
	require.Equal(t, []float64{1, 1}, []float64{p, least})

	// In one block after the other it is the one day of ten.
	for block := range 4 {
		for i := range 10 {
			list = append(list, day(3+block, i == 0, i == 0))
		}
	}
	p, least = stratified(list)
	require.InDelta(t, 1e-4, p, 1e-6, "one of ten, four times")
	require.Equal(t, p, least)
}

func TestTenTurnsOfOneMoodAreOneWitness(t *testing.T) {
	said := func(times int) float64 {
		var turns []placed
		for d := range 28 {
			for range times {
				emotion := "joy"
				if d%7 == 0 {
					emotion = "sadness"
				}
				turns = append(turns, placed{&Turn{Emotion: emotion}, moment{day: d, weekday: time.Weekday(d % 7)}})
			}
		}
		o := occasionsOf(turns, ofWeek)
		c, worth := o.within(spans[2], "sadness")
		require.True(t, worth)
		require.Equal(t, "sunday", spans[2].name)
		p, _ := stratified(o.list(func(i int) bool { return spans[2].holds(o.at[i]) }, "sadness"))
		require.Equal(t, 1.0, c.p, "in one week it has not recurred")
		return p
	}
	require.InDelta(t, said(1), said(10), 1e-12)
}

func TestTurnsThatFeelDifferentlyAreWorthMoreThanOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var mixed []placed
	for d := range 30 {
		for range 10 {
			mixed = append(mixed, placed{&Turn{Emotion: string(rune('a' + random.IntN(5)))}, moment{day: d}})
		}
	}
	for _, weight := range occasionsOf(mixed, ofWeek).weights {
		require.InDelta(t, 10/(1+9*leastAlike), weight, 0.5)
	}
	require.InDelta(t, 2/(1+usuallyAlike), occasionsOf(mixed[:2], ofWeek).weights[0], 1e-9, "too little to tell")
}

func TestWhoSaysMoreOnSomeDaysIsNotFoundToFeelMoreOnThem(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alarms := 0
	for range 300 {
		var list []placed
		for d := range 300 {
			times := 12
			if d%7 == 0 {
				times = 1
			}
			for range times {
				emotion := "joy"
				if random.IntN(25) == 0 {
					emotion = "sadness"
				}
				list = append(list, placed{&Turn{Emotion: emotion}, moment{day: d, week: d / 7, weekday: time.Weekday(d % 7)}})
			}
		}
		if c, worth := occasionsOf(list, ofWeek).within(spans[2], "sadness"); worth && c.p < 0.02 {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, 12, "of 300, where 6 are to be expected")
}

func TestTheBarRisesWithTheNumberOfTests(t *testing.T) {
	bar := func(tests int, known bool) int {
		all := []candidate{{echo: Echo{Key: "a"}, p: 0.001, least: 1e-6}}
		for range tests - 1 {
			all = append(all, candidate{echo: Echo{Key: "b"}, p: 0.7, least: 1e-6})
		}
		return len(significant(all, 0.03, func(string) bool { return known }))
	}
	require.Equal(t, 1, bar(30, false))
	require.Zero(t, bar(40, false))
	require.Equal(t, 1, bar(40, true), "what was found before stays longer")
	require.Zero(t, bar(200, true), "but not for ever")
}

func TestWhatCouldNotBeSignificantRaisesNoBar(t *testing.T) {
	all := []candidate{{echo: Echo{Key: "a"}, p: 0.001, least: 1e-6}}
	for range 500 {
		all = append(all, candidate{echo: Echo{Key: "b"}, p: 1, least: 0.01})
	}
	require.Len(t, significant(all, 0.03, func(string) bool { return false }), 1)
}
