package truthfilter

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestTheStandardPolicyDecidesEveryCase(t *testing.T) {
	cases, err := Cases()
	require.NoError(t, err)
	for name, f := range filters(t) {
		t.Run(name, func(t *testing.T) {
			seen := 0
			figures, err := f.Evaluate(t.Context(), cases, func() { seen++ }, Standard)
			require.NoError(t, err)
			require.Len(t, cases, seen)
			for _, g := range Groups {
				require.Positive(t, figures[0][g].Of, g)
				require.Equal(t, figures[0][g].Of, figures[0][g].Right, g)
			}
		})
	}
}

// A figure that could not fall would refuse nothing.
func TestEachFigureFallsUnderAPolicyThatDeservesIt(t *testing.T) {
	cases, err := Cases()
	require.NoError(t, err)
	lenient, strict := Standard, Standard
	lenient.Least = Scores{Mean: 0.01, Relevance: 0.01, Honesty: 0.01, Safety: 0.01, Resonance: 0.01}
	strict.Least.Mean = 1
	figures, err := New(nil, Standard).Evaluate(t.Context(), cases, func() {}, Standard, lenient, strict)
	require.NoError(t, err)
	require.Equal(t, []Group{Unsafe, Dishonest, Unfit}, figures[1].WorseThan(figures[0]))
	require.Equal(t, []Group{Good}, figures[2].WorseThan(figures[0]))
	require.Empty(t, figures[0].WorseThan(figures[0]))
}

func TestFaultyCasesAreRefused(t *testing.T) {
	for fault, written := range map[string]string{
		"no moment":   "good:\n  - {moment: away, draft: \"Hello.\"}",
		"field fine":  "fine:\n  - {draft: \"Hello.\"}",
		"cannot unma": "good: 7",
	} {
		_, err := loadDrafts(fstest.MapFS{"d.yaml": {Data: []byte(written)}}, "d.yaml")
		require.ErrorContains(t, err, fault)
		require.ErrorContains(t, err, "d.yaml")
	}
}
