package synthesis

import (
	"fmt"
	"slices"
	"strings"

	"meai/activities/bridge"
	"meai/activities/mirror/reflection"
)

const mostResources = 2

// offer presents at most so many of the resources that were found.
func (c *composition) offer(most int) {
	asked := c.asksForHelp()
	if c.mend.noResources {
		most = 0
	} else if c.mend.shorter {
		most = min(most, 1)
	}
	hits := c.fitting(asked)
	for i, hit := range hits[:min(most, len(hits))] {
		text := described(hit.Resource, c.mend.noSteps)
		switch {
		case i == 0:
			text = c.chooser.pick("offer", introductions(asked)) + " " + text
		default:
			text = "Or " + text
		}
		if i > 0 && c.answerWords()+len(strings.Fields(text)) > mostWords {
			break
		}
		if c.unsayable(text) {
			continue
		}
		c.add(reflection.Capitalised(text), "encouraging", toOffer)
		c.answer.Resources = append(c.answer.Resources, ResourceUse{
			ID: hit.Resource.ID, Kind: hit.Resource.Kind, Title: hit.Resource.Title,
			Relevance: hit.Relevance, Score: hit.Judgement.Score,
		})
	}
	if asked && len(c.answer.Resources) == 0 {
		c.add("I looked for something to offer you and found nothing that I would stand behind, so I won't make something up.", "honest", toBeHonest)
	}
}

const (
	// leastRelevance of a resource that was asked for; below it, nothing is better.
	leastRelevance = 0.3
	// leastUnasked is what a resource needs to be offered to who didn't ask, and
	// mostUnasked how many minutes it may take.
	leastUnasked, mostUnasked = 0.5, 10
)

// fitting are the hits to choose from. Who didn't ask is only offered what is
// short, made for the feeling and done at once.
func (c *composition) fitting(asked bool) []bridge.Hit {
	return slices.DeleteFunc(slices.Clone(c.in.Hits), func(hit bridge.Hit) bool {
		r := hit.Resource
		if asked || c.in.Analysis == nil {
			return hit.Relevance < leastRelevance
		}
		return hit.Relevance < leastUnasked || r.Kind != bridge.Technique && r.Kind != bridge.HelpLine || r.Minutes > mostUnasked ||
			!slices.Contains(r.Emotions, c.in.Analysis.Primary)
	})
}

// mostWords is what an answer with two resources may hold; a person who is upset
// reads no more.
const mostWords = 125

func (c *composition) answerWords() int {
	words := 0
	for _, part := range c.answer.Components {
		words += len(strings.Fields(part.Text))
	}
	return words
}

func introductions(asked bool) []string {
	if asked {
		return []string{
			"Here is something that may fit:",
			"One thing you could try is",
			"From what I have at hand, this seems closest:",
		}
	}
	return []string{
		"Only if you want it, there is something that can steady a moment like this:",
		"If you would like something to hold on to, there is",
		"Should it help to do something, there is",
	}
}

// described tells what a resource is, why it may fit, and how it begins.
func described(r bridge.Resource, noSteps bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "“%s”", strings.TrimRight(r.Title, "."))
	if r.Minutes > 0 && r.Kind != bridge.HelpLine {
		fmt.Fprintf(&b, " (about %s)", minutes(r.Minutes))
	}
	b.WriteString(". " + sentence(r.Summary))
	if len(r.Steps) > 0 && !noSteps && r.Kind != bridge.HelpLine {
		b.WriteString(" First step: " + sentence(reflection.Capitalised(r.Steps[0])))
	}
	if r.Caution != "" && r.Kind != bridge.HelpLine {
		b.WriteString(" " + sentence(r.Caution))
	}
	return b.String()
}

func minutes(n int) string {
	if n == 1 {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", n)
}

// sentence ends text with a full stop unless it has an end.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}
