package crisis_test

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
)

var severities = crisis.Severities()

// judge is a model that a test makes up.
type judge func(passage string) []float32

func (j judge) Danger(passage string) []float32 { return j(passage) }

// arbitrary odds depend on nothing but the text.
func arbitrary(text string) []float32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	odds := make([]float32, len(crisis.Labels()))
	for i := range odds {
		odds[i] = float32(r.NormFloat64() * 4)
	}
	return odds
}

func TestTheModelRaisesAndNeverLowers(t *testing.T) {
	raised := 0
	for _, s := range statements(t, "development") {
		rules := crisis.Assess(s.Text)
		both := crisis.Watch(s.Text, judge(arbitrary))
		require.GreaterOrEqual(t, slices.Index(severities, both.Severity), slices.Index(severities, rules.Severity), s.Text)
		require.Subset(t, both.Kinds, rules.Kinds)
		require.Subset(t, both.Rules, rules.Rules)
		require.Equal(t, both.Severity != rules.Severity, slices.Contains(both.Rules, crisis.ModelRule))
		if both.Severity != rules.Severity {
			require.Equal(t, both.NeedsSafeAnswer() || len(rules.Kinds) > 0, len(both.Kinds) > 0)
			raised++
		}
	}
	require.Positive(t, raised)
}

// TestEachSeverityNeedsTheOneBefore: how grave it is says nothing of what is no danger.
func TestEachSeverityNeedsTheOneBefore(t *testing.T) {
	const yes, no = 9, -9
	for _, c := range []struct {
		concern, danger, grave, imminent float32
		want                             crisis.Severity
	}{
		{no, no, yes, yes, crisis.None}, {yes, no, yes, yes, crisis.Concern}, {yes, yes, no, yes, crisis.Implicit},
		{yes, yes, yes, no, crisis.Explicit}, {yes, yes, yes, yes, crisis.Imminent}, {no, yes, yes, no, crisis.Explicit},
	} {
		odds := []float32{c.concern, c.danger, c.grave, c.imminent, no, no, yes, no, no}
		got := crisis.Watch("we counted camels", judge(func(string) []float32 { return odds }))
		require.Equal(t, c.want, got.Severity)
		if got.NeedsSafeAnswer() {
			require.Equal(t, []crisis.Kind{crisis.Abuse}, got.Kinds)
		}
	}
}

func TestWithoutAModelTheRulesDecideAlone(t *testing.T) {
	silent := judge(func(string) []float32 { return nil })
	for _, s := range statements(t, "development") {
		require.Equal(t, crisis.Assess(s.Text), crisis.Watch(s.Text, nil))
		require.Equal(t, crisis.Assess(s.Text), crisis.Watch(s.Text, silent))
	}
}

func TestALongTextIsJudgedAsAWholeAndInPassages(t *testing.T) {
	var seen []string
	remembers := judge(func(passage string) []float32 { seen = append(seen, passage); return nil })
	crisis.Watch("One short sentence. And another.", remembers)
	require.Equal(t, []string{"One short sentence. And another."}, seen)

	seen = nil
	long := strings.Repeat("We walked to the market and bought some apples for the cake. ", 12)
	crisis.Watch(long, remembers)
	require.Equal(t, long, seen[0])
	require.Greater(t, len(seen), 3)
	require.Equal(t, long, strings.Join(seen[1:], ""))

	seen = nil
	crisis.Watch(strings.Repeat(long, 10), remembers)
	require.LessOrEqual(t, len(seen), 9)
}
