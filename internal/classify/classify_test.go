package classify_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/classify"
)

var labels = []string{"weather", "food", "urgent"}

// examples are sentences about weather or food; those that shout are urgent too.
func examples(n int, seed uint64) []classify.Example {
	r := rand.New(rand.NewPCG(seed, 0))
	words := [2][]string{
		{"rain", "sunny", "storm", "cloudy", "windy", "snowfall", "thunder"},
		{"bread", "cheese", "noodles", "soup", "baking", "tomatoes", "dinner"},
	}
	fill := []string{"today", "we had", "again", "with friends", "so much", "at home", "outside"}
	var all []classify.Example
	for range n {
		topic := r.IntN(2)
		text := fmt.Sprintf("%s %s %s", fill[r.IntN(len(fill))], words[topic][r.IntN(len(words[topic]))], fill[r.IntN(len(fill))])
		e := classify.Example{Text: text, Labels: []int{topic}, Dense: []float32{r.Float32(), 0}}
		if r.IntN(4) == 0 {
			e.Labels, e.Dense[1] = append(e.Labels, 2), 1
		}
		all = append(all, e)
	}
	return all
}

var grams = classify.Grams{Words: 2, ShortestChars: 2, LongestChars: 4, Bits: 14}

func trained(t testing.TB) *classify.Model {
	t.Helper()
	m, err := classify.Train(examples(400, 1), classify.Options{Labels: labels, Grams: grams, C: 1, Balance: 1, Seed: 7})
	require.NoError(t, err)
	held := examples(200, 2)
	m.Calibrate(scores(m, held), held)
	return m
}

func scores(m *classify.Model, all []classify.Example) [][]float32 {
	s := make([][]float32, len(all))
	for i, e := range all {
		s[i] = m.Scores(e.Text, e.Dense)
	}
	return s
}

func TestWhatTextAndDenseFeaturesTellIsLearned(t *testing.T) {
	m, test := trained(t), examples(200, 3)
	var given, right [][]int
	for _, e := range test {
		given, right = append(given, m.Given(m.Probabilities(m.Scores(e.Text, e.Dense)))), append(right, e.Labels)
	}
	require.Greater(t, classify.MacroF1(classify.Count(len(labels), given, right)), 0.98)
	words := examples(200, 3)
	for i := range words {
		words[i].Dense = []float32{0, 0}
	}
	require.NotEqual(t, scores(m, test), scores(m, words), "the dense features count")
}

func TestTrainingIsReproducible(t *testing.T) {
	var first, second bytes.Buffer
	require.NoError(t, trained(t).Write(&first))
	require.NoError(t, trained(t).Write(&second))
	require.Equal(t, first.Bytes(), second.Bytes())
}

func TestAModelReadsAsItWasWritten(t *testing.T) {
	m := trained(t)
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	read, err := classify.Read(file.Bytes())
	require.NoError(t, err)
	for _, e := range examples(50, 4) {
		require.Equal(t, m.Scores(e.Text, e.Dense), read.Scores(e.Text, e.Dense))
		require.Equal(t, m.Probabilities(m.Scores(e.Text, e.Dense)), read.Probabilities(read.Scores(e.Text, e.Dense)))
	}
	packed, err := m.Pack()
	require.NoError(t, err)
	unpacked, err := classify.Unpack(packed)
	require.NoError(t, err)
	require.Equal(t, read, unpacked)
	_, err = classify.Unpack(packed[:len(packed)/2])
	require.Error(t, err)
	for cut := range 200 {
		_, err := classify.Read(file.Bytes()[:cut*file.Len()/200])
		require.Error(t, err)
	}
	_, err = classify.Read(append(file.Bytes(), 0))
	require.Error(t, err)
}

