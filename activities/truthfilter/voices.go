package truthfilter

import (
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// A speaker decides who "I" and "you" are.
type speaker bool

const (
	person    speaker = false
	companion speaker = true
)

// voices returns the words of a text with "I" and "you" replaced by the one they
// mean, and the forms of "to be" by one, so that "I am a failure" from the person
// and "you are a failure" to the person are the same words.
func voices(text string, by speaker) []string {
	me, you := "<person>", "<companion>"
	if by == companion {
		me, you = you, me
	}
	var found []string
	for _, w := range lexicon.Words(text) {
		head, tail, _ := strings.Cut(w, "'")
		switch head {
		case "i", "me", "my", "mine", "myself", "im", "ive":
			found = append(found, me)
		case "you", "your", "yours", "yourself", "youre":
			found = append(found, you)
		case "am", "are", "is", "was", "were", "be", "been":
			found = append(found, "be")
		default:
			found = append(found, w)
			continue
		}
		switch tail {
		case "m", "re":
			found = append(found, "be")
		case "ve":
			found = append(found, "have")
		case "ll":
			found = append(found, "will")
		case "d":
			found = append(found, "would")
		}
		if head == "im" || head == "youre" {
			found = append(found, "be")
		}
	}
	return found
}

// gap is how many words of the source a repetition may leave out.
const gap = 3

// within reports whether part occurs in source in order, with at most [gap] words
// left out between its first and its last.
func within(part, source []string) bool {
	part, source = content(part), content(source)
	if len(part) == 0 {
		return false
	}
	for start := range source {
		i := 0
		for j := start; j < len(source) && j < start+len(part)+gap; j++ {
			if source[j] == part[i] {
				if i++; i == len(part) {
					return true
				}
			}
		}
	}
	return false
}

// content leaves out what differs between "I feel like an idiot" and "you are an
// idiot" without making a difference.
func content(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool {
		return w == "be" || w == "a" || w == "an" || w == "the"
	})
}
