package truthfilter

import (
	_ "embed"
	"maps"
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// antonymFile has two words to a line; scripts/wordnet-antonyms makes it from WordNet.
//
//go:embed antonyms.txt
var antonymFile string

// moreOpposites are pairs that WordNet lacks.
const moreOpposites = `loathe love
left stayed
left kept
unsafe safe
`

// opposites are the stems that a stem is the opposite of.
var opposites = func() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	put := func(one, other string) {
		if all[one] == nil {
			all[one] = map[string]bool{}
		}
		all[one][other] = true
	}
	for line := range strings.Lines(antonymFile + moreOpposites) {
		one, other, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		if one, other = lexicon.Stem(one), lexicon.Stem(other); one != other {
			put(one, other)
			put(other, one)
		}
	}
	return all
}()

// opposed counts the terms of one set in whose place the other one has their opposite.
func opposed(a, b map[string]bool) int {
	taken := map[string]bool{}
	for _, term := range slices.Sorted(maps.Keys(a)) {
		for _, opposite := range slices.Sorted(maps.Keys(opposites[term])) {
			if !b[term] && b[opposite] && !a[opposite] && !taken[opposite] {
				taken[opposite] = true
				break
			}
		}
	}
	return len(taken)
}
