package reflection

import (
	"strings"

	"meai/internal/lexicon"
)

const (
	fewestWords = 3
	mostWords   = 26
)

// Salient returns the clause of a text that says most about the speaker, turned
// to the listener's side, without end punctuation; false when no clause of the
// text can be given back safely.
func Salient(text string) (string, bool) {
	best, bestScore := "", 0
	for _, sentence := range lexicon.Sentences(Clean(text)) {
		sentence = strings.TrimRight(sentence, ".!… ")
		words := len(strings.Fields(sentence))
		if words < fewestWords || words > mostWords || strings.HasSuffix(sentence, "?") {
			continue
		}
		clause, ok := Shift(sentence)
		if score := weight(sentence); ok && score > bestScore {
			best, bestScore = clause, score
		}
	}
	return best, bestScore > 0
}

// weight grows with what a sentence tells about the speaker.
func weight(sentence string) int {
	score := 1 + min(len(lexicon.Terms(sentence)), 6)
	for _, word := range lexicon.Words(sentence) {
		if _, own := turned[word]; own {
			score += 2
		}
	}
	return score
}
