package patterns

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"meai/internal/lexicon"
)

const (
	// A word is a theme that was used so often, and so often as a thing is spoken of.
	leastUsed    = 3
	leastAsThing = 2
	// thingShare is the share of its uses in which it has to stand as a thing stands. Most
	// uses stand in longer phrases, of which nothing is concluded.
	thingShare = 0.2
)

// Themes learns from a person's own words what they speak of: words that stand alone
// after "the", "my" or "about" are things, whatever else they may be. No list of
// nouns is needed, and none that is nobody's topic is taken.
type Themes struct {
	// ignored are stems that are no theme: names, and words for feelings.
	ignored map[string]bool
	words   map[string]*usage
}

// usage counts how a stem was used.
type usage struct {
	times, asThing, withArticle int
	forms                       map[string]int
}

// NewThemes returns an empty collection that leaves out some stems.
func NewThemes(ignored map[string]bool) *Themes {
	return &Themes{ignored: ignored, words: make(map[string]*usage)}
}

// Read takes up a text and returns the stems in it that may be themes, each once.
func (c *Themes) Read(text string) []string {
	var found []string
	for _, sentence := range lexicon.Sentences(text) {
		for _, clause := range strings.FieldsFunc(sentence, endsClause) {
			found = c.readClause(lexicon.Words(clause), found)
		}
	}
	return found
}

func endsClause(r rune) bool { return strings.ContainsRune(",;:!?()\"“”—–", r) }

func (c *Themes) readClause(words, found []string) []string {
	for i, w := range words {
		stem := lexicon.Stem(strings.TrimSuffix(w, "'s"))
		if !c.mayBe(w, stem) {
			continue
		}
		u := c.words[stem]
		if u == nil {
			u = &usage{forms: make(map[string]int)}
			c.words[stem] = u
		}
		u.times++
		if before := lead(words, i); before != "" && (i+1 == len(words) || lexicon.StopWord(words[i+1])) {
			u.asThing++
			u.forms[w]++
			if determiners[before] {
				u.withArticle++
			}
		}
		if !slices.Contains(found, stem) {
			found = append(found, stem)
		}
	}
	return found
}

func lead(words []string, i int) string {
	if i > 0 && (determiners[words[i-1]] || prepositions[words[i-1]]) {
		return words[i-1]
	}
	return ""
}

func (c *Themes) mayBe(word, stem string) bool {
	const shortest = 3
	return len(word) >= shortest && !lexicon.StopWord(word) && !c.ignored[stem] && !noThemes[word] &&
		!strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) })
}

// Words are the themes among all that was read, by stem, as they are spoken of: "the
// move", "work".
func (c *Themes) Words() map[string]string {
	spoken := make(map[string]string)
	for stem, u := range c.words {
		if u.times < leastUsed || u.asThing < leastAsThing || float64(u.asThing) < thingShare*float64(u.times) {
			continue
		}
		form := ""
		for _, f := range slices.Sorted(maps.Keys(u.forms)) {
			if form == "" || u.forms[f] > u.forms[form] {
				form = f
			}
		}
		if 2*u.withArticle > u.asThing {
			form = "the " + form
		}
		spoken[stem] = form
	}
	return spoken
}

var (
	determiners  = setOf("the my our a an this that his her their your")
	prepositions = setOf("about at for of with from in into after before during without")
	// noThemes stand as things do, and are only times, measures and fillers.
	noThemes = setOf(`time times day days week weeks weekend weekends month months year years hour hours minute minutes moment night nights morning mornings
		evening evenings afternoon today tomorrow yesterday tonight monday tuesday wednesday thursday friday saturday sunday january february march april
		may june july august september october november december winter spring summer autumn fall
		thing things way lot bit end start beginning rest kind sort part side point place people person man woman guy men women girl boy one ones two three four five
		six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand third fourth front back left middle top bottom edge whole small big little
		cold dark number name names word words line list keep least last first second next best worst most half long while ages course fact general case reason end example feeling feelings feel mood
		anything everything nothing something someone everyone anyone nobody somebody good bad new old same right wrong`)
)

func setOf(listed string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsSeq(listed) {
		set[w] = true
	}
	return set
}
