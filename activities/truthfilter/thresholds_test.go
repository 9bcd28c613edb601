package truthfilter

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThresholdsLeftAtZeroTakeTheirDefaults(t *testing.T) {
	set := Thresholds{Safety: 0.9}.withDefaults()
	require.Equal(t, 0.9, set.Safety)
	require.Equal(t, DefaultThresholds().Pass, set.Pass)
	require.Equal(t, DefaultThresholds().Weights, set.Weights)
}

func TestVerdicts(t *testing.T) {
	layers := func(relevance, honesty, safety, resonance float64) []LayerScore {
		return []LayerScore{
			{Layer: Relevance, Score: relevance}, {Layer: Honesty, Score: honesty},
			{Layer: Safety, Score: safety}, {Layer: Resonance, Score: resonance},
		}
	}
	for name, c := range map[string]struct {
		layers  []LayerScore
		draft   Verdict
		sources Verdict
	}{
		"all good":                       {layers(0.9, 1, 1, 1), Pass, Pass},
		"unsafe beats the best mean":     {layers(1, 1, 0.59, 1), Reject, Reject},
		"off topic":                      {layers(0.1, 1, 1, 1), Revise, Reject},
		"somewhat dishonest":             {layers(0.9, 0.5, 1, 1), Revise, Revise},
		"plainly dishonest":              {layers(0.9, 0.2, 1, 1), Reject, Reject},
		"lands badly":                    {layers(0.9, 1, 1, 0.4), Revise, Revise},
		"lands very badly":               {layers(0.9, 1, 1, 0.2), Reject, Reject},
		"nothing wrong, nothing right":   {layers(0.2, 0.6, 0.6, 0.5), Revise, Revise},
		"just at every single threshold": {layers(0.7, 0.6, 0.6, 0.5), Pass, Pass},
	} {
		t.Run(name, func(t *testing.T) {
			d := DefaultThresholds()
			require.Equal(t, c.draft, d.verdict(c.layers, d.mean(c.layers), true))
			require.Equal(t, c.sources, d.verdict(c.layers, d.mean(c.layers), false))
		})
	}
}

func TestWeightsShiftTheMean(t *testing.T) {
	layers := []LayerScore{{Layer: Relevance, Score: 0}, {Layer: Safety, Score: 1}}
	onlySafety := Thresholds{Weights: Weights{Safety: 2}}.withDefaults()
	require.InDelta(t, 1, onlySafety.mean(layers), 1e-9)
	even := Thresholds{Weights: Weights{Relevance: 3, Safety: 3}}.withDefaults()
	require.InDelta(t, 0.5, even.mean(layers), 1e-9)
}
