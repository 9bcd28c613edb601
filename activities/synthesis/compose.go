package synthesis

import (
	"strings"

	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis/reflection"
)

// careLine is added when the words give a reason for concern that is not enough
// for the safe answer.
var careLine = Component{
	"And if it ever becomes too much, or you are not safe, findahelpline.com shows who will listen in your country, free of charge.",
	"steady", "safety",
}

func needsCare(analysis *mirror.Analysis) bool {
	return analysis != nil && analysis.Crisis.Severity == crisis.Concern
}

// Compose makes the answer from the person's own words, what Mirror read in
// them, what they told before and the resources that passed TruthFilter. It is
// pure: the same input gives the same answer.
func Compose(in ComposeInput) Answer {
	c := newComposition(in)
	c.reflect()
	c.recall()
	c.offer()
	c.ask()
	return c.answer
}

func joinComponents(parts []Component) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.Text
	}
	return strings.Join(texts, " ")
}

type composition struct {
	in      ComposeInput
	feeling feeling
	answer  Answer
}

func newComposition(in ComposeInput) *composition {
	c := &composition{in: in, answer: Answer{Source: Composed, Analysis: in.Analysis}}
	if in.Analysis != nil {
		c.feeling = feelingOf(in.Analysis.Primary)
	}
	return c
}

func (c *composition) add(text, tone, purpose string) {
	c.answer.Components = append(c.answer.Components, Component{text, tone, purpose})
	c.answer.Text = joinComponents(c.answer.Components)
}

func (c *composition) reflect() {
	clause, ok := reflection.Salient(c.in.Words)
	if !ok {
		c.add("I've read what you wrote, and I'm here with it.", "warm", "reflection")
	} else {
		c.add(clause+".", "warm", "reflection")
	}
	if c.feeling.noun != "" {
		c.add("I hear "+c.feeling.noun+" in that.", "gentle", "validation")
	}
}

func (c *composition) recall() {
	for _, m := range c.in.Memories {
		clause, ok := reflection.Salient(m.Text)
		if !ok || len(sharedTerms(c.in.Words, m.Text)) == 0 {
			continue
		}
		c.add("You told me before: "+clause+".", "attentive", "memory")
		c.answer.Memories = append(c.answer.Memories, MemoryUse{ID: m.ID, Kind: m.Kind, SaidAt: m.SaidAt, Text: m.Text, Score: m.Score})
		return
	}
}

func (c *composition) offer() {
	for _, hit := range c.in.Hits[:min(2, len(c.in.Hits))] {
		r := hit.Resource
		text := "If you like, you could try “" + r.Title + "”: " + r.Summary
		if len(r.Steps) > 0 {
			text += " It begins like this: " + r.Steps[0]
		}
		c.add(text, "encouraging", "resource")
		c.answer.Resources = append(c.answer.Resources, ResourceUse{ID: r.ID, Kind: r.Kind, Title: r.Title, Relevance: hit.Relevance, Score: hit.Judgement.Score})
	}
}

func (c *composition) ask() {
	if needsCare(c.in.Analysis) {
		c.add(careLine.Text, careLine.Tone, careLine.Purpose)
	}
	c.answer.FollowUp = "What part of it is on your mind most?"
	c.add(c.answer.FollowUp, "open", "follow_up")
}
