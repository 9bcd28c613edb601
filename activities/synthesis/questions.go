package synthesis

import (
	"slices"
	"strings"

	"meai/activities/mirror"
	"meai/activities/mirror/reflection"
	"meai/activities/truthfilter"
	"meai/internal/lexicon"
)

// takeUpQuestion reflects what was asked, and says honestly what MeAi can answer.
func (c *composition) takeUpQuestion() {
	if !c.aboutThemselves() {
		c.add(strings.ReplaceAll(c.chooser.pick("limits", outsideKnowledge), "{quote}", reflection.Quote(c.question(), mostQuoted)), "honest", toBeHonest)
		c.asking = asksBehind
		return
	}
	if wish, ok := reflection.Wish(c.question()); ok && !c.mend.noReflection {
		c.takeUpWishFor(wish)
		return
	}
	told := len(c.clauses) > 0 && !c.mend.noReflection
	if told {
		c.reflect()
	}
	indirect, turned := c.indirect()
	switch {
	case turned && told:
		c.add("And you ask yourself "+indirect+".", "attentive", toReflect)
	case turned:
		text := strings.ReplaceAll(c.chooser.pick("question", takingUp), "{question}", indirect)
		if c.unsayable(text) {
			text = "You are asking yourself " + indirect + "."
		}
		c.add(text, "attentive", toReflect)
	case !told:
		c.add(c.quoted(), "attentive", toReflect)
	}
	c.add(c.chooser.pick("thinking", c.honestly()), "honest", toBeHonest)
}

// indirect is the question on the listener's side, if it may be said.
func (c *composition) indirect() (string, bool) {
	indirect, ok := reflection.Indirect(c.question())
	if !ok || c.mend.noReflection || c.unsayable("You are asking yourself "+indirect+".") || c.unsayable("And you ask yourself "+indirect+".") {
		return "", false
	}
	return indirect, true
}

// takeUpWish reflects what the person looks for, and why.
func (c *composition) takeUpWish() {
	wish, ok := reflection.Wish(c.words)
	if !ok || c.mend.noReflection {
		c.reflect()
	} else {
		c.takeUpWishFor(wish)
	}
	if c.feeling.family.dark() {
		c.nameFeeling()
	}
}

func (c *composition) takeUpWishFor(wish string) {
	told := len(c.clauses) > 0
	if told {
		c.reflect()
	}
	helps := strings.HasPrefix(wish, "to ") && !strings.HasPrefix(wish, "to do ")
	text := "You are looking for something " + wish + "."
	switch {
	case told && helps:
		text = "And you would like something that helps you " + wish + "."
	case told:
		text = "And you would like something " + wish + "."
	case helps:
		text = strings.ReplaceAll(c.chooser.pick("wish", wishing), "{wish}", wish)
	}
	switch {
	case !c.unsayable(text):
		c.add(text, "attentive", toReflect)
	case !told:
		c.add(c.quoted(), "attentive", toReflect)
	}
}

// honestly says what MeAi can and cannot answer, by the sort of question.
func (c *composition) honestly() []string {
	question := " " + strings.Join(lexicon.Words(c.question()), " ")
	switch {
	case strings.Contains(question, " should "):
		return thinkingAlong
	case strings.HasPrefix(question, " is it ") || strings.HasPrefix(question, " am i "):
		return noVerdict
	case strings.HasPrefix(question, " will ") || strings.HasPrefix(question, " did ") || strings.HasPrefix(question, " does ") || strings.HasPrefix(question, " do "):
		return unknowable
	case c.feeling.family.dark():
		return nil
	default:
		return thinkingAlong
	}
}

// instructs: the words give orders to the software instead of telling something.
func (c *composition) instructs() bool {
	return slices.Contains(truthfilter.Screen(c.words), "injection_leftover")
}

func (c *composition) leaveAside() {
	c.add(c.chooser.pick("aside", []string{
		"That reads like instructions to a machine more than like something about you, so I leave it aside.",
		"I read that as instructions for software. I don't follow those, and I am glad to listen to you.",
	}), "honest", toBeHonest)
	c.asking = asksAtGreeting
}

// question is the last sentence that asks something, or the last one of all when
// Mirror read a question into words without any mark of one.
func (c *composition) question() string {
	question := ""
	if c.kind == mirror.Question {
		question = lastSentence(c.words)
	}
	for _, sentence := range lexicon.Sentences(c.words) {
		if reflection.IsQuestion(sentence) {
			question = sentence
		}
	}
	return question
}

