package finetune

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding/encoder"
)

func load(t testing.TB) *encoder.Encoder {
	e, err := encoder.New()
	require.NoError(t, err)
	return e
}

var two = []string{"water", "fire"}

// lessons are texts with two labels: about water, about fire.
func lessons(e *encoder.Encoder) []Example {
	var all []Example
	for i, text := range []string{"the lake is calm", "a river runs by", "rain fell on the sea", "the oven is hot", "sparks and smoke", "the candle burns, the stove too", "steam from the kettle over the flames"} {
		all = append(all, Example{[][]int32{e.Tokens(text)}, []float32{[]float32{1, 1, 1, 0, 0, 0, 0.6}[i], []float32{0, 0, 0, 1, 1, 1, 0.9}[i]}})
	}
	return all
}

// requireSlopes walks each tensor a little way along its gradient and back: the loss has to
// change by twice the step times the gradient's square.
func requireSlopes(t *testing.T, params []*param, loss func() float64) {
	t.Helper()
	loss()
	grads := make([][]float32, len(params))
	for i, p := range params {
		grads[i] = append([]float32(nil), p.grad...)
	}
	for i, p := range params {
		var square float64
		for _, g := range grads[i] {
			square += float64(g) * float64(g)
		}
		step := 2e-3 / square // changes the loss by some 0.004
		require.Greater(t, square, 1e-9, "tensor %d has no gradient", i)
		at := func(factor float64) float64 {
			before := append([]float32(nil), p.value...)
			addScaled(p.value, grads[i], float32(factor))
			defer copy(p.value, before)
			return loss()
		}
		require.InEpsilon(t, 2*step*square, at(step)-at(-step), 0.1, "tensor %d of %d values", i, len(p.value))
	}
}

func TestGradientsAreTheSlopesOfTheLoss(t *testing.T) {
	e := load(t)
	m := newModel(e, Options{Labels: two, Weights: []float32{1, 0.5}})
	for i := range m.head.value {
		m.head.value[i] = float32(i%7-3) / 40
	}
	var batch []lesson
	for _, l := range lessons(e) {
		batch = append(batch, lesson{l.Spellings[0], l.Targets})
	}
	batch[2].targets[1] = Unknown
	requireSlopes(t, m.params(), func() float64 { return m.step(batch, &dropout{}) })
}

func TestTheClassifierLearnsAndEveryRunMakesTheSameBytes(t *testing.T) {
	e := load(t)
	examples := lessons(e)
	options := Options{Labels: two, Weights: []float32{0.5, 0.5}, Epochs: 12, Batch: 4, Rate: 1e-3, TokenRate: 1e-3, HeadRate: 1e-2, Decay: 0.01, Dropout: 0.1, HeadDropout: 0.2, WordDropout: 0.05, Seed: 3}
	file, err := Train(t.Context(), e, examples, options)
	require.NoError(t, err)
	again, err := Train(t.Context(), e, examples, options)
	require.NoError(t, err)
	require.True(t, bytes.Equal(file, again))

	c, err := e.Classifier(file)
	require.NoError(t, err)
	for text, water := range map[string]bool{"the lake is calm": true, "the oven is hot": false, "rain fell on the sea": true, "sparks and smoke": false} {
		scores, err := c.Scores(text)
		require.NoError(t, err)
		require.Equal(t, water, scores[0] > 0, text)
		require.Equal(t, !water, scores[1] > 0, text)
	}
}

// TestTheClassifierSaysWhatTheModelLearned compares the float32 model of training with
// the rounded one that runs: they are two implementations of one transformer.
func TestTheClassifierSaysWhatTheModelLearned(t *testing.T) {
	e := load(t)
	m := newModel(e, Options{Labels: two, Weights: []float32{1, 1}})
	for i := range m.head.value {
		m.head.value[i] = float32(i%5-2) / 10
	}
	file, err := encoder.PackClassifier(m.weights(), two, m.head.value, m.bias.value)
	require.NoError(t, err)
	c, err := e.Classifier(file)
	require.NoError(t, err)
	for _, text := range []string{"hello", "I sat by the lake until the sun had gone and thought of nobody.", "the oven is hot; the candle burns"} {
		features := encoder.Pool(m.forward([][]int32{e.Tokens(text)}, &dropout{}), encoder.Wide)
		got, err := c.Scores(text)
		require.NoError(t, err)
		for label := range 2 {
			want := encoder.Dot(m.head.value[label*encoder.Features:][:encoder.Features], features)
			require.InDelta(t, want, got[label], 0.05, text)
		}
	}
}

func TestAFileOfAnotherShapeIsRefused(t *testing.T) {
	e := load(t)
	m := newModel(e, Options{Labels: two})
	file, err := encoder.PackClassifier(m.weights(), two, m.head.value, m.bias.value)
	require.NoError(t, err)
	for _, broken := range [][]byte{nil, file[:len(file)/2], []byte("nonsense")} {
		_, err := e.Classifier(broken)
		require.Error(t, err)
	}
	c, err := e.Classifier(file)
	require.NoError(t, err)
	require.Equal(t, two, c.Labels())
}

func TestExamplesThatCannotBeLearnedAreRefused(t *testing.T) {
	e := load(t)
	sound := Options{Epochs: 1, Batch: 4, Labels: two, Weights: []float32{1, 1}}
	for _, e2 := range []Example{{}, {Spellings: [][]int32{{30}}, Targets: []float32{1}}, {Spellings: [][]int32{{}}, Targets: []float32{1, 0}}} {
		_, err := Train(t.Context(), e, []Example{e2}, sound)
		require.ErrorContains(t, err, "example 0")
	}
	_, err := Train(t.Context(), e, lessons(e), Options{})
	require.ErrorContains(t, err, "0 epochs")
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = Train(ended, e, lessons(e), sound)
	require.ErrorIs(t, err, context.Canceled)
}
