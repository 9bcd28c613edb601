package crisis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
	written "meai/activities/mirror/statements"
)

func statements(t testing.TB, set string) []crisis.Statement {
	t.Helper()
	rows, err := written.Read(written.Half(set), "crisis")
	require.NoError(t, err)
	all, err := crisis.Statements(rows)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// bounds are what the rules reach on the statements, a little beside the figures that
// they were left with, so that a change that costs recall is seen: at a first look, and
// alone. Most statements were written after the rules: what they say in words that no rule
// knows is the model's to find.
var bounds = []struct {
	set                                string
	assess                             func(string) crisis.Assessment
	explicit, implicit, ordinary, hard float64
}{
	{"training", crisis.Look, 0.30, 0.05, 0.02, 0.035},
	{"training", crisis.Assess, 0.45, 0.10, 0.03, 0.068},
	{"development", crisis.Look, 0.50, 0.2, 0.01, 0.025},
	{"development", crisis.Assess, 0.74, 0.34, 0.01, 0.05},
}

func TestRulesOnStatements(t *testing.T) {
	for i, bound := range bounds {
		r := crisis.Evaluate(statements(t, bound.set), bound.assess)
		t.Logf("%d, %s, rules\n%v", i, bound.set, r)
		require.GreaterOrEqual(t, r.Explicit.Rate(), bound.explicit, i)
		require.GreaterOrEqual(t, r.Implicit.Rate(), bound.implicit, i)
		require.LessOrEqual(t, r.Ordinary.Rate(), bound.ordinary, i)
		require.LessOrEqual(t, r.Hard.Rate(), bound.hard, i)
	}
}

// The statements that teach emotions, needs and kinds of message are about lives that
// are seldom in danger: what fires there is looked at one by one.
func TestFewAlarmsOnOtherStatements(t *testing.T) {
	for _, name := range []string{"emotions", "needs", "kinds"} {
		rows, err := written.Read(written.Training, name)
		require.NoError(t, err)
		alarms := 0
		for _, row := range rows {
			if crisis.Assess(row[0]).NeedsSafeAnswer() {
				alarms++
			}
		}
		t.Logf("%s: %d alarms on %d statements", name, alarms, len(rows))
		require.Less(t, float64(alarms)/float64(len(rows)), 0.015, name)
	}
}
