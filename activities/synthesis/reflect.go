package synthesis

import (
	"strings"

	"meai/activities/mirror/reflection"
)

const (
	// mostReflected is how many words MeAi gives back at most.
	mostReflected = 26
	// mostQuoted bounds a literal quote, in runes.
	mostQuoted = 90
)

// reflect begins the answer with the person's own words.
func (c *composition) reflect() {
	if c.mend.noReflection {
		c.add(c.chooser.pick("mended", withoutReflection), "warm", toReflect)
		return
	}
	main, found := c.main()
	switch {
	case c.mend.verbatim:
		c.add(c.quoted(), "warm", toReflect)
	case found && main.Loaded:
		c.add(asItSeems(main), "warm", toReflect)
	case found:
		c.add(c.framed(main), "warm", toReflect)
	default:
		c.add(c.quoted(), "warm", toReflect)
	}
}

// main is the weightiest clause, with the few words in which the person says how
// they are, when these stand apart.
func (c *composition) main() (reflection.Clause, bool) {
	if len(c.clauses) == 0 {
		return reflection.Clause{}, false
	}
	main := c.clauses[0]
	for _, other := range c.clauses[1:] {
		if joined, ok := main.With(other, mostReflected); ok && !c.mend.shorter {
			return joined, true
		}
	}
	return main, true
}

// Frames for a clause that can follow "that", and for one that is slight or a
// view already.
var (
	embedding = []string{
		"{Clause}.",
		"{Clause}.",
		"So {clause}.",
		"I hear that {clause}.",
		"What I take from your words is that {clause}.",
		"You tell me that {clause}.",
		"If I follow you, {clause}.",
	}
	lightly = []string{"{Clause}.", "So {clause}."}
)

// framed puts a clause into a sentence.
func (c *composition) framed(clause reflection.Clause) string {
	switch {
	case !clause.Embeds:
		return clause.Sentence() + "."
	case clause.Leads:
		return clause.Sentence() + "."
	case clause.Viewed || c.feeling.family == plain:
		return fill(c.chooser.pick("frame", lightly), clause)
	default:
		return fill(c.chooser.pick("frame", embedding), clause)
	}
}

// asItSeems gives a judgement back as the person's view.
func asItSeems(clause reflection.Clause) string {
	if clause.Embeds {
		return "Right now it seems to you that " + clause.Text + "."
	}
	return "“" + reflection.Capitalised(reflection.Quote(clause.Said, mostQuoted)) + "”, you write."
}

func fill(frame string, clause reflection.Clause) string {
	return strings.NewReplacer("{Clause}", clause.Sentence(), "{clause}", clause.Text).Replace(frame)
}

var withoutReflection = []string{
	"I have read what you wrote, and I want to meet it carefully.",
	"Thank you for putting this into words.",
	"I am taking in what you wrote.",
}

// Frames for words that cannot be turned.
var (
	quoting = []string{
		"“{quote}”: I am taking that in as you wrote it.",
		"“{quote}” – I would rather keep your own words than change them.",
		"“{quote}” – that is how you put it, and I let it stand.",
	}
	quotingBriefly = []string{
		"“{quote}” can hold a lot, and I don't want to read too much into it.",
		"“{quote}”, you say, and I would like to understand what is in it.",
	}
)

// quoted gives back the person's literal words, where they may be.
func (c *composition) quoted() string {
	quote := strings.TrimRight(reflection.Quote(c.words, mostQuoted), ".!")
	frames := quoting
	switch {
	case len(c.lexicon) == 0:
		return "There are no words in your message that I can read, and that may say something, too."
	case len(c.lexicon) < 3:
		quote, frames = reflection.Capitalised(quote), quotingBriefly
	}
	text := strings.ReplaceAll(c.chooser.pick("quote", frames), "{quote}", quote)
	if c.unsayable(text) {
		return c.chooser.pick("mended", withoutReflection)
	}
	return text
}
