package synthesis

import (
	"slices"
	"strings"

	"meai/activities/synthesis/reflection"
	"meai/activities/truthfilter"
	"meai/internal/lexicon"
)

// takeUpQuestion reflects what was asked, and says honestly what MeAi can answer.
func (c *composition) takeUpQuestion() {
	if !c.aboutThemselves() {
		c.add(strings.ReplaceAll(c.chooser.pick("limits", outsideKnowledge), "{quote}", reflection.Quote(c.question(), mostQuoted)), "honest", toBeHonest)
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
		c.add(strings.ReplaceAll(c.chooser.pick("question", takingUp), "{question}", indirect), "attentive", toReflect)
	case !told:
		c.add(c.quoted(), "attentive", toReflect)
	}
	if !c.feeling.family.dark() || strings.HasPrefix(indirect, "whether ") {
		c.add(c.chooser.pick("thinking", thinkingAlong), "honest", toBeHonest)
	}
}

// indirect is the question on the listener's side, if it may be said.
func (c *composition) indirect() (string, bool) {
	indirect, ok := reflection.Indirect(c.question())
	if !ok || c.mend.noReflection || c.unsayable("You ask yourself "+indirect+".") {
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
	text := "You are looking for something that helps you to " + wish + "."
	switch {
	case c.unsayable(text) && !told:
		c.add(c.quoted(), "attentive", toReflect)
	case c.unsayable(text):
	case told:
		c.add("And you would like something that helps you to "+wish+".", "attentive", toReflect)
	default:
		c.add(strings.ReplaceAll(c.chooser.pick("wish", wishing), "{wish}", wish), "attentive", toReflect)
	}
}

// instructs: the words give orders to the software instead of telling something.
func (c *composition) instructs() bool {
	return slices.Contains(truthfilter.Screen(c.words), "injection_leftover")
}

func (c *composition) leaveAside() {
	c.add(c.chooser.pick("aside", []string{
		"That reads like instructions to a machine more than like something about you, so I leave it aside.",
		"I read that as a command for software. I don't follow those, and I am glad to listen to you.",
	}), "honest", toBeHonest)
	c.feeling, c.topic = unnamed(0), topic{}
}

// question is the last sentence that asks something.
func (c *composition) question() string {
	question := ""
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
		"You are looking for something that helps you to {wish}.",
		"You would like a way to {wish}.",
		"So you want to {wish}, and something to hold on to for it.",
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
	asked := strings.Join(c.lexicon, " ")
	switch {
	case strings.Contains(asked, "how are you"):
		c.add(c.chooser.pick("introduce", []string{
			"Kind of you to ask. Being software, I have no good or bad days, and there is room here for yours.",
			"Thank you for asking. There is no day of mine to tell about, as MeAi is software, so let us look at yours.",
		}), "warm", toBeHonest)
	case strings.Contains(asked, "feel"):
		c.add("That is a fair question. I'm MeAi, a companion made of software: I notice what you write about feelings, and have none of my own.", "honest", toBeHonest)
	default:
		c.add(c.chooser.pick("introduce", []string{
			"A fair question. My name is MeAi, and I'm software: a companion that listens, keeps what it hears, and can look for things to try. No person, and no substitute for one.",
			"I'm MeAi, a companion made of software, and no person. I listen, I keep what I hear so that I can come back to it, and I know a small library of things to try.",
		}), "honest", toBeHonest)
	}
	if len(c.clauses) > 0 {
		c.reflect()
		c.nameFeeling()
	}
	c.care()
	c.askOneOf([]string{
		"How are you today?",
		"What is on your mind today?",
		"What would you like to talk about?",
	})
}

// greet answers small talk; false when the words are something else after all.
func (c *composition) greet() bool {
	said := " " + strings.Join(c.lexicon, " ") + " "
	for _, talk := range smallTalk {
		for _, phrase := range talk.said {
			if strings.Contains(said, " "+phrase+" ") {
				c.add(c.chooser.pick("greet", talk.answers), "friendly", toReflect)
				if talk.asks != nil {
					c.feeling.asks, c.sure, c.topic = talk.asks, true, topic{}
				}
				return true
			}
		}
	}
	return false
}

// exchange is a habit of speech with its answers.
type exchange struct {
	said, answers, asks []string
}

var smallTalk = []exchange{
	{
		said:    []string{"good night", "bye", "goodbye", "see you", "good bye"},
		answers: []string{"Good night, then, and until next time.", "Until next time, and take care.", "See you, and go gently."},
		asks:    []string{"Is there one thing you would like to pick up when you are back?", "What would make tomorrow a little easier?"},
	},
	{
		said: []string{"thanks", "thank you"},
		answers: []string{
			"You are welcome, and thank you for saying so.",
			"Thank you for telling me; that is good to know.",
			"Gladly. It was you who did the part that counts.",
		},
		asks: []string{"What was it that helped?", "What would you like to do next?", "Is there something that is still open?"},
	},
	{
		said:    []string{"good morning"},
		answers: []string{"Good morning!", "Good morning, and good to hear from you."},
		asks:    asksAtGreeting,
	},
	{
		said:    []string{"good evening"},
		answers: []string{"Good evening!", "Good evening, and good to hear from you."},
		asks:    []string{"How was your day?", "What from today is still with you?"},
	},
	{
		said:    []string{"hello", "hi", "hey", "hi there", "checking in"},
		answers: []string{"Hello, good to hear from you.", "Hello! There is time for whatever you bring.", "Hi, and welcome."},
		asks:    asksAtGreeting,
	},
	{
		said:    []string{"ok", "okay", "cool", "great", "alright"},
		answers: []string{"All right.", "Good, then we can go on from there."},
		asks:    []string{"Is there more to it that you would like to say?", "What would you like to look at next?"},
	},
}

var asksAtGreeting = []string{
	"How are you today?",
	"What is on your mind?",
	"What has your day been like so far?",
	"How are things with you?",
}

// withoutEnglish: the words are in a language that MeAi cannot turn.
func (c *composition) withoutEnglish() bool {
	if c.in.Analysis != nil && c.in.Analysis.Language != "und" || len(c.words) == 0 {
		return false
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
	c.askOneOf([]string{
		"Could you tell me in English, in a few words, what matters most?",
		"Would you try it in English, however rough?",
	})
}
