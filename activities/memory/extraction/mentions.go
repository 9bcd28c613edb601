// Package extraction reads what a message says of people, places and things: whom it
// mentions, what it states to hold or to hold no longer, and when. It goes by words and
// their order alone, is pure, and finds the same in the same text for ever.
package extraction

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"meai/internal/lexicon"
)

// mostMentions bounds the entities of one text.
const mostMentions = 12

// Mention is somebody or something that a text speaks of.
type Mention struct {
	// Name as it was written, without a possessive ending.
	Name string
	// Kin is the relation that the text names with it: "sister" in "my sister Maya".
	Kin string
	// Doubtful: it stands where any word is capitalised, so it counts only if the
	// person has used the name before.
	Doubtful bool
	// Type is what it is, as far as the words around it say; "" where they don't.
	Type Type
}

// Mentions finds names, relations and activities in text, in order, each once. It goes by
// capital letters and a list of relations; it guesses no gender, role or kind.
func Mentions(text string) []Mention {
	var found []Mention
	for _, sentence := range lexicon.Sentences(text) {
		tokens := tokensOf(sentence)
		found = append(found, mentionsInSentence(tokens)...)
		found = append(found, activitiesIn(tokens)...)
	}
	return distinct(found)
}

// token is one word of a sentence as it was written.
type token struct {
	word, lower string
	// opens: it begins quoted or announced speech, where any word is capitalised.
	opens bool
	// ends: punctuation follows.
	ends    bool
	capital bool
}

