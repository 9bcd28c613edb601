package mirror

import (
	"strings"
	"unicode"

	"meai/internal/lexicon"
)

// undetermined is BCP 47 for a language that cannot be told.
const undetermined = "und"

// piecesOfEnglish is how many pieces of the embedding model's English vocabulary a word
// falls into at most, on average: English 1.0 to 1.5, other languages 1.7 to 3.
const piecesOfEnglish = 1.6

// languageOf is "en" where stop words hold the text together, as they do in nearly any
// English sentence, or where its words are such as the English vocabulary has; texts of
// one or two words in plain letters get the benefit of the doubt. The text has to be in
// plain spelling.
func languageOf(r reading, pieces int) string {
	if lexicon.LatinShare(r.text) < 0.9 {
		return undetermined
	}
	english := 0
	for _, w := range r.words {
		if lexicon.StopWord(w) {
			english++
		}
	}
	if len(r.words) < 3 || english*5 >= len(r.words) || float64(pieces) < piecesOfEnglish*float64(len(r.words)) {
		return "en"
	}
	return undetermined
}

var (
	boosters = map[string]bool{
		"very": true, "so": true, "really": true, "extremely": true, "totally": true, "completely": true, "absolutely": true, "incredibly": true,
		"utterly": true, "deeply": true, "terribly": true, "too": true, "much": true, "always": true, "never": true, "all": true, "constantly": true, "beyond": true,
	}
	dampers = map[string]bool{
		"slightly": true, "somewhat": true, "bit": true, "little": true, "kinda": true, "fairly": true, "rather": true, "mildly": true, "sort": true, "maybe": true, "barely": true, "hardly": true,
	}
)

// intensity moves what the model says by degree words, exclamation marks, capitals and
// letters held down, which examples hold too few of to learn from.
func (r reading) intensity(modelled float64, e *emotion) float64 {
	if e.Label == neutral {
		return min(modelled, 0.3)
	}
	up, down := 0, 0
	for _, w := range r.words {
		if boosters[w] {
			up++
		}
		if dampers[w] {
			down++
		}
	}
	modelled += 0.03*float64(min(up, 3)) - 0.06*float64(min(down, 2))
	modelled += 0.03*float64(min(strings.Count(r.text, "!"), 3)) + r.shouting()
	return min(max(modelled, 0.05), 1)
}

// shouting is a bonus for words in capitals and letters held down.
func (r reading) shouting() float64 {
	bonus := 0.0
	for _, w := range strings.Fields(r.text) {
		if len(w) >= 3 && w == strings.ToUpper(w) && w != strings.ToLower(w) {
			bonus += 0.04
		}
		if held(w) {
			bonus += 0.04
		}
	}
	return min(bonus, 0.12)
}

func held(w string) bool {
	run, last := 1, rune(0)
	for _, c := range w {
		if c == last && unicode.IsLetter(c) {
			if run++; run >= 3 {
				return true
			}
			continue
		}
		run, last = 1, c
	}
	return false
}
