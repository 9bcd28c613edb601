package synthesis_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/activities/synthesis"
)

var lisbon = told("My sister Maya moved to Lisbon last week and the flat feels so empty without her.", 3, .6)

func TestRecallQuestionsAreAnsweredFromMemory(t *testing.T) {
	asked := told("Do you remember where my sister Maya went?", 1, .95)
	for _, question := range []string{
		"Do you remember where my sister Maya went?",
		"Where did my sister Maya go?",
		"What did I tell you about my sister?",
		"I think I'll visit my sister soon. Do you remember where Maya moved to?",
		"Did I mention Maya?",
		"remember where Maya moved to",
	} {
		t.Run(question, func(t *testing.T) {
			in := saying(question, felt("question", "grief", .3, .15, 0), asked, lisbon)
			t.Log(synthesis.Compose(in).Text)
			for _, answer := range variants(in) {
				requireSound(t, answer)
				requirePasses(t, in, answer)
				require.Contains(t, answer.Text, "your sister Maya moved to Lisbon the week before")
				require.Contains(t, answer.Text, "a few days ago")
				require.NotContains(t, answer.Text, "question about the world")
				require.NotContains(t, answer.Text, "“”")
				require.NotContains(t, answer.Text, "emember where")
				require.Len(t, answer.Memories, 1, "the earlier question is no answer")
				require.Equal(t, lisbon.ID, answer.Memories[0].ID)
				require.Equal(t, lisbon.Text, answer.Memories[0].Text)
			}
		})
	}
}

func TestRecallInTheSameConversationKeepsItsTimes(t *testing.T) {
	in := saying("Do you remember where my sister Maya went?", felt("question", "grief", .3, .15, 0), told(lisbon.Text, 0, .6))
	require.Contains(t, synthesis.Compose(in).Text, "earlier that your sister Maya moved to Lisbon last week")
	in.At = in.At.AddDate(0, 0, -1)
	require.Contains(t, synthesis.Compose(in).Text, "before that your sister Maya moved to Lisbon the week before", "a clock that runs ahead says nothing")
}

func TestRecallTellsHowLongAgoInWordsThatHold(t *testing.T) {
	for days, want := range map[int]string{
		1: "a day or so ago", 4: "a few days ago", 8: "about a week ago", 20: "a few weeks ago", 30: "about a month ago",
		200: "some months ago", 400: "about a year ago", 900: "some years ago",
	} {
		in := saying("Do you remember where my sister Maya went?", nil, told(lisbon.Text, days, .6))
		require.Contains(t, synthesis.Compose(in).Text, "ou told me "+want)
	}
}

func TestRecallSaysSoWhenNothingIsThere(t *testing.T) {
	for question, subject := range map[string]string{
		"What did I tell you about my brother?":       "your brother",
		"Have I told you about my dog?":               "your dog",
		"When is my exam?":                            "your exam",
		"What's my mum's name?":                       "your mum",
		"Do you remember what I said about the boat?": "the boat",
		"I told you about Priya, remember?":           "Priya",
	} {
		far := lisbon
		far.Score = .02
		in := saying(question, felt("question", "jealousy", .3, .1, 0), far)
		for _, answer := range variants(in) {
			requireSound(t, answer)
			requirePasses(t, in, answer)
			require.Empty(t, answer.Memories)
			require.NotContains(t, answer.Text, "Lisbon")
			require.Contains(t, answer.Text, " "+subject)
			require.Regexp(t, "nothing", answer.Text)
		}
	}
	empty := synthesis.Compose(saying("What do you remember about me?", nil))
	require.Contains(t, empty.Text, "nothing about you")
}

func TestRecallGathersWhatBelongsTogether(t *testing.T) {
	bakery := told("My sister called today and said she found a job in a bakery.", 1, .5)
	in := saying("What did I tell you about my sister?", felt("question", "guilt", .3, .1, 0), bakery, lisbon)
	answer := synthesis.Compose(in)
	require.Len(t, answer.Memories, 2)
	require.Contains(t, answer.Text, "your sister called that day and said she found a job in a bakery")
	require.Contains(t, answer.Text, "You also told me")

	general := synthesis.Compose(saying("What do you remember about me?", nil, bakery, lisbon))
	require.Len(t, general.Memories, 2)
}

