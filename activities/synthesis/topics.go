package synthesis

import (
	"slices"
	"strings"

	"meai/activities/mirror/reflection"
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
	words map[string]bool
	// among are the families of feelings that the dark questions fit; none means
	// every one that hurts.
	among []family
	// dark questions are for feelings that hurt, light ones for those that do good,
	// level ones for all others.
	dark, light, level []string
}

func topicOf(words string) topic {
	var t topic
	t.who, t.named = reflection.PersonNamed(words)
	said := lexicon.Words(words)
	for i := range subjects {
		for at, word := range said {
			if subjects[i].words[word] && !(word == "work" && isVerb(said, at)) {
				t.subjects = append(t.subjects, &subjects[i])
				break
			}
		}
	}
	t.lost = t.who.Late || t.named && died(said, t.who.Noun)
	return t
}

// isVerb tells "I work" and "to work" from "my work".
func isVerb(said []string, at int) bool {
	if at == 0 {
		return false
	}
	switch said[at-1] {
	case "to", "i", "we", "they", "not", "will", "would", "can", "don't", "doesn't", "didn't", "can't", "won't":
		return true
	default:
		return false
	}
}

// died reports whether the words say that a person of the speaker's is dead.
func died(said []string, noun string) bool {
	at := slices.IndexFunc(said, func(word string) bool { return strings.TrimSuffix(word, "'s") == noun })
	if at < 0 {
		return false
	}
	after := strings.Join(said[at+1:min(len(said), at+5)], " ") + " "
	for _, sign := range []string{"died ", "passed away ", "is dead ", "was killed ", "took his life ", "took her life ", "ashes ", "funeral ", "grave ", "death "} {
		if strings.Contains(after, sign) {
			return true
		}
	}
	before := said[max(0, at-3):at]
	return slices.Contains(before, "lost") || slices.Contains(before, "buried") || slices.Contains(before, "scattered")
}

func listed(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

var subjects = []subject{
	{
		words: listed("died funeral buried ashes mourning widow"), among: []family{heavy},
		dark: []string{
			"Would you like to tell me what you miss most?",
			"Is there a memory that keeps coming back these days?",
			"Who is beside you in this?",
		},
	},
	{
		words: listed("whether decide deciding decision choose choice should"), among: []family{open},
		dark: []string{"What would each way give you, and what would it cost?"},
		level: []string{
			"What would each way give you, and what would it cost?",
			"If nobody had an opinion on it, which way would you lean?",
			"What was your first thought, before you began to weigh it up?",
		},
	},
	{
		words: listed("presentation speech interview exam exams test audition stage"), among: []family{shaken},
		dark: []string{
			"Which moment of it do you fear most?",
			"What would be good enough for that day?",
			"What would you like to have with you when it begins, a person, a note, a thought?",
		},
		light: []string{"What did you do that made it go that way?", "What will you remember of it?"},
	},
	{
		words: listed("work job boss manager deadline deadlines office colleague colleagues coworker coworkers shift shifts"),
		dark: []string{
			"What would have to change at work for you to breathe more easily?",
			"Is there someone at work who knows how this is for you?",
			"Which of the things at work would you drop first, if you could?",
		},
		light: []string{"What would you like more of in your work?"},
	},
	{
		words: listed("insomnia awake nightmares sleepless"),
		dark: []string{
			"What goes through your head when you lie awake?",
			"What does the last hour before bed look like at the moment?",
		},
	},
	{
		words: listed("doctor hospital diagnosis surgery operation biopsy scan tumour tumor cancer"),
		dark: []string{
			"What do you know so far, and what are you still waiting to hear?",
			"Who could be with you in the next days?",
		},
		light: []string{"What can you look forward to now?"},
	},
	{
		words: listed("rent debt debts bills money loan mortgage landlord"), among: []family{shaken, heavy},
		dark: []string{
			"What has to be settled first?",
			"Is there someone who could look at it with you?",
		},
	},
	{
		words: listed("breakup divorce separation dumped"), among: []family{heavy},
		dark: []string{
			"What do you need most in these days?",
			"Who can be near you for the moment?",
		},
	},
	{
		words: listed("argued argument fight fought quarrel quarrelled shouted"), among: []family{heated, heavy},
		dark: []string{
			"What did you hope would be understood?",
			"How would you like it to go the next time you speak?",
		},
	},
	{
		words: listed("university thesis degree studies college"),
		dark:  []string{"What would help most with your studies this week?", "What are you measuring yourself against there?"},
		light: []string{"What do you enjoy about it?"},
	},
}
