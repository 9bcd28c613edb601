package truthfilter

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

func TestWhatFeedbackMoves(t *testing.T) {
	for name, c := range map[string]struct {
		told []Told
		want []Adjustment
	}{
		"nothing":                  {nil, nil},
		"one untrue":               {[]Told{{Untrue, 1, day}}, []Adjustment{{Honesty, 0.02, "1 × untrue in 7 days"}}},
		"three untrue":             {[]Told{{Untrue, 3, 80 * day}}, []Adjustment{{Honesty, 0.049, "3 × untrue in 90 days"}}},
		"unsafe":                   {[]Told{{Harmful, 2, 8 * day}}, []Adjustment{{Safety, 0.036, "2 × unsafe in 30 days"}}},
		"irrelevant":               {[]Told{{Irrelevant, 1, 100 * day}}, []Adjustment{{Relevance, 0.02, "1 × irrelevant in 180 days"}}},
		"too long ago":             {[]Told{{Untrue, 9, Remembered + time.Second}}, nil},
		"of one rating twice":      {[]Told{{Untrue, 1, day}, {Untrue, 2, 20 * day}}, []Adjustment{{Honesty, 0.049, "3 × untrue in 30 days"}}},
		"helpful takes back":       {[]Told{{Irrelevant, 3, day}, {Helpful, 2, day}}, []Adjustment{{Relevance, 0.02, "3 × irrelevant, 2 × helpful in 7 days"}, {Resonance, -0.036, "2 × helpful in 7 days"}}},
		"all of it":                {[]Told{{Irrelevant, 2, day}, {Helpful, 2, day}}, []Adjustment{{Resonance, -0.036, "2 × helpful in 7 days"}}},
		"but never of the gravest": {[]Told{{Untrue, 1, day}, {Harmful, 1, day}, {Helpful, 100, day}}, []Adjustment{{Relevance, -0.1, "100 × helpful in 7 days"}, {Honesty, 0.02, "1 × untrue in 7 days"}, {Safety, 0.02, "1 × unsafe in 7 days"}, {Resonance, -0.1, "100 × helpful in 7 days"}}},
		"steps diminish":           {[]Told{{Untrue, 1000, day}}, []Adjustment{{Honesty, 0.1, "1000 × untrue in 7 days"}}},
		"what nobody knows":        {[]Told{{"funny", 3, day}}, nil},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Adjustments(c.told)) })
	}
}

// Whatever somebody rates: never less safe or honest, within the bounds, whatever the order.
func TestNoFeedbackLeavesTheBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bases := []Policy{Standard, Standard.Learned("1.7", Scores{Safety: 0.79, Honesty: 0.7, Relevance: 0.12, Resonance: 0.41})}
	for range 2000 {
		told := make([]Told, random.IntN(8))
		for i := range told {
			told[i] = Told{Ratings[random.IntN(len(Ratings))], random.IntN(40), time.Duration(random.IntN(250)) * day}
		}
		moves := Adjustments(told)
		shuffled := slices.Clone(told)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		require.Equal(t, moves, Adjustments(shuffled), "%+v", told)
		for _, base := range bases {
			p := base.Adjust(moves...)
			for _, l := range Layers {
				start, at, bounds := *Standard.Least.of(l), *p.Least.of(l), Standard.Bounds.of(l)
				require.GreaterOrEqual(t, at, start+bounds[0]-1e-9, "%s: %+v", l, told)
				require.LessOrEqual(t, at, start+bounds[1]+1e-9, "%s: %+v", l, told)
			}
			require.GreaterOrEqual(t, p.Least.Safety, base.Least.Safety)
			require.GreaterOrEqual(t, p.Least.Honesty, base.Least.Honesty)
			require.Equal(t, base.Least.Mean, p.Least.Mean)
		}
	}
}

func TestMoreOfTheSameMovesFurther(t *testing.T) {
	before := 0.0
	for n := 1; n <= 12; n++ {
		by := Adjustments([]Told{{Harmful, n, 0}})[0].By
		require.Greater(t, by, before)
		require.LessOrEqual(t, by-before, Step+1e-9)
		before = by
	}
}

func TestALearnedPolicyKeepsToTheBoundsOfTheWrittenOne(t *testing.T) {
	learned := Standard.Learned("1.4", Scores{Mean: 0.01, Relevance: 0.01, Honesty: 0.62, Safety: 0.1, Resonance: 0.9})
	require.Equal(t, "1.4", learned.Version)
	require.Equal(t, Scores{Mean: Standard.Least.Mean, Relevance: 0.1, Honesty: 0.62, Safety: Standard.Least.Safety, Resonance: 0.7}, learned.Least)
	require.Empty(t, learned.Adjusted, "it is nobody's own")
	further := learned.Adjust(Adjustment{Layer: Honesty, By: 0.5, Because: "much untrue"})
	require.InDelta(t, Standard.Least.Honesty+Standard.Bounds.Honesty[1], further.Least.Honesty, 1e-9, "both together stay within the bounds")
	require.Equal(t, []Adjustment{{Honesty, 0.18, "much untrue"}}, further.Adjusted)
}