func TestRecallByMeaningAloneComesWithACaveat(t *testing.T) {
	flying := told("I'm terrified of planes.", 30, .5)
	in := saying("Do you remember what scares me?", felt("question", "fear", .4, .4, -.3), flying)
	answer := synthesis.Compose(in)
	require.Contains(t, answer.Text, "I'm not certain that it is what you mean")
	require.Contains(t, answer.Text, "you were terrified of planes")
	requirePasses(t, in, answer)

	flying.Score = .02
	require.Empty(t, synthesis.Compose(saying("Do you remember what scares me?", nil, flying)).Memories)
}

func TestRecallQuotesWhatItCannotTurn(t *testing.T) {
	letter := told("Maya wrote “you will always be my sister” on the wall.", 3, .6)
	in := saying("What did Maya write on the wall, do you remember?", felt("question", "love", .3, .2, .2), letter)
	answer := synthesis.Compose(in)
	require.Contains(t, answer.Text, "“Maya wrote ‘you will always be my sister’ on the wall”")
	requirePasses(t, in, answer)
}

func TestMemoryIsWovenInWhereItBelongs(t *testing.T) {
	fear := told("I'm terrified of the driving test on Friday.", 9, .5)
	fear.Emotion = "fear"
	passed := saying("I passed my driving test today!", felt("expression", "pride", .7, .7, .7), fear, lisbon)
	for _, answer := range variants(passed) {
		requireSound(t, answer)
		requirePasses(t, passed, answer)
		require.Contains(t, answer.Text, "you told me about a week ago that you were terrified of the driving test on Friday")
		require.Len(t, answer.Memories, 1)
		require.Equal(t, fear.ID, answer.Memories[0].ID)
	}

	t.Run("a person brings two messages together", func(t *testing.T) {
		in := saying("My sister Maya called and cried on the phone.", felt("expression", "sadness", .6, .6, -.5), lisbon)
		require.Contains(t, synthesis.Compose(in).Text, "your sister Maya moved to Lisbon")
	})
	t.Run("two memories of one moment are one", func(t *testing.T) {
		marker := fear
		marker.ID, marker.Kind = uuid.NewSHA1(fear.ID, nil), memory.Marker
		in := saying("I passed my driving test today!", felt("expression", "pride", .7, .7, .7), fear, marker)
		require.Len(t, synthesis.Compose(in).Memories, 1)
	})
}

func TestMemoryIsLeftAloneWhereItDoesNotBelong(t *testing.T) {
	read := felt("expression", "exhaustion", .6, .67, -.57)
	for name, m := range map[string]memory.Memory{
		"it is about something else":     lisbon,
		"it shares one ordinary word":    told("I bought deadlines for dinner, a board game.", 3, .5),
		"its score is low":               told("My manager gave me three deadlines.", 3, .003),
		"it is what was just said":       told("My manager keeps adding deadlines", 3, .9),
		"it is a question":               told("Why does my manager keep adding deadlines?", 3, .9),
		"it comes from the vault":        {ID: uuid.New(), Kind: memory.Vault, Text: "My manager keeps adding deadlines to my desk.", SaidAt: now, Score: .9},
		"it is a mere name":              {ID: uuid.New(), Kind: memory.Entity, Text: "my manager", SaidAt: now, Score: .9},
		"it tells of their darkest hour": told("My manager and the deadlines made me want to kill myself.", 3, .9),
	} {
		t.Run(name, func(t *testing.T) {
			answer := synthesis.Compose(saying("My manager keeps adding deadlines.", read, m))
			require.Empty(t, answer.Memories, answer.Text)
			requireSound(t, answer)
		})
	}
}

func TestEchoIsNoticedWithCare(t *testing.T) {
	echo := memory.Memory{ID: uuid.New(), Kind: memory.Echo, Text: "Lukas keeps coming up.", SaidAt: now, Score: .4}
	in := saying("Lukas shouted at me on the phone again.", felt("expression", "anger", .6, .5, -.5), echo)
	answer := synthesis.Compose(in)
	require.Contains(t, answer.Text, "with care: Lukas keeps coming up in what you tell me")
	require.Len(t, answer.Memories, 1)

	for text, want := range map[string]string{
		"You have often been angry when you spoke of Lukas.": "with care: you have often been angry when you spoke of Lukas.",
		"Your brother Lukas keeps coming up.":                "with care: your brother Lukas keeps coming up in what you tell me.",
	} {
		echo.Text = text
		answer = synthesis.Compose(saying("Lukas shouted at me on the phone again.", felt("expression", "anger", .6, .5, -.5), echo))
		require.Contains(t, answer.Text, want)
	}
}
