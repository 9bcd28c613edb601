package reflection_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/reflection"
)

func TestShiftTurnsToTheListener(t *testing.T) {
	for said, want := range map[string]string{
		"I miss my sister":                            "You miss your sister",
		"I am tired and I was alone":                  "You are tired and you were alone",
		"I'm sure I've lost it and I'd cry":           "You're sure you've lost it and you'd cry",
		"I just wasn't ready":                         "You just weren't ready",
		"I sat down and was fine":                     "You sat down and were fine",
		"My sister was there and was kind":            "Your sister was there and was kind",
		"He was angry with me because I was late":     "He was angry with you because you were late",
		"what I was thinking":                         "what you were thinking",
		"The sea was still and so was I":              "The sea was still and so were you",
		"I hurt myself, the fault is mine":            "You hurt yourself, the fault is yours",
		"We lost our house and it broke us":           "You lost your house and it broke you",
		"My husband and I were late":                  "You and your husband were late",
		"My cat is gone and I call her name":          "Your cat is gone and you call her name",
		"Me and my mum had a row":                     "You and your mum had a row",
		"Mum died and my mum's dog is with me":        "Your mum died and your mum's dog is with you",
		"the mum next door called Grandma":            "the mum next door called your grandma",
		"im tired and dont care, thats it":            "you're tired and don't care, that's it",
		"I moved to the US":                           "You moved to the US",
		"I got up at 6 am":                            "You got up at 6 am",
		"I can’t breathe":                             "You can't breathe",
		"my fucking boss hates me":                    "your boss hates you",
		"Only Priya knows that I am the one who paid": "Only Priya knows that you are the one who paid",
	} {
		got, ok := reflection.Shift(said)
		require.True(t, ok, said)
		require.Equal(t, want, got)
	}
}

func TestShiftRefusesWhatWouldComeOutWrong(t *testing.T) {
	for _, said := range []string{
		"You never listen to me", "I hope you're well", "she said \"I hate it\"", "he called me ‘lazy’", "look at https://example.org/me",
		"this is bullshit", "<b>I</b> am bold", "please help me", "let's go", "", "   ", "...",
	} {
		got, ok := reflection.Shift(said)
		require.False(t, ok, "%q became %q", said, got)
	}
}

func TestClausesBeginWithTheWeightiest(t *testing.T) {
	for text, want := range map[string]string{
		"Hi! So yesterday was odd. My wife wants a divorce and I can't sleep.":                 "your wife wants a divorce and you can't sleep",
		"Work isn't helping. Three deadlines in one week, and my manager keeps adding more.":   "three deadlines in one week, and your manager keeps adding more",
		"I'm furious with my boss, he took my idea.":                                           "you're furious with your boss – he took your idea",
		"If I say no, he shouts at me.":                                                        "if you say no, he shouts at you",
		"Maya left me.":                                                                        "Maya left you",
		"Thank you, I tried that and it helped.":                                               "you tried that and it helped",
		"I HATE THIS JOB SO MUCH!!!":                                                           "you hate this job so much",
		"ok so my roommate ate my food AGAIN lol":                                              "your roommate ate your food again",
		"Can't focus. Can't eat.":                                                              "you can't focus",
		"It was fine, I guess.":                                                                "it was fine",
		"I have so much to do: the thesis, my grandmother's care, and now the car broke down.": "you have so much to do: the thesis, your grandmother's care, and now the car broke down",
	} {
		clauses := reflection.Clauses(text)
		require.NotEmpty(t, clauses, text)
		require.Equal(t, want, clauses[0].Text)
	}
	for _, text := range []string{"", "?", "🙂", "Is it late?", "why did he go", "Мне грустно сегодня", "You are wrong.", "Help me"} {
		require.Empty(t, reflection.Clauses(text), text)
	}
}

func TestClausesKnowWhatTheyAre(t *testing.T) {
	clause := func(text string) reflection.Clause {
		clauses := reflection.Clauses(text)
		require.NotEmpty(t, clauses, text)
		return clauses[0]
	}
	require.True(t, clause("My flat is so empty.").Embeds)
	require.False(t, clause("Maya left me.").Embeds, "a name stays as it is, at the beginning")
	require.False(t, clause("Three deadlines in one week.").Embeds)
	require.True(t, clause("Nobody cares about me.").Loaded)
	require.True(t, clause("I'm such a failure.").Loaded)
	require.True(t, clause("There's no point in anything.").Loaded)
	require.False(t, clause("I have nobody to talk to.").Loaded)
	viewed := clause("I feel that nobody cares about me.")
	require.False(t, viewed.Loaded)
	require.True(t, viewed.Judges)
	require.True(t, clause("I'm so exhausted.").SelfReport)
	require.True(t, clause("Today I walked for an hour.").Leads)
}

