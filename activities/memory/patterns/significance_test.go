package patterns

import (
	"math/bits"
	"math/rand/v2"
	"testing"

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
	// The lady who tasted tea: all four of four right, and at least three.
	require.InDelta(t, 1.0/70, hypergeometric(4, 4, 4, 8), 1e-12)
	require.InDelta(t, 17.0/70, hypergeometric(3, 4, 4, 8), 1e-12)
}

// drawnSoHigh goes through all ways to draw.
func drawnSoHigh(occasions []occasion) float64 {
	values, drawn, sum := steps(occasions)
	all, high := 0, 0
	for set := range uint(1) << len(values) {
		if bits.OnesCount(set) != drawn {
			continue
		}
		total := 0
		for i, v := range values {
			if set>>i&1 == 1 {
				total += v
			}
		}
		if all++; total >= sum {
			high++
		}
	}
	return float64(high) / float64(all)
}

func TestOneBlockIsTestedAsByGoingThroughAllWays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		block := make([]occasion, 3+random.IntN(9))
		for i := range block {
			block[i] = occasion{in: random.IntN(3) == 0, share: float64(random.IntN(grain+1)) / grain}
		}
		block[0].in, block[1].in, block[2].share = true, false, 1
		p, least := exactly(block)
		require.InDelta(t, drawnSoHigh(block), p, 1e-12)
		require.LessOrEqual(t, least, p+1e-12)
	}
}

func TestYesAndNoIsFishersTest(t *testing.T) {
	var block []occasion
	for i := range 20 {
		o := occasion{in: i < 6}
		if i < 4 || i == 10 || i == 15 {
			o.share = 1
		}
		block = append(block, o)
	}
	p, least := exactly(block)
	require.InDelta(t, hypergeometric(4, 6, 6, 20), p, 1e-12)
	require.InDelta(t, hypergeometric(6, 6, 6, 20), least, 1e-12)
}

func TestBlocksAreComparedWithinThemselves(t *testing.T) {
	// Three bad weeks in which the person wrote on the day in question alone say nothing.
	var list []occasion
	for range 5 {
		list = append(list, occasion{block: 1, in: true, share: 1})
	}
	for i := range 10 {
		list = append(list, occasion{block: 2, in: i == 0})
	}
	p, least := exactly(list)
	require.Equal(t, 1.0, p)
	require.Equal(t, 1.0, least)

	// Two blocks multiply: one of ten, twice.
	for i := range 10 {
		list[5+i].share = 0
	}
	list[5].share = 1
	for i := range 10 {
		o := occasion{block: 3, in: i == 0}
		if i == 0 {
			o.share = 1
		}
		list = append(list, o)
	}
	p, _ = exactly(list)
	require.InDelta(t, 0.01, p, 1e-12)
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
