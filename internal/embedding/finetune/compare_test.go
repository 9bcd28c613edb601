package finetune

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding/encoder"
)

var relations = []string{"contradiction", "entailment"}

// pairs are sentences that say the same of something, or the opposite.
func pairs(e *encoder.Encoder) []Pair {
	var all []Pair
	for i, p := range [][2]string{
		{"the lake is cold", "the lake is warm"}, {"the lake is cold", "the lake is cool"}, {"my soup is hot", "your soup is cold"},
		{"my soup is hot", "your soup is warm"}, {"it was a cold day", "it was a hot day"}, {"it was a cold day", "a cool day it was"},
	} {
		all = append(all, Pair{e.Tokens(p[0]), e.Tokens(p[1]), i % 2})
	}
	return all
}

func TestGradientsOfAComparerAreTheSlopesOfTheLoss(t *testing.T) {
	e := load(t)
	c := newComparer(e, Options{Labels: relations, Weights: []float32{1, 0.5}, Seed: 1})
	batch := pairs(e)
	requireSlopes(t, c.params(), func() float64 { return c.step(batch, &dropout{}) })
}

func TestTheComparerLearnsAndEveryRunMakesTheSameBytes(t *testing.T) {
	e := load(t)
	o := Options{Labels: relations, Weights: []float32{1, 1}, Epochs: 16, Batch: 3, Rate: 3e-4, TokenRate: 1e-3, HeadRate: 1e-3, Decay: 0.01, Dropout: 0.1, HeadDropout: 0.1, Seed: 3}
	file, err := TrainComparer(t.Context(), e, pairs(e), o)
	require.NoError(t, err)
	again, err := TrainComparer(t.Context(), e, pairs(e), o)
	require.NoError(t, err)
	require.True(t, bytes.Equal(file, again))

	c, err := e.Comparer(file)
	require.NoError(t, err)
	require.Equal(t, relations, c.Relations())
	for then, contradicts := range map[string]bool{"the lake is warm": true, "the lake is cool": false} {
		scores := compare(t, c, "the lake is cold", then)
		require.Equal(t, contradicts, scores[0] > scores[1], then)
	}
}

func compare(t *testing.T, c *encoder.Comparer, first, then string) []float32 {
	a, err := c.Read(first)
	require.NoError(t, err)
	b, err := c.Read(then)
	require.NoError(t, err)
	return c.Compare(a, b)
}

// TestTheComparerSaysWhatTheModelLearned compares the float32 model of training, by the loss
// of a pair, with the rounded one that runs.
func TestTheComparerSaysWhatTheModelLearned(t *testing.T) {
	e := load(t)
	c := newComparer(e, Options{Labels: relations, Weights: []float32{1, 1}, Seed: 2})
	file, err := encoder.PackComparer(c.weights(), relations, c.headWeights())
	require.NoError(t, err)
	running, err := e.Comparer(file)
	require.NoError(t, err)
	for _, p := range [][2]string{{"hello", "I sat by the lake until the sun had gone."}, {"the oven is hot; the candle burns", "so it is"}} {
		scores := compare(t, running, p[0], p[1])
		for relation := range relations {
			smooth := (1-smoothed)*scores[relation] + smoothed/2*(scores[0]+scores[1])
			loss := c.step([]Pair{{e.Tokens(p[0]), e.Tokens(p[1]), relation}}, &dropout{})
			require.InDelta(t, -loss, smooth, 0.02, p[0])
		}
	}
}

func TestPairsThatCannotBeLearnedAreRefused(t *testing.T) {
	e := load(t)
	sound := Options{Epochs: 1, Batch: 4, Labels: relations, Weights: []float32{1, 1}}
	for _, p := range []Pair{{}, {First: []int32{30}}, {[]int32{30}, []int32{31}, 2}, {[]int32{30}, []int32{31}, -1}} {
		_, err := TrainComparer(t.Context(), e, []Pair{p}, sound)
		require.ErrorContains(t, err, "pair 0")
	}
	_, err := TrainComparer(t.Context(), e, pairs(e), Options{})
	require.ErrorContains(t, err, "0 epochs")
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = TrainComparer(ended, e, pairs(e), sound)
	require.ErrorIs(t, err, context.Canceled)
}

func TestABrokenComparerIsRefused(t *testing.T) {
	e := load(t)
	c := newComparer(e, Options{Labels: relations})
	file, err := encoder.PackComparer(c.weights(), relations, c.headWeights())
	require.NoError(t, err)
	for _, broken := range [][]byte{nil, file[:len(file)/2], []byte("nonsense")} {
		_, err := e.Comparer(broken)
		require.Error(t, err)
	}
	whole, err := e.Comparer(file)
	require.NoError(t, err)
	_, err = whole.Read("")
	require.Error(t, err)
}
