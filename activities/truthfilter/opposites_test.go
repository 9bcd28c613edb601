package truthfilter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/lexicon"
)

// TestMoreOppositesAddSomething: what the file holds, or no clause can, says nothing more.
func TestMoreOppositesAddSomething(t *testing.T) {
	known := map[string]bool{}
	for line := range strings.Lines(antonymFile) {
		if one, other, found := strings.Cut(strings.TrimSpace(line), " "); found && !strings.HasPrefix(line, "#") {
			known[lexicon.Stem(one)+" "+lexicon.Stem(other)] = true
		}
	}
	require.Greater(t, len(known), 2000)
	for line := range strings.Lines(moreOpposites) {
		words := strings.Fields(line)
		require.Len(t, words, 2)
		one, other := lexicon.Stem(words[0]), lexicon.Stem(words[1])
		require.False(t, known[one+" "+other] || known[other+" "+one], line)
		require.False(t, lexicon.StopWord(words[0]) || lexicon.StopWord(words[1]), line)
		require.True(t, opposites[one][other] && opposites[other][one], line)
	}
}

func TestOpposedWordsAreCountedOnce(t *testing.T) {
	set := func(words string) map[string]bool { return setOf(lexicon.Terms(words)) }
	for range 20 { // whatever the order of the maps
		require.Equal(t, 1, opposed(set("happy child"), set("sad child")))
		require.Equal(t, 2, opposed(set("early open"), set("late closed")))
		require.Zero(t, opposed(set("early late"), set("late early")))
	}
}
