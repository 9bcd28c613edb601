package reflection

import (
	"slices"

	"meai/internal/lexicon"
)

// Wish returns what a person wants help with, to follow "to": of "anything I can
// try to calm down before a talk?" it is "calm down before a talk". It reports
// false when the words do not say so, or not in a form that can be given back.
func Wish(text string) (string, bool) {
	for _, sentence := range lexicon.Sentences(quieted(Clean(text))) {
		words := tokenise(sentence)
		from := wishStart(words)
		if from == 0 || len(words)-from < 2 || len(words)-from > 14 {
			continue
		}
		shifted, ok := shift(words[from:])
		if !ok || len(shifted) < 2 || slices.ContainsFunc(shifted, foreign) {
			continue
		}
		shifted[0].word = lowered(shifted[0].word)
		shifted[len(shifted)-1].after = ""
		return join(shifted), true
	}
	return "", false
}

// remedies are what a person asks for, to do something with.
var remedies = wordSet(`try do way ways something anything exercise exercises technique techniques tips tip advice how idea ideas strategy strategies tools tool resources`)

// wishStart is where the verb of the wish stands, 0 if there is none.
func wishStart(words []token) int {
	remedy := false
	for i, t := range words {
		remedy = remedy || remedies[t.was]
		switch {
		case i+1 >= len(words) || t.after != "":
		case t.was == "to" && remedy && wishable(words[i+1]):
			return i + 1
		case t.was == "me" && i > 0 && (words[i-1].was == "help" || words[i-1].was == "helps") && wishable(words[i+1]):
			return i + 1
		case t.was == "i" && i > 1 && words[0].was == "how" && (words[i-1].was == "do" || words[i-1].was == "can" || words[i-1].was == "could") && wishable(words[i+1]):
			return i + 1
		}
	}
	return 0
}

func wishable(t token) bool {
	return !pronouns[t.was] && turned[t.was] == "" && t.was != "with" && (!lexicon.StopWord(t.was) || t.was == "get" || t.was == "let" || t.was == "stop")
}
