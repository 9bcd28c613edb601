package truthfilter

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	mirror "meai/activities/mirror/statements"
	filter "meai/activities/truthfilter/statements"
	"meai/internal/lexicon"
)

var update = flag.Bool("update", false, "write generated files anew")

func TestRaritiesAreThoseOfTheStatements(t *testing.T) {
	texts, held := 0, map[string]int{}
	seen := map[string]bool{}
	count := func(columns int, rows [][]string, err error) {
		require.NoError(t, err)
		for _, row := range rows {
			for _, text := range row[:columns] {
				if seen[text] {
					continue
				}
				seen[text] = true
				texts++
				for term := range setOf(lexicon.Terms(text)) {
					held[term]++
				}
			}
		}
	}
	read := func(columns int, read func(mirror.Half, string) ([][]string, error), names ...string) {
		for _, name := range names {
			rows, err := read(mirror.Training, name)
			count(columns, rows, err)
		}
	}
	read(1, mirror.Read, "emotions", "kinds", "needs", "crisis")
	read(1, filter.Read, "safety", "truth")
	read(2, filter.Read, "pairs")
	var b strings.Builder
	fmt.Fprintf(&b, corpusHead+"\n", texts)
	for _, term := range slices.Sorted(maps.Keys(held)) {
		if held[term] >= leastHeld {
			fmt.Fprintln(&b, term, held[term])
		}
	}
	if *update {
		require.NoError(t, os.WriteFile("rarities.txt", []byte(b.String()), 0o644))
		return
	}
	require.Equal(t, rarityFile, b.String(), "go generate writes it anew")
}

func TestARareWordSaysMore(t *testing.T) {
	score := func(asked, text string) float64 {
		return takenUp(lexicon.Terms(asked), lexicon.Terms(text))
	}
	const asked = "my parrot feels ill today"
	require.Greater(t, score(asked, "A parrot needs quiet and warmth."), score(asked, "Many are tired today."))
	require.Zero(t, score(asked, "The bus is late."))
	require.Equal(t, 1.0, score(asked, "Your parrot feels ill today, and you worry about it."))
	require.Zero(t, score("", "The bus is late."))
	require.Equal(t, 1.0, score(asked, strings.Repeat("The bus is late. ", 30)+"Your parrot feels ill today."), "length is no fault")
}
