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
		rules := crisis.Look(s.Text)
		both := crisis.Watch(s.Text, judge(arbitrary))
		require.Empty(t, both.Suspected)
		require.GreaterOrEqual(t, slices.Index(severities, both.Severity), slices.Index(severities, rules.Severity), s.Text)
		if rules.NeedsSafeAnswer() {
			require.Subset(t, both.Kinds, rules.Kinds)
		}
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

// TestWhatIsSuspectedIsForTheModelToDecide, and for the rules where there is none.
func TestWhatIsSuspectedIsForTheModelToDecide(t *testing.T) {
	const text = "I overdosed an hour ago and now I am getting scared, please help me, my mother is asleep in the next room"
	look := crisis.Look(text)
	require.Equal(t, crisis.Concern, look.Severity)
	require.Equal(t, crisis.Imminent, look.Suspected)
	require.Equal(t, crisis.Imminent, crisis.Assess(text).Severity)
	require.Equal(t, crisis.Imminent, crisis.Watch(text, nil).Severity)
	calm := judge(func(string) []float32 { return []float32{-9, -9, -9, -9, -9, -9, -9, -9, -9} })
	require.Equal(t, crisis.Concern, crisis.Watch(text, calm).Severity)
}

// TestTheModelSaysWhatTheDangerIs of danger that it finds itself: a doubtful rule's word
// for it would bring the wrong help.
func TestTheModelSaysWhatTheDangerIs(t *testing.T) {
	const text = "I overdosed on cat videos all weekend and then he came home early and it began again, as always, in the hall"
	require.ElementsMatch(t, []crisis.Kind{crisis.MedicalEmergency, crisis.Suicide}, crisis.Look(text).Kinds)
	abuse := judge(func(string) []float32 { return []float32{9, 9, 9, -9, -9, -9, 9, -9, -9} })
	require.Equal(t, []crisis.Kind{crisis.Abuse}, crisis.Watch(text, abuse).Kinds)
}

func TestALongTextIsJudgedAsAWholeAndInPassages(t *testing.T) {
	var seen []string
	remembers := judge(func(passage string) []float32 { seen = append(seen, passage); return nil })
	crisis.Watch("One short sentence. And another.", remembers)
	require.Equal(t, []string{"One short sentence. And another."}, seen)

	for name, long := range map[string]string{
		"sentences": strings.Repeat("We walked to the market and bought some apples for the cake. ", 120),
		"lines":     strings.Repeat("we walked to the market\nand bought some apples for the cake\n", 120),
		"no end":    strings.Repeat("we walked to the market and bought some apples for the cake ", 120),
	} {
		seen = nil
		crisis.Watch(long+"and counted the camels", remembers)
		require.Equal(t, long+"and counted the camels", seen[0], name)
		require.Greater(t, len(seen), 20, name)
		require.Contains(t, seen[1], "counted the camels", name)
		for _, passage := range seen[1:] {
			require.LessOrEqual(t, len(strings.Fields(passage)), 60, name)
		}
	}
}