func TestIndirect(t *testing.T) {
	for question, want := range map[string]string{
		"Why do I always feel like this?":  "why you always feel like this",
		"Should I quit my job?":            "whether you should quit your job",
		"Does he love me?":                 "whether he loves you",
		"Does she have to go?":             "whether she has to go",
		"Why does my mother try so hard?":  "why your mother tries so hard",
		"How do I stop worrying?":          "how to stop worrying",
		"What is wrong with me?":           "what is wrong with you",
		"Why can't I sleep?":               "why you can't sleep",
		"What if I fail?":                  "what happens if you fail",
		"Do you think I should call her?":  "whether you should call her",
		"Why didn't my mother come?":       "why your mother didn't come",
		"Is my dog in pain?":               "whether your dog is in pain",
		"How long will it hurt?":           "how long it will hurt",
		"When is my exam?":                 "when your exam is",
		"Was I wrong?":                     "whether you were wrong",
		"And what's the point of it all?":  "what is the point of it all",
		"I wonder why I keep doing this ?": "why you keep doing this",
	} {
		got, ok := reflection.Indirect(question)
		require.True(t, ok, question)
		require.Equal(t, want, got)
	}
	for _, question := range []string{"Did she leave?", "Do you love me?", "Why?", "", "Does he ever call?", "Где ты?", "Can the tall man by the door see me?"} {
		got, ok := reflection.Indirect(question)
		require.False(t, ok, "%q became %q", question, got)
	}
}

func TestWish(t *testing.T) {
	for request, want := range map[string]string{
		"Is there anything I can try to calm down before a talk?":  "to calm down before a talk",
		"Can you recommend something to help me sleep?":            "to sleep",
		"How do I stop worrying about my exam?":                    "to stop worrying about your exam",
		"Any tips for dealing with a difficult coworker?":          "for dealing with a difficult coworker",
		"What can I do when I feel a panic attack coming?":         "to do when you feel a panic attack coming",
		"I'm terrified. Is there something I can do to calm down?": "to calm down",
		"Please help me with my anxiety":                           "for your anxiety",
	} {
		got, ok := reflection.Wish(request)
		require.True(t, ok, request)
		require.Equal(t, want, got)
	}
	for _, other := range []string{"I want to sleep.", "What helps?", "", "Any tips?"} {
		got, ok := reflection.Wish(other)
		require.False(t, ok, "%q became %q", other, got)
	}
}

func TestPersonNamed(t *testing.T) {
	for text, want := range map[string]reflection.Person{
		"I called my sister Maya today":        {Who: "your sister Maya", Noun: "sister", Name: "Maya"},
		"My best friend moved away":            {Who: "your best friend", Noun: "friend"},
		"What's my sister's name?":             {Who: "your sister", Noun: "sister"},
		"I miss my late husband":               {Who: "your late husband", Noun: "husband", Late: true},
		"Yesterday Mum called":                 {Who: "your mum", Noun: "mum"},
		"It hurt when my parents Didn't come.": {Who: "your parents", Noun: "parents"},
	} {
		got, found := reflection.PersonNamed(text)
		require.True(t, found, text)
		require.Equal(t, want, got)
	}
	_, found := reflection.PersonNamed("The sister of a friend, and a dad I know, and my bike")
	require.False(t, found)
	require.Equal(t, "Maya", reflection.Person{Who: "your sister Maya", Name: "Maya"}.Short())
}

func TestRetoldMovesTimesToTheDayOfTelling(t *testing.T) {
	for said, want := range map[string]string{
		"My sister Maya moved to Lisbon last week.":    "your sister Maya moved to Lisbon the week before",
		"I'm terrified of the driving test tomorrow.":  "you were terrified of the driving test the next day",
		"I'm a nurse and I can't sleep right now.":     "you're a nurse and you couldn't sleep at the time",
		"My dog died two years ago and I miss him.":    "your dog died two years earlier and you missed him",
		"I cried for the last week of the holiday.":    "you cried for the last week of the holiday",
		"My son started school this morning, finally.": "your son started school that morning, finally",
	} {
		clauses := reflection.Clauses(said)
		require.NotEmpty(t, clauses, said)
		require.Equal(t, want, clauses[0].Retold().Text)
	}
}

func TestQuoteAndClean(t *testing.T) {
	require.Equal(t, "a b c", reflection.Clean(" a\x00 b\u202e\n\tc\xff🎉 "))
	require.Equal(t, "one two…", reflection.Quote("one two, three", 10))
	require.Equal(t, "she said ‘no’", reflection.Quote("she said “no”", 50))
	require.LessOrEqual(t, utf8.RuneCountInString(reflection.Clean(strings.Repeat("é ", 9000))), 2*reflection.MaxRunes)
}

// odd texts that any text may hold.
var odd = []string{
	"", " ", "I", "i'm", "'", "I'", "’’’", "my", "am I", "\xff\xfe", "I\x00am", "I am \u202e backwards", "я и ты", "我很难过。", "👩‍👩‍👧 my family",
	strings.Repeat("I ", 5000), strings.Repeat("a", 10000), "I, and, but, because; – — …", "help me", "how do I", "What can I do when", "{clause} {who} %s %!d(int)",
	"ﬁne İstanbul ẞ ŉ", "e\u0301 I\u0301", "Mum", "my Mum my", "When is my", "??", "I I I I", "do", "is it", "thank you,", "lol lol lol", "ALL CAPS ẞ",
}

func FuzzReflection(f *testing.F) {
	for _, text := range odd {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range reflection.Clauses(text) {
			sound(t, c.Text, c.Sentence(), c.Retold().Text)
			require.LessOrEqual(t, len(strings.Fields(c.Text)), 60)
		}
		indirect, _ := reflection.Indirect(text)
		wish, _ := reflection.Wish(text)
		shifted, _ := reflection.Shift(reflection.Clean(text))
		person, _ := reflection.PersonNamed(text)
		sound(t, indirect, wish, shifted, person.Who, reflection.Quote(text, 40))
	})
}

func sound(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		require.True(t, utf8.ValidString(text), "%q", text)
		require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	}
}
