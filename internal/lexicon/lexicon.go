// Package lexicon cuts text into words, sentences and search terms.
//
// Mirror, Memory and TruthFilter share it, so that a word counts as the same
// word wherever it is looked at. It is pure and safe for concurrent use.
//
// The terms feed blinded search indexes: changing what [Terms] returns makes
// stored terms unfindable until they are re-indexed, so [Version] has to grow
// with every such change.
package lexicon

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/sentences"
	"github.com/clipperhouse/uax29/v2/words"
	"github.com/kljensen/snowball/english"
	"golang.org/x/text/unicode/norm"
)

// Version names the rules behind [Terms]; it is stored with blinded terms.
const Version = "english-1"

// Words returns the words of text in order: segments by Unicode word
// boundaries (UAX #29) that hold a letter or digit, in NFKC form, lower case,
// with straight apostrophes. "Don’t!" gives "don't". Invalid UTF-8 is skipped.
func Words(text string) []string {
	text = fold(text)
	found := make([]string, 0, len(text)/5)
	for it := words.FromString(text); it.Next(); {
		if w := it.Value(); speaks(w) {
			found = append(found, w)
		}
	}
	return found
}

// Sentences returns the sentences of text in order, trimmed, as they were
// written. Boundaries are those of UAX #29, except that a title or
// abbreviation such as "Dr." does not end a sentence.
func Sentences(text string) []string {
	var found []string
	open := "" // a piece that ended in an abbreviation and waits for the rest
	for it := sentences.FromString(strings.ToValidUTF8(text, " ")); it.Next(); {
		piece := open + it.Value()
		if open = ""; endsInAbbreviation(piece) {
			open = piece
			continue
		}
		found = appendSentence(found, piece)
	}
	return appendSentence(found, open)
}

// Terms returns the stems of the words that carry meaning, in order and with
// repetitions: no stop words, no possessive "'s", Snowball English stems.
func Terms(text string) []string {
	found := Words(text)
	kept := found[:0]
	for _, w := range found {
		w = strings.TrimSuffix(w, "'s")
		if w == "" || StopWord(w) {
			continue
		}
		kept = append(kept, Stem(w))
	}
	return kept
}

// Stem returns the Snowball English stem of a lower-case word.
func Stem(word string) string {
	return english.Stem(word, true)
}

// StopWord reports whether a lower-case word only holds a sentence together
// and says nothing about its topic.
func StopWord(word string) bool {
	_, found := stopWords[word]
	return found
}

// fold brings text into the form in which words are compared.
func fold(text string) string {
	text = norm.NFKC.String(strings.ToValidUTF8(text, " "))
	return strings.ToLower(apostrophes.Replace(text))
}

var apostrophes = strings.NewReplacer("’", "'", "‘", "'", "ʼ", "'", "`", "'", "´", "'")

func speaks(segment string) bool {
	return strings.ContainsFunc(segment, func(r rune) bool {
		return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
	})
}

func appendSentence(to []string, piece string) []string {
	if piece = strings.TrimSpace(piece); speaks(piece) {
		return append(to, piece)
	}
	return to
}

// endsInAbbreviation reports whether the last word of piece is one that is
// written with a full stop in the middle of a sentence.
func endsInAbbreviation(piece string) bool {
	if strings.HasSuffix(piece, "\n") {
		return false
	}
	last := strings.TrimRight(piece, " \t")
	last = last[strings.LastIndexAny(last, " \t\n(\"")+1:]
	_, found := abbreviations[strings.ToLower(last)]
	return found
}

var abbreviations = setOf("mr. mrs. ms. dr. prof. st. mt. rev. vs. e.g. i.e. approx.")

func setOf(listed string) map[string]struct{} {
	set := make(map[string]struct{})
	for _, w := range strings.Fields(listed) {
		set[w] = struct{}{}
	}
	return set
}

// LatinShare is the share of Latin letters among the letters of text, in [0, 1]; 0 of none.
func LatinShare(text string) float64 {
	letters, latin := 0, 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
			if unicode.Is(unicode.Latin, r) {
				latin++
			}
		}
	}
	return float64(latin) / float64(max(letters, 1))
}
