package truthfilter

import (
	_ "embed"
	"strings"

	"meai/internal/lexicon"
)

// antonymFile has two words to a line; scripts/wordnet-antonyms makes it from WordNet.
//
//go:embed antonyms.txt
var antonymFile string

// moreOpposites are pairs that WordNet lacks.
const moreOpposites = `sad happy
hate like
hated loved
loathe love
dislike love
lost won
failed passed
rejected accepted
left stayed
left kept
worse better
unsafe safe
lonely surrounded
employed jobless
vegetarian carnivore
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

// opposed pairs the terms that two sets do not share with their opposites, each once, and
// counts the pairs.
func opposed(a, b map[string]bool) int {
	pairs, taken := 0, map[string]bool{}
	for term := range a {
		if b[term] {
			continue
		}
		for opposite := range opposites[term] {
			if b[opposite] && !a[opposite] && !taken[opposite] {
				taken[opposite] = true
				pairs++
				break
			}
		}
	}
	return pairs
}