func tokensOf(sentence string) []token {
	var tokens []token
	announced := false
	for field := range strings.FieldsSeq(sentence) {
		word := strings.TrimFunc(field, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if word == "" {
			if len(tokens) > 0 {
				tokens[len(tokens)-1].ends = true
			}
			continue
		}
		start := strings.Index(field, word)
		initial, _ := utf8.DecodeRuneInString(word)
		tokens = append(tokens, token{
			word: word, lower: strings.ToLower(strings.ReplaceAll(word, "’", "'")),
			opens: announced || strings.ContainsAny(field[:start], "\"'“‘«„"), ends: start+len(word) < len(field),
			capital: unicode.IsUpper(initial),
		})
		announced = strings.HasSuffix(field, ":")
	}
	if shouted(tokens) {
		return nil
	}
	return tokens
}

// shouted: capital letters say nothing in a sentence that has only those.
func shouted(tokens []token) bool {
	loud := 0
	for _, t := range tokens {
		if len(t.word) > 1 && strings.ToUpper(t.word) == t.word {
			loud++
		}
	}
	return loud > 2 && loud*2 > len(tokens)
}

func mentionsInSentence(tokens []token) []Mention {
	var found []Mention
	for i := 0; i < len(tokens); i++ {
		if kin, ok := relationAt(tokens, i); ok {
			found = append(found, Mention{Name: kin, Type: kinType(kin)})
			if name, last := nameAt(tokens, i+1); name != "" && last > i {
				found = append(found, Mention{Name: name, Kin: kin, Type: kinType(kin)})
				i = last
			}
			continue
		}
		name, last := nameAt(tokens, i)
		if name == "" {
			continue
		}
		found = append(found, Mention{Name: name, Doubtful: i == 0 && last == 0 && !possessive(tokens[0]), Type: typeAt(tokens, i, last)})
		i = last
	}
	return found
}

// relationAt recognises "my sister", "our older brother", "my best friend".
func relationAt(tokens []token, i int) (string, bool) {
	kin, ok := relations[strings.TrimSuffix(tokens[i].lower, "'s")]
	if !ok {
		return "", false
	}
	const reach = 2 // an adjective may stand between
	for back := i - 1; back >= 0 && back >= i-reach; back-- {
		if tokens[back].ends {
			return "", false
		}
		if owner := tokens[back].lower; owner == "my" || owner == "our" {
			return kin, true
		}
	}
	return "", false
}

// nameAt reads a run of capitalised words that begins at i, and gives the index
// of its last word.
func nameAt(tokens []token, i int) (string, int) {
	const longest = 3
	var words []string
	last := i
	for ; i < len(tokens) && len(words) < longest; i++ {
		t := tokens[i]
		if _, title := titles[t.lower]; title && len(words) == 0 {
			continue
		}
		if !namelike(t) || (t.opens && i > 0) {
			break
		}
		words = append(words, bare(t.word))
		last = i
		if t.ends || possessive(t) {
			break
		}
	}
	return strings.Join(words, " "), last
}

func namelike(t token) bool {
	if !t.capital || len([]rune(t.word)) < 2 {
		return false
	}
	plain := strings.TrimSuffix(t.lower, "'s")
	if _, common := neverNames[plain]; common {
		return false
	}
	return !lexicon.StopWord(plain) && !lexicon.StopWord(t.lower) && !strings.HasPrefix(t.lower, "i'")
}

func possessive(t token) bool { return strings.HasSuffix(t.lower, "'s") }

func bare(word string) string {
	return strings.TrimSuffix(strings.TrimSuffix(word, "'s"), "’s")
}

// distinct keeps the first mention of each name. What is doubtful in one place
// and certain in another is certain. "Grandma" as a name is the person's grandmother.
func distinct(found []Mention) []Mention {
	at := make(map[string]int)
	var kept []Mention
	for _, m := range found {
		key := Normal(m.Name)
		if key == "" {
			continue
		}
		if kin, ok := relations[key]; ok {
			m.Name, key = kin, kin
		}
		if i, seen := at[key]; seen {
			kept[i].Doubtful = kept[i].Doubtful && m.Doubtful
			if kept[i].Kin == "" {
				kept[i].Kin = m.Kin
			}
			if kept[i].Type == "" {
				kept[i].Type = m.Type
			}
			continue
		}
		if len(kept) == mostMentions {
			continue
		}
		at[key] = len(kept)
		kept = append(kept, m)
	}
	return kept
}

// relations maps the words for those close to a person to one word each.
var relations = table(`mother=mother mum=mother mom=mother mummy=mother mommy=mother mam=mother
	father=father dad=father daddy=father papa=father parents=parents
	sister=sister brother=brother twin=twin siblings=siblings son=son daughter=daughter child=child kid=child kids=children children=children baby=baby
	wife=wife husband=husband spouse=spouse partner=partner fiance=fiance fiancé=fiance fiancee=fiance fiancée=fiance
	boyfriend=boyfriend girlfriend=girlfriend ex=ex friend=friend friends=friends roommate=flatmate flatmate=flatmate
	grandmother=grandmother grandma=grandmother gran=grandmother nan=grandmother granny=grandmother
	grandfather=grandfather grandpa=grandfather grandad=grandfather granddad=grandfather
	aunt=aunt auntie=aunt uncle=uncle cousin=cousin niece=niece nephew=nephew
	boss=boss manager=boss supervisor=boss colleague=colleague coworker=colleague colleagues=colleagues team=team
	teacher=teacher professor=professor therapist=therapist counsellor=therapist counselor=therapist doctor=doctor
	neighbour=neighbour neighbor=neighbour landlord=landlord dog=dog cat=cat`)

var titles = table("mr mrs ms miss dr prof professor doctor uncle aunt auntie")

// neverNames are capitalised in English without naming anybody.
var neverNames = table(`monday tuesday wednesday thursday friday saturday sunday
	january february march april june july august september october november december
	ok okay yes no hi hello hey thanks please sorry god oh well today tomorrow yesterday`)

// table reads words, each alone or as word=meaning.
func table(listed string) map[string]string {
	entries := make(map[string]string)
	for entry := range strings.FieldsSeq(listed) {
		word, meaning, _ := strings.Cut(entry, "=")
		entries[word] = meaning
	}
	return entries
}