func TestProbabilitiesMeanWhatTheySay(t *testing.T) {
	m, err := classify.Train(examples(400, 1), classify.Options{Labels: []string{"weather"}, Grams: classify.Grams{Words: 1, Bits: 10}, C: 1, Seed: 1})
	require.NoError(t, err)
	// Scores that are right three times of four.
	var all []classify.Example
	var given [][]float32
	for i := range 400 {
		s := float32(1)
		if i%2 == 0 {
			s = -1
		}
		e := classify.Example{}
		if (i%2 == 1) == (i%8 > 1) {
			e.Labels = []int{0}
		}
		all, given = append(all, e), append(given, []float32{s})
	}
	m.Calibrate(given, all)
	require.InDelta(t, 0.75, m.Calibrations[0].Probability(1), 0.01)
	require.InDelta(t, 0.25, m.Calibrations[0].Probability(-1), 0.01)
}

func TestTheBestThresholdIsBetweenWhatWasSeen(t *testing.T) {
	require.InDelta(t, 0.5, classify.BestThreshold([]float64{0.9, 0.8, 0.2, 0.1}, []bool{true, true, false, false}), 1e-9)
	require.InDelta(t, 0.15, classify.BestThreshold([]float64{0.9, 0.8, 0.2, 0.1}, []bool{true, false, true, false}), 1e-9)
}

func TestAQuantityIsLearned(t *testing.T) {
	targets := func(all []classify.Example) []float64 {
		y := make([]float64, len(all))
		for i, e := range all {
			y[i] = 0.2 + 0.3*float64(e.Dense[1])
			if e.Labels[0] == 1 {
				y[i] += 0.4
			}
		}
		return y
	}
	all := examples(400, 1)
	m, err := classify.Fit(all, targets(all), classify.Options{Labels: []string{"amount"}, Grams: grams, C: 10, Seed: 1})
	require.NoError(t, err)
	test := examples(100, 2)
	for i, want := range targets(test) {
		require.InDelta(t, want, m.Scores(test[i].Text, test[i].Dense)[0], 0.1, test[i].Text)
	}
}

func TestCountsAndIntervals(t *testing.T) {
	counts := classify.Count(2, [][]int{{0}, {0, 1}, {}}, [][]int{{0}, {1}, {0}})
	require.Equal(t, []classify.Counts{{TP: 1, FP: 1, FN: 1}, {TP: 1}}, counts)
	require.InDelta(t, 0.75, classify.MacroF1(counts), 1e-9)
	require.Zero(t, classify.Counts{}.F1())
	low, high := classify.Wilson(95, 100)
	require.InDelta(t, 0.888, low, 0.001)
	require.InDelta(t, 0.978, high, 0.001)
}

func TestTokens(t *testing.T) {
	tokens := func(text string) (all []string) {
		for _, token := range classify.Tokens(text) {
			all = append(all, token.Text)
			require.Equal(t, token.Text, strings.TrimRight(strings.ToLower(strings.ReplaceAll(text[token.Start:token.End], "’", "'")), "'"))
		}
		return all
	}
	require.Equal(t, []string{"i'm", "so", "tired", "...", "why", "?"}, tokens("I’m SO tired... why?"))
	require.Equal(t, []string{"no", "!!!", "ok"}, tokens("no!!! ok"))
	require.Equal(t, []string{"dogs", "über"}, tokens("dogs' ÜBER"))
	require.Empty(t, tokens(" \t\n'"))
}

func TestTheWordsThatSpeakForALabelAreNamed(t *testing.T) {
	m, text := trained(t), "today we had thunder at home"
	why := m.Explain(text, 0)
	require.NotEmpty(t, why)
	require.Equal(t, "thunder", text[why[0].Start:why[0].End])
	sum := 0.0
	for _, w := range why {
		require.Positive(t, w.Weight)
		sum += w.Weight
	}
	require.Greater(t, why[0].Weight, sum/3)
}

func TestAnyTextHasScores(t *testing.T) {
	m := trained(t)
	for _, text := range []string{"", "'", "\xff\xfe", strings.Repeat("a", 100_000), "🙃", "\u0000"} {
		for _, s := range m.Scores(text, []float32{0, 0}) {
			require.False(t, math.IsNaN(float64(s)), "%q", text[:min(len(text), 10)])
		}
	}
}

func BenchmarkScores(b *testing.B) {
	m := trained(b)
	for b.Loop() {
		m.Scores("We had so much rain again today, with friends at home, and then the storm came.", []float32{0, 0})
	}
}
