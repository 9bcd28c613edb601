package synthesis

import (
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// Mirror's confidence is the share of its primary emotion among 24; an even
// spread would give 0.04. A feeling is named from confident on, from likely on
// when the valence agrees with it, and against the valence only from certain on.
const (
	likely    = 0.18
	confident = 0.2
	certain   = 0.4
)

// feel decides which feeling to speak of, and whether by its name: a feeling that
// a person doesn't have hurts more than one left unnamed.
func (c *composition) feel() {
	a := c.in.Analysis
	if a == nil {
		c.feeling = unnamed(0)
		c.soften()
		return
	}
	c.feeling, c.strength = feelingOf(a.Primary, a.Valence), strengthOf(a)
	named := c.feeling.namedBy(c.lexicon)
	inSoManyWords := feeling{said: c.feeling.said}
	if opposed := c.feeling.opposed(c.lexicon); len(opposed) > 0 && !c.asksForHelp() {
		if inSoManyWords.namedBy(c.lexicon) {
			c.opposed = opposed
		} else {
			c.feeling, named = opposed[0], true // the person's own word counts
		}
	}
	if c.sure = c.convinced(named); !c.sure {
		c.soften()
	}
}

// convinced weighs what speaks for the feeling that was read.
func (c *composition) convinced(named bool) bool {
	a, family := c.in.Analysis, c.feeling.family
	switch {
	case family == plain:
		return !c.hard() && !c.glad()
	case family.light() && (c.hard() || len(c.opposed) == 0 && c.denied()):
		return false
	case family.dark() && c.asks() && a.Valence > 0.1:
		return false // often about somebody else
	case family == open && c.feeling.noun != "confusion" && c.hard():
		return false
	case named:
		return true
	case family.light():
		return a.Confidence >= confident && a.Valence >= 0.2
	case family.dark() && a.Valence > 0.2:
		return a.Confidence >= certain
	case family.dark() && (a.Valence <= -0.4 || c.hard()):
		return a.Confidence >= likely
	default:
		return a.Confidence >= confident
	}
}

// soften speaks of no feeling by its name, only of whether it is hard or good.
func (c *composition) soften() {
	a := c.in.Analysis
	switch {
	case c.hard(), a != nil && c.feeling.family.dark() && a.Valence <= -0.4:
		c.feeling, c.sure = unnamed(-1), true
	case c.glad():
		c.feeling, c.sure = unnamed(1), true
	case c.feeling.family.dark():
		c.feeling, c.sure = unread(), true
	default:
		c.feeling = unnamed(0)
	}
}

// hard: the words tell of loss, hurt or a verdict, whatever Mirror read.
func (c *composition) hard() bool {
	return len(c.clauses) > 0 && c.clauses[0].Judges ||
		slices.ContainsFunc(c.lexicon, func(word string) bool { return slices.Contains(hardStems, lexicon.Stem(word)) }) ||
		c.says(hardPhrases)
}

// denied: the words name the feeling only to say that it is gone.
func (c *composition) denied() bool {
	return !c.feeling.namedBy(c.lexicon) && slices.ContainsFunc(c.lexicon, func(word string) bool {
		return slices.Contains(c.feeling.said, lexicon.Stem(word))
	})
}

func (c *composition) glad() bool { return c.says(gladPhrases) }

// says reports whether any of the phrases stands in the words.
func (c *composition) says(phrases []string) bool {
	said := " " + strings.Join(c.lexicon, " ") + " "
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(said, " "+phrase+" ") })
}

var (
	hardStems = stemsOf(`lost lose miss missing empty alone without hurt died nobody hate tired broken wrong sad worthless failed abandoned
		divorce cancer tumour tumor dementia redundant fired evicted homeless ashamed scared afraid criticised criticized imposter
		humiliated letdown failure stuck exhausted hopeless bullied rejected ignored`)
	hardPhrases = []string{
		"laughs at", "laughed at", "laugh at", "laughed along", "they said no", "he said no", "she said no", "kicking us out", "kicking me out", "kicked out", "nowhere to go", "hung up",
		"feel nothing", "moved out", "used to", "no one", "called me", "lied to", "never listens", "can't focus", "can't sleep", "can't handle", "don't want to talk",
	}
	gladPhrases = []string{
		"over the moon", "couldn't be happier", "got the job", "got the house", "did it", "engaged", "pregnant", "passed", "won", "went well",
		"clean for", "can't believe my luck", "good news", "great news",
	}
)

func stemsOf(words string) []string {
	var stems []string
	for word := range strings.FieldsSeq(words) {
		stems = append(stems, lexicon.Stem(word))
	}
	return stems
}
