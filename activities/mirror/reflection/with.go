package reflection

import "strings"

// few words leave room for a second clause beside them.
const few = 11

// With joins the clause with another part of the text: with the few words in
// which the person says how they are, or with a neighbour when both are short.
// "The flat is quiet" and "you feel alone" give "the flat is quiet, and you feel
// alone". It reports false when the two do not go together in so many words.
func (c Clause) With(other Clause, most int) (Clause, bool) {
	mine, theirs := len(strings.Fields(c.Text)), len(strings.Fields(other.Text))
	short := mine <= few && theirs <= few && other.weight >= 3
	if c.Loaded || other.Loaded || mine+theirs >= most || c.overlaps(other) || !short && (!other.SelfReport || c.SelfReport) {
		return c, false
	}
	first, second := c, other
	if other.place < c.place || other.place == c.place && other.from < c.from {
		first, second = other, c
	}
	joined := Clause{Said: first.Said + ". " + second.Said, Embeds: first.Embeds, place: first.place, from: first.from}
	if strings.Contains(first.Text, " and ") || strings.Contains(second.Text, " and ") || strings.Contains(first.Text, " – ") || !second.Embeds {
		joined.Text = first.Text + ". " + second.Sentence()
	} else {
		joined.Text = first.Text + ", and " + second.Text
	}
	return joined, true
}

func (c Clause) overlaps(other Clause) bool {
	return c.place == other.place && c.from < other.to && other.from < c.to
}
