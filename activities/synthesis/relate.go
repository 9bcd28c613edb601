package synthesis

import (
	"strings"
	"unicode"

	"meai/activities/mirror/reflection"
	"meai/internal/lexicon"
)

// synonyms bring words for the same person or thing together.
var synonyms = func() map[string]string {
	groups := []string{
		"mother mum mom mummy mommy mama", "father dad daddy papa", "grandmother grandma granny gran nan nana", "grandfather grandpa granddad grandad",
		"flat apartment", "job work", "boss manager", "child kid", "doctor physician gp", "holiday vacation", "exam test",
		"boyfriend girlfriend partner", "husband spouse", "neighbour neighbor", "university uni college",
	}
	byStem := make(map[string]string)
	for _, group := range groups {
		words := strings.Fields(group)
		for _, word := range words {
			byStem[lexicon.Stem(word)] = lexicon.Stem(words[0])
		}
	}
	return byStem
}()

// unspecific words bring no two texts together, as stems; the words for telling
// and remembering among them.
var unspecific = func() map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(`feel felt feeling day days week month year time today tonight tomorrow yesterday morning evening night
		think thought know want need good bad new old people person life start try talk help hard great big little last next long
		remember recall tell told say said mention name ask forget forgot happen ago since finally keep let look find found
		two three one first see really always never again back nice fine sure anymore right left
		moment able seem afraid happy sad happen end begin call`) {
		set[lexicon.Stem(word)] = true
	}
	return set
}()

// contentTerms are the stems that tell what a text is about.
func contentTerms(text string) map[string]bool {
	terms := make(map[string]bool)
	for _, term := range lexicon.Terms(text) {
		if same, found := synonyms[term]; found {
			term = same
		}
		if !unspecific[term] {
			terms[term] = true
		}
	}
	return terms
}

// markedTerms are those of names and of the speaker's people.
func markedTerms(text string) map[string]bool {
	marked := make(map[string]bool)
	if who, found := reflection.PersonNamed(text); found {
		for term := range contentTerms(who.Noun) {
			marked[term] = true
		}
	}
	for _, sentence := range lexicon.Sentences(text) {
		for i, word := range strings.Fields(sentence) {
			bare := strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) })
			if i > 0 && bare != "" && unicode.IsUpper([]rune(bare)[0]) {
				for term := range contentTerms(bare) {
					marked[term] = true
				}
			}
		}
	}
	return marked
}

// overlap counts the terms in common, and those of them that are marked.
func overlap(terms, marked, others map[string]bool) (shared, names int) {
	for term := range terms {
		if others[term] {
			shared++
			if marked[term] {
				names++
			}
		}
	}
	return shared, names
}
