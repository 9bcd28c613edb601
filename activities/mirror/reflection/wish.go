package reflection

import (
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// Wish returns what a person looks for help with, to follow "something": of
// "anything I can try to calm down before a talk?" it is "to calm down before a
// talk". It reports false when the words do not say so, or not in a form that can
// be given back.
func Wish(text string) (string, bool) {
	for _, sentence := range lexicon.Sentences(quieted(Clean(text))) {
		words := tokenise(sentence)
		lead, from := wishStart(words)
		if from == 0 || len(words)-from < 1 || len(words)-from > 14 {
			continue
		}
		shifted, ok := shift(words[from:])
		if !ok || len(shifted) == 0 || slices.ContainsFunc(shifted, foreign) {
			continue
		}
		shifted[0].word = lowered(shifted[0].word)
		shifted[len(shifted)-1].after = ""
		return lead + " " + join(shifted), true
	}
	return "", false
}

var (
	// remedies are what a person asks for, to do something with.
	remedies = wordSet(`try do way ways something anything exercise exercises technique techniques tips tip advice how idea ideas strategy strategies
		tools tool resources book recommend suggest suggestions recommendations`)
	// circumstances follow "what can I do".
	circumstances = wordSet(`when if about before after against with during`)
)

// wishStart is where the wish stands and what leads to it; 0 if there is none.
func wishStart(words []token) (lead string, from int) {
	remedy := false
	for i, t := range words {
		remedy = remedy || remedies[t.was]
		if i+1 >= len(words) || t.after != "" {
			continue
		}
		next := words[i+1]
		switch {
		case t.was == "me" && i > 0 && strings.HasPrefix(words[i-1].was, "help") && wishable(next):
			return "to", i + 1
		case t.was == "me" && i > 0 && strings.HasPrefix(words[i-1].was, "help") && next.was == "with":
			return "for", i + 2
		case t.was == "to" && remedy && wishable(next) && next.was != "help":
			return "to", i + 1
		case t.was == "for" && remedy && wishable(next):
			return "for", i + 1
		case t.was == "do" && i > 1 && words[i-1].was == "i" && circumstances[next.was]:
			return "to do", i + 1
		case t.was == "i" && i > 1 && words[0].was == "how" && (words[i-1].was == "do" || words[i-1].was == "can" || words[i-1].was == "could") && wishable(next):
			return "to", i + 1
		}
	}
	return "", 0
}

func wishable(t token) bool {
	return !pronouns[t.was] && turned[t.was] == "" && (!lexicon.StopWord(t.was) || t.was == "get" || t.was == "let" || t.was == "stop" || t.was == "a")
}
