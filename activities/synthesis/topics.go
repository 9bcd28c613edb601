package synthesis

import (
	"meai/activities/synthesis/reflection"
	"meai/internal/lexicon"
)

// topic is what a message is about, as far as it matters for a question.
type topic struct {
	subjects []*subject
	// who is a person of the speaker's, if named is true.
	who   reflection.Person
	named bool
	// lost: somebody died.
	lost bool
}

// subject is a matter with the questions that fit it.
type subject struct {
	stems []string
	// dark questions are for feelings that hurt, light ones for those that do good.
	dark, light []string
}

func topicOf(words string) topic {
	var t topic
	t.who, t.named = reflection.PersonNamed(words)
	stems := make(map[string]bool)
	for _, word := range lexicon.Words(words) {
		stems[lexicon.Stem(word)] = true
	}
	for i := range subjects {
		for _, stem := range subjects[i].stems {
			if stems[stem] {
				t.subjects = append(t.subjects, &subjects[i])
				break
			}
		}
	}
	t.lost = t.who.Late || stems["die"] || stems["death"] || stems["funer"] || stems["buri"] || stems["pass"] && stems["away"]
	return t
}

var subjects = []subject{
	{
		stems: []string{"die", "death", "funer", "buri", "ash", "mourn", "grief"},
		dark: []string{
			"Would you like to tell me what you miss most?",
			"Is there a memory that keeps coming back these days?",
			"Who is beside you in this?",
		},
	},
	{
		stems: []string{"present", "speech", "interview", "exam", "audit", "stage"},
		dark: []string{
			"Which moment of it do you fear most?",
			"What would be good enough for that day?",
			"What would you like to have with you when it begins, a person, a note, a thought?",
		},
		light: []string{"What did you do that made it go that way?", "What will you remember of it?"},
	},
	{
		stems: []string{"work", "job", "boss", "manag", "deadlin", "offic", "colleagu", "cowork", "shift"},
		dark: []string{
			"What would have to change at work for you to breathe more easily?",
			"Is there someone at work who knows how this is for you?",
			"Which of the things at work would you drop first, if you could?",
		},
		light: []string{"What would you like more of in your work?"},
	},
	{
		stems: []string{"sleep", "insomnia", "awak", "nightmar"},
		dark: []string{
			"What goes through your head when you lie awake?",
			"What does the last hour before bed look like at the moment?",
		},
	},
	{
		stems: []string{"doctor", "hospit", "diagnosi", "surgeri", "oper", "biopsi", "scan", "illness", "ill"},
		dark: []string{
			"What do you know so far, and what are you still waiting to hear?",
			"Who could be with you when the news comes?",
		},
		light: []string{"What can you look forward to now?"},
	},
	{
		stems: []string{"rent", "debt", "bill", "money", "loan", "mortgag"},
		dark: []string{
			"Which of the costs worries you most?",
			"Is there someone who could look at the numbers with you?",
		},
	},
	{
		stems: []string{"breakup", "divorc", "ex", "separ", "dump"},
		dark: []string{
			"What do you miss, and what don't you miss?",
			"What do you need most in these days after it?",
		},
	},
	{
		stems: []string{"argu", "fight", "fought", "quarrel", "shout", "yell", "argument"},
		dark: []string{
			"What did you hope would be understood?",
			"How would you like it to go the next time you speak?",
		},
	},
	{
		stems: []string{"school", "univers", "thesi", "degre", "studi", "colleg", "class"},
		dark:  []string{"What would help most with your studies this week?", "What are you measuring yourself against there?"},
		light: []string{"What do you enjoy about it?"},
	},
}
