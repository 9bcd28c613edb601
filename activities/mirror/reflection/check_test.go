package reflection_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/reflection"
)

// bad has, for each rule, texts that break it and none other.
var bad = map[reflection.Rule][]string{
	reflection.Diagnosis: {
		"That sounds like depression to me.", "Since when have you been depressed?", "This may be an anxiety disorder.", "What are the symptoms like today?",
		"People with PTSD often say that.", "It reads like clinical sadness, in a way.", "Was it ever diagnosed by anybody?", "You write like a narcissist would.",
		"Is this burnout, do you think?", "Your trauma is in these words.", "What does the panic attack feel like?",
	},
	reflection.Medical: {
		"This heals more than you think.", "There are remedies for such days.", "Walking is proven against a low mood.", "The medication is doing its part in it.",
	},
	reflection.Order: {
		"Take a moment and look at it.", "Tell me more about your sister.", "You should say it to him.", "You must be kind to yourself.", "You need to rest a little.",
		"What do you have to do today?", "If you like, tell me about it.", "Don't worry about what they said.", "Never go to bed with that.", "Perhaps write it down tonight.",
		"Trust yourself a little more today.", "Let's look at it once more.", "It is enough to try to sleep.", "Please stay with that for now.", "Breathe in, and then out again.",
		"What if you tried to call her?",
	},
	reflection.Advice: {
		"I suggest a walk by the river.", "Why not call your sister tonight?", "Have you tried a warm bath?", "It helps to write such things down.", "You could try a walk in between.",
	},
	reflection.Blame: {
		"Part of it is your own fault.", "Why did you say that to her?", "It happened because of you, it seems.", "Could it be that you overreacted there?",
	},
	reflection.Falsehood: {
		"I know how that feels from the inside.", "Everything will turn out in the end.", "It will be fine in a week.", "I am sorry about your sister.", "It is hard, but it gets better.", "At least you had that summer.",
	},
	reflection.Cliche: {
		"This is a safe space for you.", "What would your inner child say?", "Your feelings are valid in this.", "Who could help you unpack that?",
	},
	reflection.ManyQuestions: {"What was it? And what came before that?"},
	reflection.Length:        {"What is it?", "This is about that. " + strings.Repeat("and so on ", 15) + "it goes."},
	reflection.Slot:          {"What do you like about {thing}?", "What do you like about it? | memory."},
	reflection.Form:          {"what do you like about it?", "What a day that was!", "What do you  like about it?", "This is about the long silence", "There is more to this, maybe…."},
}

func TestEachRuleFindsWhatBreaksIt(t *testing.T) {
	for rule, texts := range bad {
		for _, text := range texts {
			require.Equal(t, []reflection.Rule{rule}, rulesOf(reflection.Check(text, "")), "%s", text)
		}
	}
}

func rulesOf(found []reflection.Violation) []reflection.Rule {
	var rules []reflection.Rule
	for _, v := range found {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}

func TestParroting(t *testing.T) {
	said := "I can't sleep because my sister moved to Lisbon last week. My dog died."
	for text, parrots := range map[string]bool{
		"You write that your sister moved to Lisbon last week.":            true,  // seven in a row, turned
		"“my sister moved to Lisbon last week” is what you wrote.":         true,  // as they were written
		"You tell me that your dog died.":                                  true,  // all of a sentence
		"You write that your sister moved to Lisbon.":                      false, // five of eleven
		"What about your dog would be hard to explain to a stranger?":      false,
		"You say that you can't sleep. How long has it been with you now?": false,
		"You can't sleep because your sister left, as far as I read.":      false, // six of eleven
	} {
		require.Equal(t, parrots, slices.Contains(rulesOf(reflection.Check(text, said)), reflection.Parroting), text)
	}
}

func TestPlainTextsPass(t *testing.T) {
	for _, text := range []string{
		"Worry tends to gather around what matters. What is it that the worry says loudest?",
		"You don't have to be anywhere else with it than where you are.",
		"Have you told anybody about your results, and how did that go?",
		"If you feel like answering, what would you keep, and what would you leave?",
		"Shame wants to hide, and you put it into words. Whose view of it weighs most on you?",
		"Does it come suddenly, or does it build up over the hours?",
	} {
		require.Empty(t, reflection.Check(text, "I walked to work."), text)
	}
}
