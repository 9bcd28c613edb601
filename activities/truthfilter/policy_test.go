package truthfilter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFaultyPoliciesAreRefused(t *testing.T) {
	for fault, change := range map[string][2]string{
		"no version":                  {`version: "1"`, `version: ""`},
		"least.mean":                  {"mean: 0.55", "mean: 0"},
		"least.safety":                {"safety: 0.6", "safety: 1.2"},
		"weights.honesty is negative": {"honesty: 0.3", "honesty: -0.3"},
		"must not lower it":           {"safety: [0, 0.2]", "safety: [-0.1, 0.2]"},
		"bounds.relevance":            {"relevance: [-0.1, 0.2]", "relevance: [0.1, 0.2]"},
		"field strictness not found":  {"weights:", "strictness: 1\nweights:"},
		"no layer has a weight":       {"weights: {relevance: 0.2, honesty: 0.3, safety: 0.3, resonance: 0.2}", "weights: {}"},
	} {
		t.Run(fault, func(t *testing.T) {
			changed := strings.Replace(string(builtinPolicy), change[0], change[1], 1)
			require.NotEqual(t, string(builtinPolicy), changed)
			_, err := ParsePolicy([]byte(changed))
			require.ErrorContains(t, err, fault)
		})
	}
}

func TestAdjustmentsStayWithinTheirBounds(t *testing.T) {
	p := Standard.Adjust(
		Adjustment{Layer: Honesty, By: 0.04, Because: "2 × untrue"},
		Adjustment{Layer: Safety, By: 9, Because: "much unsafe"},
		Adjustment{Layer: Relevance, By: -9, Because: "much helpful"},
	)
	require.InDelta(t, Standard.Least.Honesty+0.04, p.Least.Honesty, 1e-9)
	require.InDelta(t, Standard.Least.Safety+Standard.Bounds.Safety[1], p.Least.Safety, 1e-9)
	require.InDelta(t, Standard.Least.Relevance+Standard.Bounds.Relevance[0], p.Least.Relevance, 1e-9)
	require.Equal(t, []Adjustment{{Honesty, 0.04, "2 × untrue"}, {Safety, 0.2, "much unsafe"}, {Relevance, -0.1, "much helpful"}}, p.Adjusted)
	require.Empty(t, Standard.Adjusted)
	require.Empty(t, Standard.Adjust(Adjustment{Layer: Safety, By: -0.3}).Adjusted, "feedback never makes it less safe")
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
			require.Equal(t, c.draft, Standard.verdict(c.layers, Standard.mean(c.layers), true))
			require.Equal(t, c.sources, Standard.verdict(c.layers, Standard.mean(c.layers), false))
		})
	}
}

func TestWeightsShiftTheMean(t *testing.T) {
	layers := []LayerScore{{Layer: Relevance, Score: 0}, {Layer: Safety, Score: 1}}
	require.InDelta(t, 1, Policy{Weights: Weights{Safety: 2}}.mean(layers), 1e-9)
	require.InDelta(t, 0.5, Policy{Weights: Weights{Relevance: 3, Safety: 3}}.mean(layers), 1e-9)
}

// Judgements in histories and answers name bare codes.
func TestReasonsOfOldJudgementsAreRead(t *testing.T) {
	var l LayerScore
	require.NoError(t, json.Unmarshal([]byte(`{"layer":"honesty","score":0.4,"reasons":["hedging",{"code":"evasion","words":"as an ai"}]}`), &l))
	require.Equal(t, []Reason{{Code: "hedging"}, {Code: "evasion", Words: "as an ai"}}, l.Reasons)
}
