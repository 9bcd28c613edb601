package truthfilter

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Whether a sentence is on topic is left out here: each has to be kept back, or
// let through, for what it says.
func TestSingleSentences(t *testing.T) {
	cases, err := Cases()
	require.NoError(t, err)
	f := New(nil, Standard)
	f.policy.Least.Relevance = 0
	bad, good := 0, 0
	for _, c := range cases {
		if !c.Alone {
			continue
		}
		j := f.Review(t.Context(), c.ReviewInput)
		if c.Group == Good {
			good++
			require.Equal(t, Pass, j.Verdict, "%s\n%+v", c.Draft, j)
		} else {
			bad++
			require.NotEqual(t, Pass, j.Verdict, c.Draft)
		}
	}
	require.Greater(t, bad, 200)
	require.Greater(t, good, 100)
}
