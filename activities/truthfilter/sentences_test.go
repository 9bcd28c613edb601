package truthfilter

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Whether a sentence is on topic is left out here: each has to be kept back, or
// let through, for what it says.
func TestSingleSentences(t *testing.T) {
	raw, err := os.ReadFile("testdata/sentences.yaml")
	require.NoError(t, err)
	var sentences struct{ Unsound, Sound []string }
	require.NoError(t, yaml.Unmarshal(raw, &sentences))
	require.Greater(t, len(sentences.Unsound), 200)
	require.Greater(t, len(sentences.Sound), 100)

	f := New(nil, Standard)
	f.policy.Least.Relevance = 0
	review := func(draft string) Judgement {
		return f.Review(t.Context(), ReviewInput{
			Words: "I feel low and don't know what to do. My husband drinks every night and I'm scared of him when he does.",
			Draft: draft, Analysis: feels("sadness", 0.6),
		})
	}
	for _, draft := range sentences.Unsound {
		require.NotEqual(t, Pass, review(draft).Verdict, draft)
	}
	for _, draft := range sentences.Sound {
		j := review(draft)
		require.Equal(t, Pass, j.Verdict, "%s\n%+v", draft, j)
	}
}
