package extraction

import (
	"maps"
	"slices"
	"strings"
)

// slots are those of all forms, with what a fact of each looks like. One slot for each
// object ends with a colon.
var slots = func() map[string]Fact {
	known := map[string]Fact{}
	for _, f := range forms {
		if _, ok := known[f.fact.Slot]; !ok && !f.fact.Ends {
			known[f.fact.Slot] = f.fact
		}
	}
	return known
}()

// Slots are the questions that facts answer, in order.
func Slots() []string { return slices.Sorted(maps.Keys(slots)) }

// Validated makes a fact of what a model has read, or refuses it: the slot has to be known,
// and subject and object have to stand in the text, as words of it.
func Validated(text, subject, slot, object string, ends bool) (Fact, bool) {
	fact, known := slots[slot]
	const mostWords = 4
	switch {
	case !known,
		subject != "" && (!stands(text, subject) || Normal(subject) == ""),
		object == "" && !ends,
		object != "" && (!stands(text, object) || Normal(object) == "" || len(strings.Fields(object)) > mostWords):
		return Fact{}, false
	}
	fact.Subject, fact.Object, fact.Ends, fact.Inferred = subject, object, ends, true
	if strings.HasSuffix(slot, ":") {
		if object == "" {
			return Fact{}, false
		}
		fact.Slot += Normal(object)
	}
	return fact, true
}

// stands reports whether a phrase is in the text, from the beginning of a word to its end.
func stands(text, phrase string) bool {
	return strings.Contains(" "+Normal(text)+" ", " "+Normal(phrase)+" ")
}
