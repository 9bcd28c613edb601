package truthfilter

import (
	_ "embed"
	"fmt"
	"strings"

	"meai/internal/lexicon"
)

//go:generate go test -vet=off -count=1 -run ^TestRaritiesAreThoseOfTheStatements$ . -update

// rarities says in how many of the project's texts each term is; see [corpus].
//
//go:embed rarities.txt
var rarityFile string

// corpus is what makes a word rare: how many texts there are, and in how many a term is.
// Terms of few texts are left out.
type corpus struct {
	texts int
	held  map[string]int
}

// leastHeld is the least number of texts that a term of the file is in.
const leastHeld = 20

var ordinaryTexts = func() corpus {
	c, err := readCorpus(rarityFile)
	if err != nil { // it is part of the program
		panic(err)
	}
	return c
}()

func readCorpus(file string) (corpus, error) {
	head, rest, _ := strings.Cut(file, "\n")
	c := corpus{held: map[string]int{}}
	if _, err := fmt.Sscanf(head, corpusHead, &c.texts); err != nil {
		return corpus{}, fmt.Errorf("rarities: %w", err)
	}
	for line := range strings.Lines(rest) {
		var term string
		var n int
		if _, err := fmt.Sscan(line, &term, &n); err != nil {
			return corpus{}, fmt.Errorf("rarities: %w", err)
		}
		c.held[term] = n
	}
	return c, nil
}

// corpusHead is the first line of the file.
const corpusHead = "# Generated: %d texts."

// rarity is that of a term; see [lexicon.Rarity].
func (c corpus) rarity(term string) float64 {
	held, found := c.held[term]
	if !found {
		held = leastHeld / 2
	}
	return lexicon.Rarity(float64(held), float64(c.texts))
}

// bm25 scores a text for distinct terms that were asked for (Robertson and Zaragoza, 2009):
// with early saturation, which suits short texts, and regardless of length, for a longer
// answer is none the worse.
func (c corpus) bm25(asked, text []string) float64 {
	const saturation = 0.9
	counts := map[string]float64{}
	for _, term := range text {
		counts[term]++
	}
	score := 0.0
	for _, term := range asked {
		n := counts[term]
		score += c.rarity(term) * n * (saturation + 1) / (n + saturation)
	}
	return score
}