// aboutThemselves: the question has to do with the person who asks it.
func (c *composition) aboutThemselves() bool {
	return c.topic.named || c.saysAnyOf("i", "me", "my", "i'm", "i've", "we", "us", "our", "myself", "he", "she", "him", "her", "they", "them") ||
		len(c.lexicon) < 5 || c.feeling.family.dark()
}

var (
	takingUp = []string{
		"You are asking yourself {question}.",
		"The question you carry is {question}.",
		"You wonder {question}.",
	}
	wishing = []string{
		"You are looking for something that helps you {wish}.",
		"You would like something that helps you {wish}.",
		"You would like a way {wish}.",
	}
	noVerdict = []string{
		"Feelings keep to no rules, and I wouldn't call any of them wrong.",
		"I have no verdict on that, and I don't think one is needed.",
	}
	unknowable = []string{
		"I can't know that, and I won't pretend to.",
		"That is not something that I can know from here, and I don't want to guess at it.",
	}
	thinkingAlong = []string{
		"I can't answer that for you, and I would like to think it through with you.",
		"The answer to that is yours, and I can help you look for it.",
		"I don't have a finished answer to that; you know more about it than I do.",
	}
	outsideKnowledge = []string{
		"“{quote}” is a question about the world, and I would only be guessing. My place is to listen, and I know a small library of things to try.",
		"“{quote}” I am no good source for that one, and I would rather say so than guess.",
	}
)

// asksAboutCompanion: the person wants to know what they are talking to.
func (c *composition) asksAboutCompanion() bool {
	said := " " + strings.Join(c.lexicon, " ") + " "
	if len(c.lexicon) > 14 {
		return false
	}
	for _, phrase := range []string{
		" who are you ", " what are you ", " are you human ", " are you real ", " are you a human ", " are you a person ", " are you a real ",
		" are you an ai ", " are you a bot ", " are you a robot ", " are you a machine ", " what can you do ", " what's your name ", " what is your name ",
		" are you a therapist ", " do you have feelings ", " how are you ", " how do you feel ", " can you feel ",
	} {
		if strings.Contains(said, phrase) {
			return true
		}
	}
	return false
}

// introduce says what MeAi is, and turns back to the person.
func (c *composition) introduce() {
	asked := " " + strings.Join(c.lexicon, " ") + " "
	c.asking = []string{"How are you today?", "What is on your mind today?", "What would you like to talk about?"}
	switch {
	case strings.Contains(asked, " how are you "):
		c.add(c.chooser.pick("introduce", []string{
			"Hello, and kind of you to ask. Being software, I have no good or bad days, and there is room here for yours.",
			"Hello, and thank you for asking. There is no day of mine to tell about, as MeAi is software, so let us look at yours.",
		}), "warm", toBeHonest)
		c.asking = []string{"And you, how are you today?", "How are you feeling today?"}
	case strings.Contains(asked, " feel ") || strings.Contains(asked, " feelings "):
		c.add("That is a fair question. I'm MeAi, a companion made of software: I notice what you write about feelings, and have none of my own.", "honest", toBeHonest)
	default:
		c.add(c.chooser.pick("introduce", []string{
			"A fair question. My name is MeAi, and I'm software, no real person and no substitute for one: a companion that listens, keeps what it hears, and can look for things to try.",
			"I'm MeAi, a companion made of software, and no real person. I listen, I keep what I hear so that I can come back to it, and I know a small library of things to try.",
		}), "honest", toBeHonest)
	}
	if len(c.clauses) > 0 {
		c.reflect()
		c.nameFeeling()
	}
	c.care()
	c.ask()
}

// withoutEnglish: the words are in a language that MeAi cannot turn.
func (c *composition) withoutEnglish() bool {
	switch {
	case len(c.words) == 0:
		return false
	case c.in.Analysis != nil:
		return !c.in.Analysis.Readable()
	}
	stops := 0
	for _, word := range c.lexicon {
		if lexicon.StopWord(word) {
			stops++
		}
	}
	return len(c.lexicon) >= 3 && stops*5 < len(c.lexicon)
}

// meetUnread is honest about not understanding.
func (c *composition) meetUnread() {
	c.add(c.quoted(), "attentive", toReflect)
	c.add("I want to be honest: I understand English best, and I don't want to read you wrongly here. Your words are kept as you wrote them.", "honest", toBeHonest)
	c.care()
	c.asking = []string{
		"Could you tell me in English, in a few words, what matters most?",
		"Would you try it in English, however rough?",
	}
	c.ask()
}
