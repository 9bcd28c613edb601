package synthesis

import (
	"iter"
	"slices"
	"strings"

	"meai/activities/mirror"
	"meai/activities/mirror/reflection"
)

// ask ends the answer with one open question, which was not asked lately if there
// is such a one.
func (c *composition) ask() {
	if options := c.occasional(); options != nil {
		c.askOneOf(options)
		return
	}
	for _, options := range []func() []string{c.topical, c.aboutFeeling, c.inGeneral} {
		if unasked := c.unasked(options()); len(unasked) > 0 {
			c.askOneOf(unasked)
			return
		}
	}
	c.askOneOf(asksAmbiguous)
}

func (c *composition) askOneOf(options []string) {
	if unasked := c.unasked(options); len(unasked) > 0 {
		options = unasked
	}
	c.answer.FollowUp = c.chooser.pick("ask", options)
	c.add(c.answer.FollowUp, "open", toAsk)
}

// unasked leaves out what was asked lately, and what TruthFilter would not let
// MeAi say.
func (c *composition) unasked(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(question string) bool {
		return slices.Contains(c.in.Asked, question) || c.unsayable(question)
	})
}

// occasional are the questions of an occasion that has its own; nil for none.
func (c *composition) occasional() []string {
	switch {
	case len(c.answer.Resources) > 1:
		return asksAfterResources
	case len(c.answer.Resources) == 1 && c.kind == mirror.ResourceRequest:
		return asksAfterResource
	case c.asking != nil:
		return c.asking
	case c.says(closing):
		return asksWhenClosed
	case c.kind == mirror.Ambiguous || len(c.lexicon) < 3:
		return asksAmbiguous
	default:
		return nil
	}
}

// topical are questions about what is spoken of, when there are enough of them to
// say more than the feeling alone, and after a question, those about that.
func (c *composition) topical() []string {
	options := append(c.aboutPerson(), c.aboutSubjects()...)
	if c.kind == mirror.Question && !(c.feeling.family.dark() && c.feeling.noun != "") && len(options) <= 2 {
		return append(options, asksAfterQuestion...)
	}
	if len(options) > 2 {
		return options
	}
	return nil
}

// aboutFeeling are questions from Mirror's grammar about what is felt and needed,
// and the few about what is spoken of.
func (c *composition) aboutFeeling() []string {
	return append(append(c.aboutPerson(), c.aboutSubjects()...), c.fromGrammar(reflection.Questions)...)
}

// inGeneral are questions from Mirror's grammar that fit many feelings.
func (c *composition) inGeneral() []string { return c.fromGrammar(reflection.GeneralQuestions) }

func (c *composition) fromGrammar(questions func(reflection.Request) iter.Seq[string]) []string {
	// The same words meet the same list throughout a session, so that the chooser
	// can tell what the answer before chose.
	r := reflection.Request{Words: c.words, Emotion: c.feeling.label, Seed: reflection.Seed(c.in.Ref.Session, 0)}
	if c.in.Analysis != nil {
		for _, need := range c.in.Analysis.Needs {
			r.Needs = append(r.Needs, reflection.Need{Name: need.Name, Lacking: need.Lacking})
		}
	}
	if c.mend.noReflection {
		r.Words = "" // nothing of theirs is taken up
	}
	var options []string
	for _, r.Purpose = range c.purposes() {
		options = slices.AppendSeq(options, questions(r))
	}
	return options
}

// purposes are what a question may be for in the middle of a conversation: what
// hurts is not taken apart, and not celebrated.
func (c *composition) purposes() []reflection.Purpose {
	if c.feeling.family.light() {
		return []reflection.Purpose{reflection.Deepen, reflection.Celebrate}
	}
	return []reflection.Purpose{reflection.Deepen, reflection.Integrate}
}

// aboutSubjects asks about the matters that the words speak of, unless the
// feeling is first of all about oneself.
func (c *composition) aboutSubjects() []string {
	var options []string
	for _, subject := range c.topic.subjects {
		switch {
		case c.feeling.inward || c.topic.lost || len(c.opposed) > 0:
		case c.feeling.family.light():
			options = append(options, subject.light...)
		case !c.feeling.family.dark():
			options = append(options, subject.level...)
		case subject.among == nil || slices.Contains(subject.among, c.feeling.family):
			options = append(options, subject.dark...)
		}
	}
	return options
}

var (
	asksAmbiguous = []string{
		"Would you like to say a little more?",
		"What is behind it today?",
		"Is it one of those days, or is it something in particular?",
	}
	asksAfterQuestion = []string{
		"What is your own first answer?",
		"What would a good answer change for you?",
		"What makes that question so present right now?",
		"Since when has it been with you?",
	}
	// closing phrases ask not to be asked.
	closing        = []string{"don't want to talk about it", "don't want to talk about this", "rather not talk about it"}
	asksWhenClosed = []string{
		"Would it help to talk about something else for a while?",
		"What would be good for you right now, other than talking about it?",
		"Shall we leave it where it is, and look at something lighter?",
	}
	asksAfterResource = []string{
		"Would you like to try it now, or keep it for later?",
		"Does that feel like something for you, or should it be something else?",
		"When might be a good moment for it?",
	}
	asksAfterResources = []string{
		"Which of the two feels closer to what you need?",
		"Does one of them appeal to you?",
		"Which would you rather begin with, if any?",
	}
)

// aboutPerson asks about the person who was named.
func (c *composition) aboutPerson() []string {
	who := c.topic.who
	if !c.topic.named || c.mend.noReflection {
		return nil
	}
	var frames []string
	switch {
	case c.topic.lost:
		frames = asksAboutLost
	case who.Animal() || c.feeling.inward || c.feeling.noun == "fear" || c.asks():
		return nil
	case c.feeling.family == heated:
		frames = asksInConflict
	case c.feeling.family == heavy && c.says(absences):
		frames = asksAboutAbsent
	case c.feeling.noun == "gratitude" || c.feeling.noun == "love":
		frames = asksInLove
	case c.feeling.family.light():
		frames = asksInJoy
	case c.feeling.family.dark():
		frames = asksAboutClose
	default:
		return nil
	}
	options := make([]string, len(frames))
	does := "does"
	if who.Several() {
		does = "do"
	}
	words := strings.NewReplacer("{who}", who.Short(), "{does}", does)
	for i, frame := range frames {
		options[i] = reflection.Capitalised(words.Replace(frame))
	}
	return options
}

var absences = []string{"moved", "left me", "left us", "went away", "is away", "far away", "left for"}

func (c *composition) saysAnyOf(words ...string) bool {
	for _, said := range c.lexicon {
		for _, word := range words {
			if said == word {
				return true
			}
		}
	}
	return false
}

var (
	asksAboutLost = []string{
		"Would you like to tell me about {who}?",
		"What do you miss most about {who}?",
		"Is there a moment with {who} that you think of often?",
	}
	asksAboutAbsent = []string{
		"What do you miss most about having {who} near?",
		"What did you share with {who} that is missing now?",
		"{does} {who} know how it has been for you since?",
	}
	asksInConflict = []string{
		"What would you like {who} to understand?",
		"What would you have needed from {who}?",
		"What would you say to {who} if you knew it would be heard?",
	}
	asksAboutClose = []string{
		"What would you most like {who} to know?",
		"How is it between you and {who} at the moment?",
	}
	asksInLove = []string{
		"{does} {who} know what it means to you?",
		"What is it about {who} that touches you most?",
	}
	asksInJoy = []string{
		"What was it like to share that with {who}?",
		"How did {who} take it?",
	}
)
