package reflection

import (
	"cmp"
	"slices"
	"strings"
)

// people are nouns for persons and animals close to somebody.
var people = wordSet(`sister brother mum mom mother mummy mommy mama dad daddy father papa parents parent wife husband partner boyfriend girlfriend
	fiancé fiancée fiance fiancee ex friend friends son daughter kids kid children child baby boy girl twins grandmother grandfather grandma
	grandpa gran granny nan nana granddad grandad grandparents aunt uncle cousin niece nephew roommate roommates flatmate flatmates neighbour neighbor neighbours
	neighbors boss manager colleague colleagues coworker coworkers supervisor team teacher tutor professor coach therapist
	counsellor doctor landlord family stepmother stepfather stepmum stepdad mother-in-law father-in-law sister-in-law brother-in-law
	dog cat puppy kitten horse rabbit pet crush mentor housemate housemates`)

// animals are the pets among them.
var animals = wordSet(`dog cat puppy kitten horse rabbit pet`)

// qualities may stand between "my" and a person.
var qualities = wordSet(`best older younger little big late new old twin elder oldest youngest dear ex former closest good only own middle
	baby grown teenage childhood previous current first whole beloved`)

// PersonNamed returns the first person or pet that a text calls the speaker's
// own.
func PersonNamed(text string) (p Person, found bool) {
	tokens := tokenise(quieted(Clean(text)))
	for i := range tokens {
		np, n := personAt(tokens, i)
		if np == "" || !repeatableAll(tokens[i:i+n]) {
			continue
		}
		p := Person{Who: np, Noun: personNoun(tokens[i : i+n])}
		if last := tokens[i+n-1]; n > 2 && nameLike(last) && !people[last.was] {
			p.Name = last.word
		}
		p.Late = slices.ContainsFunc(tokens[i:i+n], func(t token) bool { return t.was == "late" })
		return p, true
	}
	return Person{}, false
}

// Person is somebody whom a text calls the speaker's own.
type Person struct {
	// Who is the person on the listener's side: "your sister Maya".
	Who string
	// Noun is "sister"; Name is "Maya", or empty.
	Noun, Name string
	// Late: no longer alive, by the speaker's own word.
	Late bool
}

// Short is the name, or Who.
func (p Person) Short() string { return cmp.Or(p.Name, p.Who) }

// personAt reads "my best friend Anna" at i and returns it on the listener's side
// with the number of words it took.
func personAt(tokens []token, i int) (np string, taken int) {
	t := tokens[i]
	if kin[t.was] && t.word != t.was && t.before == "" && (i == 0 || !determiners[tokens[i-1].was]) {
		return "your " + lowered(t.word), 1
	}
	if t.was != "my" && t.was != "our" || t.after != "" {
		return "", 0
	}
	k := i + 1
	for k < len(tokens) && qualities[tokens[k].was] && tokens[k].after == "" && !people[tokens[k].was] {
		k++
	}
	if k >= len(tokens) || !people[noun(tokens[k])] && !(k > i+1 && people[tokens[k-1].was]) {
		return "", 0
	}
	words := []string{"your"}
	for _, word := range tokens[i+1 : k+1] {
		words = append(words, strings.TrimSuffix(lowered(word.word), "'s"))
	}
	if tokens[k].after == "" && !strings.HasSuffix(tokens[k].was, "'s") && k+1 < len(tokens) && nameLike(tokens[k+1]) {
		k++
		words = append(words, tokens[k].word)
	}
	return strings.Join(words, " "), k + 1 - i
}

// nameLike: a capitalised word inside a sentence that is no word of its own.
func nameLike(t token) bool {
	return t.before == "" && t.word != lowered(t.word) && turned[t.was] == "" && !plainStarts[t.was] &&
		!strings.Contains(t.word, "'") && len(t.word) <= mostLetters && !foreign(t)
}

// noun is the word without the possessive: "sister's" is about the sister.
func noun(t token) string { return strings.TrimSuffix(t.was, "'s") }

func personNoun(tokens []token) string {
	for _, t := range tokens {
		if people[noun(t)] {
			return noun(t)
		}
	}
	return ""
}

func repeatableAll(tokens []token) bool {
	for _, t := range tokens {
		if !repeatable(t) {
			return false
		}
	}
	return true
}

// Animal reports whether it is a pet.
func (p Person) Animal() bool { return animals[p.Noun] }

// several are nouns that take the plural.
var several = wordSet(`parents friends kids children twins grandparents roommates flatmates neighbours neighbors colleagues coworkers team family housemates`)

// Several reports whether they are more than one.
func (p Person) Several() bool { return several[p.Noun] }
