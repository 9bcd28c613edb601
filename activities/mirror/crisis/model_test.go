package crisis_test

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
	"meai/internal/embedding"
)

var severities = []crisis.Severity{crisis.None, crisis.Concern, crisis.Implicit, crisis.Explicit, crisis.Imminent}

// arbitrary is a vector that depends on nothing but the text.
func arbitrary(text string) []float32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	v := make([]float32, 512)
	for i := range v {
		v[i] = float32(r.NormFloat64() / 8)
	}
	return v
}

func arbitraries(texts ...string) ([][]float32, error) {
	all := make([][]float32, len(texts))
	for i, t := range texts {
		all[i] = arbitrary(t)
	}
	return all, nil
}

func TestTheModelRaisesAndNeverLowers(t *testing.T) {
	m, err := crisis.TrainedModel()
	require.NoError(t, err)
	raised := 0
	for _, s := range statements(t, "development") {
		rules := crisis.Assess(s.Text)
		both := m.Raise(rules, s.Text, arbitrary(s.Text))
		require.GreaterOrEqual(t, slices.Index(severities, both.Severity), slices.Index(severities, rules.Severity), s.Text)
		require.Subset(t, both.Kinds, rules.Kinds)
		require.Subset(t, both.Rules, rules.Rules)
		require.Equal(t, both.Severity != rules.Severity, slices.Contains(both.Rules, crisis.ModelRule))
		if both.Severity != rules.Severity {
			require.NotEmpty(t, both.Kinds)
			raised++
		}
	}
	require.Positive(t, raised)
}

func TestWithoutAnEmbeddingTheRulesDecideAlone(t *testing.T) {
	m, err := crisis.TrainedModel()
	require.NoError(t, err)
	found := crisis.Assessment{Severity: crisis.Concern, Kinds: []crisis.Kind{crisis.Suicide}}
	for _, vector := range [][]float32{nil, make([]float32, 3)} {
		require.Equal(t, found, m.Raise(found, "nobody would count the camels twice", vector))
	}
	require.Equal(t, found, (*crisis.Model)(nil).Raise(found, "text", make([]float32, 512)))
}

type embedder struct {
	name string
	err  error
	seen []string
}

func (e *embedder) Model() string { return e.name }

func (e *embedder) Embed(_ context.Context, texts ...string) ([][]float32, error) {
	e.seen = texts
	if e.err != nil {
		return nil, e.err
	}
	return arbitraries(texts...)
}

func TestAnEmbedderThatFailsOrIsAnotherLeavesItToTheRules(t *testing.T) {
	for _, s := range statements(t, "development") {
		require.Equal(t, crisis.Assess(s.Text), crisis.Watch(t.Context(), s.Text, &embedder{name: crisis.Embedding, err: errors.New("down")}))
		require.Equal(t, crisis.Assess(s.Text), crisis.Watch(t.Context(), s.Text, &embedder{name: "another"}))
	}
}

func TestTheModelIsForTheBuiltinEncoder(t *testing.T) {
	encoder, err := embedding.NewBuiltin()
	require.NoError(t, err)
	require.Equal(t, encoder.Model(), crisis.Embedding)
}

func TestALongTextIsJudgedAsAWholeAndInPassages(t *testing.T) {
	e := &embedder{name: crisis.Embedding}
	crisis.Watch(t.Context(), "One short sentence. And another.", e)
	require.Equal(t, []string{"One short sentence. And another."}, e.seen)

	long := strings.Repeat("We walked to the market and bought some apples for the cake. ", 12)
	crisis.Watch(t.Context(), long, e)
	require.Equal(t, long, e.seen[0])
	require.Greater(t, len(e.seen), 3)
	require.Equal(t, long, strings.Join(e.seen[1:], ""))

	crisis.Watch(t.Context(), strings.Repeat(long, 10), e)
	require.LessOrEqual(t, len(e.seen), 9)
}

func TestTheSameStatementsGiveTheSameModel(t *testing.T) {
	some := statements(t, "development")
	file := func() []byte {
		m, err := crisis.Train(some, arbitraries)
		require.NoError(t, err)
		file, err := m.File()
		require.NoError(t, err)
		again, err := crisis.ReadModel(file)
		require.NoError(t, err)
		text := some[0].Text
		require.Equal(t, m.Raise(crisis.Assessment{}, text, arbitrary(text)), again.Raise(crisis.Assessment{}, text, arbitrary(text)))
		return file
	}
	require.Equal(t, file(), file())
}

func TestABrokenModelFileIsNamed(t *testing.T) {
	for _, file := range [][]byte{nil, []byte("nonsense")} {
		_, err := crisis.ReadModel(file)
		require.Error(t, err)
	}
}

// What the model adds to the rules, with the embeddings that it was taught with.
func TestRulesAndModelOnDevelopmentStatements(t *testing.T) {
	encoder, err := embedding.NewBuiltin()
	require.NoError(t, err)
	all := statements(t, "development")
	rules := crisis.Evaluate(all, crisis.Assess)
	both := crisis.Evaluate(all, func(text string) crisis.Assessment { return crisis.Watch(t.Context(), text, encoder) })
	t.Logf("development, rules and model\n%v", both)
	require.Greater(t, both.Explicit.Detected, rules.Explicit.Detected)
	require.Greater(t, both.Implicit.Detected, rules.Implicit.Detected)
	require.LessOrEqual(t, both.Ordinary.Rate(), 0.03)
	require.LessOrEqual(t, both.Hard.Rate(), 0.05)
}
