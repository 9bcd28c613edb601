package synthesis

import (
	"slices"
	"strings"

	"meai/activities/mirror/reflection"
)

// exchange is a habit of speech with its answers. {said} stands for the person's
// own greeting.
type exchange struct {
	said, answers, asks []string
	// alone: only when nothing else is said.
	alone bool
}

// greet answers small talk; false when the words are something else after all.
func (c *composition) greet() bool {
	whole := strings.Join(c.lexicon, " ")
	for _, talk := range smallTalk {
		for _, phrase := range talk.said {
			if talk.alone && whole != phrase || !c.says([]string{phrase}) {
				continue
			}
			answer := strings.ReplaceAll(c.chooser.pick("greet", talk.answers), "{said}", reflection.Capitalised(phrase))
			c.add(answer, "friendly", toReflect)
			c.asking = talk.asks
			return true
		}
	}
	return false
}

// thanks: the message begins by thanking, and goes on.
func (c *composition) thanks() bool {
	return len(c.lexicon) > 2 && (c.lexicon[0] == "thanks" || c.lexicon[0] == "thank" && c.lexicon[1] == "you") && !c.asks()
}

// acceptThanks takes the thanks and gives the good back to where it came from.
func (c *composition) acceptThanks() {
	c.add(c.chooser.pick("thanks", []string{
		"You are welcome, and thank you for telling me.",
		"Thank you for letting me know.",
		"Gladly, and thank you for coming back to say so.",
	}), "warm", toReflect)
	at := slices.IndexFunc(c.clauses, func(clause reflection.Clause) bool { return !clause.Loaded })
	if at >= 0 && !c.mend.noReflection {
		c.add(c.clauses[at].Sentence()+", and it was you who did it.", "glad", toReflect)
		if !strings.Contains(" "+c.clauses[at].Text, " you ") {
			c.answer.Components[len(c.answer.Components)-1].Text = c.clauses[at].Sentence() + ", and that is good to know."
		}
	}
	c.asking = []string{"What was it that helped?", "What would you like to keep of it?", "What feels different now?"}
}

var smallTalk = []exchange{
	{
		said:    []string{"good night"},
		answers: []string{"{said}, and until next time.", "{said}, and rest as well as you can."},
		asks:    []string{"Is there one thing you would like to pick up when you are back?", "What would make tomorrow a little easier?"},
	},
	{
		said:    []string{"goodbye", "good bye", "bye", "see you"},
		answers: []string{"{said}, and until next time.", "{said}, and take care of yourself."},
		asks:    []string{"Is there one thing you would like to pick up when you are back?"},
	},
	{
		said: []string{"thanks", "thank you"},
		answers: []string{
			"You are welcome, and thank you for saying so.",
			"Thank you for telling me; that is good to know.",
			"Gladly, and thank you for coming back to say so.",
		},
		asks: []string{"What was it that helped?", "What would you like to do next?", "Is there something that is still open?"},
	},
	{
		said:    []string{"good morning", "good afternoon"},
		answers: []string{"{said}, and good to hear from you.", "{said}, and welcome."},
		asks:    asksAtGreeting,
	},
	{
		said:    []string{"good evening"},
		answers: []string{"{said}, and good to hear from you.", "{said}, and welcome."},
		asks:    []string{"How was your day?", "What from today is still with you?"},
	},
	{
		said:    []string{"hello", "hi", "hey", "checking in"},
		answers: []string{"{said}, and good to hear from you.", "{said}! There is time for whatever you bring.", "{said}, and welcome."},
		asks:    asksAtGreeting,
	},
	{
		said: []string{"ok", "okay", "cool", "great", "alright", "all right"}, alone: true,
		answers: []string{"{said}, then we can go on from there.", "{said}, and there is no hurry."},
		asks:    []string{"Is there more to it that you would like to say?", "What would you like to look at next?"},
	},
}

var (
	asksAtGreeting = []string{
		"How are you today?",
		"What is on your mind?",
		"What has your day been like so far?",
		"How are things with you?",
	}
	asksBehind = []string{
		"Is there something of your own behind the question?",
		"What brings you to it just now?",
	}
)
