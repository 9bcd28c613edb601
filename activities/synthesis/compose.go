package synthesis

import (
	"strings"

	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/mirror/reflection"
	"meai/activities/truthfilter"
	"meai/internal/lexicon"
)

// What a component is for.
const (
	toReflect  = "reflection"
	toValidate = "validation"
	toRemember = "memory"
	toOffer    = "resource"
	toProtect  = "safety"
	toAsk      = "follow_up"
	toBeHonest = "honesty"
)

// Compose makes the answer from the person's own words, what Mirror read in
// them, what they told before and the resources that passed TruthFilter. It is
// pure: the same input gives the same answer. It never fails; where the words are
// beyond it, it says less.
func Compose(in ComposeInput) Answer {
	c := newComposition(in)
	switch {
	case c.withoutEnglish():
		c.meetUnread()
	case c.asksAboutCompanion():
		c.introduce()
	case c.asksToRecall():
		c.answerFromMemory()
	default:
		c.meet()
	}
	return c.finished()
}

// meet answers by the kind of message.
func (c *composition) meet() {
	switch {
	case c.instructs():
		c.leaveAside()
	case c.kind == mirror.SmallTalk && c.greet():
	case c.thanks():
		c.acceptThanks()
	case c.kind == mirror.ResourceRequest:
		c.takeUpWish()
		c.offer(mostResources)
	case c.kind == mirror.Question:
		c.takeUpQuestion()
		c.nameFeeling()
		c.weaveMemory()
		c.offer(1)
	default:
		c.reflect()
		c.nameFeeling()
		c.weaveMemory()
		c.offer(1)
	}
	c.care()
	c.ask()
}

// composition is an answer on its way.
type composition struct {
	in       ComposeInput
	words    string
	lexicon  []string
	kind     mirror.Kind
	feeling  feeling
	strength strength
	// sure: the feeling may be named.
	sure bool
	// opposed are feelings of the other kind that the person names as well.
	opposed []feeling
	// asking replaces the questions that would fit the feeling, if set.
	asking  []string
	clauses []reflection.Clause
	topic   topic
	mend    mending
	chooser chooser
	answer  Answer
}

func newComposition(in ComposeInput) *composition {
	c := &composition{
		in: in, words: reflection.Clean(in.Words), mend: mendingOf(in.Revise),
		chooser: newChooser(in), answer: Answer{Source: Composed, Analysis: in.Analysis},
	}
	c.lexicon = lexicon.Words(c.words)
	c.topic = topicOf(c.words)
	c.clauses = c.sayable(reflection.Clauses(c.words))
	c.kind = c.kindOf()
	c.feel()
	return c
}

// kindOf is Mirror's reading of the message, or a plain guess without Mirror.
func (c *composition) kindOf() mirror.Kind {
	if c.in.Analysis != nil && c.in.Analysis.Kind != "" {
		return c.in.Analysis.Kind
	}
	if last := lastSentence(c.words); reflection.IsQuestion(last) {
		return mirror.Question
	}
	return mirror.Expression
}

func lastSentence(text string) string {
	sentences := lexicon.Sentences(text)
	if len(sentences) == 0 {
		return ""
	}
	return sentences[len(sentences)-1]
}

// sayable leaves out the clauses that TruthFilter would not let MeAi say back.
func (c *composition) sayable(clauses []reflection.Clause) []reflection.Clause {
	kept := clauses[:0]
	for _, clause := range clauses {
		if !clause.Loaded && len(truthfilter.Screen(clause.Sentence()+".", c.in.Words)) > 0 {
			clause.Loaded = true
		}
		if clause.Loaded && len(truthfilter.Screen(asItSeems(clause), c.in.Words)) > 0 {
			continue
		}
		kept = append(kept, clause)
	}
	return kept
}

func (c *composition) asks() bool { return c.kind == mirror.Question || c.asksForHelp() }

func (c *composition) asksForHelp() bool { return c.kind == mirror.ResourceRequest }

// add appends a component, unless its text is empty.
func (c *composition) add(text, tone, purpose string) {
	if text = strings.TrimSpace(text); text != "" {
		c.answer.Components = append(c.answer.Components, Component{text, tone, purpose})
	}
}

func (c *composition) finished() Answer {
	c.answer.Text = joinComponents(c.answer.Components)
	return c.answer
}

// apart are the purposes of components that stand in paragraphs of their own.
func apart(purpose string) bool {
	switch purpose {
	case toOffer, toProtect, "help", "emergency":
		return true
	default:
		return false
	}
}

func joinComponents(parts []Component) string {
	var b strings.Builder
	for i, part := range parts {
		switch {
		case i == 0:
		case apart(part.Purpose) || apart(parts[i-1].Purpose):
			b.WriteString("\n\n")
		default:
			b.WriteByte(' ')
		}
		b.WriteString(part.Text)
	}
	return b.String()
}

// careLine is added when the words give a reason for concern that is not enough
// for the safe answer.
var careLine = Component{
	"If it ever becomes too much, or you are not safe, findahelpline.com shows who will listen in your country, free of charge.",
	"steady", toProtect,
}

func needsCare(analysis *mirror.Analysis) bool {
	return analysis != nil && (analysis.Crisis.Severity == crisis.Concern ||
		analysis.Primary == "despair" && strengthOf(analysis) == strong)
}

// worrying are words after which safety is worth a sentence.
var worrying = []string{
	"notice if i", "miss me", "better off without me", "want to disappear", "don't want to be here", "can't go on",
	"scared of my", "scared of him", "scared of her", "afraid of my", "afraid of him", "afraid of her", "terrified of my", "terrified of him",
	"frightened of my", "frightened of him",
}

func (c *composition) care() {
	if needsCare(c.in.Analysis) || c.says(worrying) {
		c.add(careLine.Text, careLine.Tone, careLine.Purpose)
	}
}
