package crisis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
)

// Ways of writing that get a word past a filter must not get it past the rules.
func TestTricksOfWritingAreSeenThrough(t *testing.T) {
	for trick, text := range map[string]string{
		"capitals":                    "I WANT TO KILL MYSELF",
		"spaces":                      "i want to k i l l m y s e l f",
		"a whole spaced sentence":     "i w a n t t o d i e",
		"dots":                        "i want to k.i.l.l myself",
		"dots with spaces":            "s . u . i . c . i . d . e . thoughts all day",
		"hyphens":                     "i want to k-i-l-l myself",
		"stars":                       "i want to k*ll myself",
		"digits":                      "1 want t0 k1ll mys3lf",
		"a one for an l":              "i want to ki11 myself",
		"signs":                       "i want to k!ll my$elf",
		"letters held down":           "i want to kiiiilll myself",
		"invisible characters":        "i want to ki\u200bll my\u00adself",
		"accents":                     "i wánt to kíll mýself",
		"struck through":              "i want to k̶i̶l̶l̶ myself",
		"Cyrillic":                    "i want to кill mуsеlf",
		"a wholly Cyrillic look":      "ѕuісіdе is all i think of, аnd mу оwn",
		"Greek":                       "i wαnt to κιll mysεlf",
		"fullwidth":                   "ｉ ｗａｎｔ ｔｏ ｄｉｅ",
		"mathematical letters":        "i want to 𝓴𝓲𝓵𝓵 𝓶𝔂𝓼𝓮𝓵𝓯",
		"letters in circles":          "i want to ⓚⓘⓛⓛ myself",
		"white on black":              "i want to 🅺🅸🅻🅻 myself",
		"small capitals":              "i want to ᴋɪʟʟ ᴍʏsᴇʟғ",
		"an emoji for a verb":         "i want to 💀 myself, no joke",
		"an emoji for a means":        "🔫 in my hand. bye",
		"slang: unalive":              "i want to unalive myself",
		"slang: un aliving":           "been thinking of un aliving myself",
		"slang: kms":                  "gonna kms tonight",
		"slang: ctb":                  "gonna ctb in an hour",
		"slang: sewerslide":           "the sewerslide thoughts are back",
		"slang: sh":                   "sh relapse again, both arms",
		"a slip: letters changed":     "i want to kill myslef",
		"a slip: a letter missing":    "i am suicdal again",
		"a slip: a letter too many":   "i am having suiccidal thoughts",
		"no apostrophe":               "i dont want to live anymore",
		"no word boundary apostrophe": "ill kill myself",
	} {
		got := crisis.Assess(text)
		require.True(t, got.NeedsSafeAnswer(), "%s: %q: %+v", trick, text, got)
	}
}

func TestOrdinaryWritingIsNotMadeIntoDanger(t *testing.T) {
	for _, text := range []string{
		"I ran 5 kms", "vitamin a b c d e", "The meeting is on the 1st at 10am in room d 1 e", "привет, как дела, мы дома", "καλημέρα σε όλους",
		"c u l8r m8, gr8 game 2day", "We live at 4 Kilburn Road", "i.e. the U.S.A. team", "🔪🧅 making soup", "💀 that joke", "my 💊 for hay fever work",
		"I am myself again", "He overdoes it with the garlic",
	} {
		got := crisis.Assess(text)
		require.False(t, got.NeedsSafeAnswer(), "%q: %+v", text, got)
	}
}

// What is denied, over, told or somebody else's is not the writer's danger; the same
// words without it are.
func TestWhatSoftensASignAndWhatDoesNot(t *testing.T) {
	for calm, danger := range map[string]string{
		"I would never kill myself.":                                       "I will kill myself.",
		"My husband does not hit me.":                                      "My husband hits me.",
		"I was suicidal at sixteen, I am fine.":                            "I am suicidal. I am sixteen.",
		"My first husband hit me. That was half a lifetime ago, I'm happy": "My husband hit me again.",
		"In my story the villain says he will kill me if I leave":          "He says he will kill me if I leave",
		"Dad had a heart attack in March but he is back home":              "Dad is having a heart attack",
		"The lyric goes 'I want to die'":                                   "I want to die. There's a lyric like that.",
		"Before you ask: I am not going to hurt myself.":                   "Before you ask: yes. I am going to hurt myself.",
		"I'd rather die than wear beige":                                   "I'd rather die",
	} {
		require.False(t, crisis.Assess(calm).NeedsSafeAnswer(), "%q: %+v", calm, crisis.Assess(calm))
		require.True(t, crisis.Assess(danger).NeedsSafeAnswer(), "%q: %+v", danger, crisis.Assess(danger))
	}
}

func TestSomebodyElseInDangerNowCounts(t *testing.T) {
	for _, text := range []string{
		"my sister has taken all her tablets and won't open the door", "My friend is on the bridge and says he is going to let go",
		"she swallowed everything in the medicine cabinet", "my dad isn't breathing", "my brother has got a knife and says he will kill them",
	} {
		require.True(t, crisis.Assess(text).NeedsSafeAnswer(), "%q: %+v", text, crisis.Assess(text))
	}
}

func BenchmarkAssessFortyWords(b *testing.B) {
	const text = "I had a long day at work and my sister called about the house, so I am tired and a bit sad, and I keep thinking about what Dad said when he was in the hospital, and then the car broke down on the bridge again."
	for b.Loop() {
		crisis.Assess(text)
	}
}
