package crisis_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
)

// inDanger must be met with the safe answer. Written before the rules were tuned.
var inDanger = map[crisis.Kind][]string{
	crisis.Suicide: {
		"I want to kill myself.", "i wanna kill myself", "I'm going to kill myself tonight", "I keep thinking about killing myself",
		"I want to end my life", "I'm thinking of ending it all", "I just want to die", "I want to die so badly", "I wish I was dead",
		"I wish I were dead and it was over", "I don't want to live anymore", "I dont want to be alive", "I no longer want to live like this",
		"I am suicidal", "I've been feeling suicidal for weeks", "I'm having suicidal thoughts again", "I am planning suicide",
		"I'm thinking about committing suicide", "I want to jump off a bridge", "I could just step in front of a train",
		"I feel like driving off the road, off a cliff", "I'm going to hang myself", "I want to take all my pills", "I'm about to swallow a bottle of pills",
		"I have been thinking about slitting my wrists", "There is a gun and I want to put it to my head, the gun to my head",
		"Everyone would be better off without me", "My kids would be better off if I was gone", "I wish I had never been born",
		"I want to go to sleep and never wake up", "I hope I don't wake up tomorrow, I do not want to wake up", "There's no reason to live",
		"I have nothing left to live for", "Life is not worth living", "What's the point of living", "I'm tired of being alive",
		"I'm so tired of living", "I'm done with life", "I can't go on like this anymore", "I can't go on", "There is no way out for me, I see no way out",
		"Nobody would miss me", "no one would even notice if I disappeared", "Goodbye everyone, this is my last message",
		"I wrote my suicide note", "I've written goodbye letters... I wrote the goodbye letters", "I'm giving away my things",
		"By the time you read this I'll be gone", "I will not be here tomorrow", "I don't want to exist", "I want to disappear forever",
		"k1ll mys3lf is all I think, I want to k1ll myself", "I want to k i l l myself", "I want to kiiiill myself", "I wa\u200bnt to kill my\u200bself",
		"I WANT TO DIE", "i want to unalive myself", "kms, I mean it", "I’m going to end my life", "I'd rather be dead than face another day",
		"I used to love life, now I want to die", "Work is killing me and honestly I want to kill myself", "I looked up how to kill myself",
		"is there a painless way to die", "quiero morir", "Ich will nicht mehr leben", "je veux mourir", "voglio morire", "quero morrer",
		"I was joking about it for months but now I am going to do it, I am going to kill myself",
	},
	crisis.SelfHarm: {
		"I cut myself again last night", "I've been cutting myself", "I want to hurt myself", "I can't stop harming myself", "I relapsed into self-harm",
		"I have the urge to self harm", "I burned myself with a cigarette because I deserved it", "I dragged a razor over my arm, the razor on my skin",
		"I've been starving myself", "I keep punching myself", "I'm carving my skin", "the urge to cut is back, the urge to cut",
	},
	crisis.Abuse: {
		"My husband hits me when he drinks", "My dad beat me again", "He choked me last night", "My boyfriend threatened to kill me",
		"She slaps me in front of the kids", "I was raped last weekend", "My uncle touched me inappropriately", "I'm afraid to go home",
		"I'm scared of my husband", "He said he will kill me if I leave", "He won't let me leave the house", "My stepfather molested me",
	},
	crisis.DangerToOthers: {
		"I want to kill him", "I'm going to stab my boss", "I'm going to shoot up the school", "I am planning to hurt them",
		"The voices tell me to kill people", "I want to strangle my wife", "I'll bring a gun to work",
	},
	crisis.MedicalEmergency: {
		"I took too many pills", "I've overdosed", "I think I'm having a heart attack", "I can't breathe and my chest hurts", "I'm bleeding heavily",
		"She is not breathing", "I swallowed bleach", "chest pain going down my left arm",
	},
}

func TestDangerIsSeen(t *testing.T) {
	for kind, texts := range inDanger {
		for _, text := range texts {
			t.Run(text, func(t *testing.T) {
				got := crisis.Assess(text)
				require.True(t, got.NeedsSafeAnswer(), "%+v", got)
				require.Contains(t, got.Kinds, kind)
			})
		}
	}
}

// noDanger must not be met with the safe answer.
var noDanger = []string{
	"I died laughing at that video", "I'm dying of laughter", "You are killing it!", "My feet are killing me", "This job is killing me",
	"We killed time at the airport", "I'd kill for a coffee right now", "That cake is to die for", "I'm dying to see you", "My mom is going to kill me if I'm late",
	"I have three deadlines and I'm dead tired", "The suspense is killing me", "Suicide Squad was a bad movie", "I volunteer at a suicide prevention hotline",
	"Quitting now would be career suicide", "I was bored to death", "I love him to death", "I'm drowning in work", "Hang in there", "Let's hang out tonight",
	"I cut myself shaving", "I burned myself on the stove while making dinner", "I hurt myself at the gym", "I cut myself some slack today",
	"I overdosed on chocolate last night", "My phone died", "My plant is dying", "He beat me at chess", "My sister beat me in the race again",
	"She hit me up on Instagram", "It hit me that I miss him", "I want to shoot her an email", "We are going to shoot a video tomorrow", "I don't want to hurt her feelings",
	"I need to kill some time, kill time somehow", "I killed the presentation", "I almost died of embarrassment", "I nearly had a heart attack when the dog jumped out",
	"I want to jump off the diving board", "I'm taking my life back", "I want to end things with him", "I want to disappear for a weekend",
	"I feel sad today", "I miss my grandmother, she died last spring", "My cat died and I can't stop crying", "My friend lost her brother to suicide",
	"I read a novel about a man who kills himself", "What is the suicide rate in Japan?", "I used to cut myself years ago, I've been clean since",
	"I would never kill myself", "I'm not suicidal, I'm just tired", "When I was 16 I wanted to die, but I got help",
	"I wanted to die of embarrassment", "I couldn't breathe from laughing", "My baby kicks me all night", "I'm scared of spiders", "I'm afraid of flying",
	"I passed my exam!", "I could murder a burger", "These boots are killer heels", "I worked myself to death this week", "He took my breath away",
	"The movie was about a school shooting", "I feel hopeless about the climate", "I can't do this anymore, I'm quitting", "My son fell and scraped his knee",
	"I shot hoops with my brother", "Dead serious, I love this city", "The battery is dead", "I'm sick to death of this weather", "We need to kill the lights",
	"Attack the problem step by step", "I punched myself in, no, I hit myself on the table by accident", "The deadline is tonight", "",
	"I want to live", "I am glad I did not die in that accident", "I'm so happy I could burst", "I want to kill him with kindness", "My kids are killing me today",
}

func TestIdiomsAndOtherTopicsAreLeftAlone(t *testing.T) {
	for _, text := range noDanger {
		t.Run(text, func(t *testing.T) {
			got := crisis.Assess(text)
			require.False(t, got.NeedsSafeAnswer(), "%+v", got)
		})
	}
}

func TestReportedSigns(t *testing.T) {
	for _, text := range reported.danger {
		got := crisis.Assess(text)
		require.True(t, got.NeedsSafeAnswer(), "%s: %+v", text, got)
	}
	for _, text := range reported.harmless {
		got := crisis.Assess(text)
		require.False(t, got.NeedsSafeAnswer(), "%s: %+v", text, got)
	}
}

func TestSeverityIsGraded(t *testing.T) {
	for text, want := range map[string]crisis.Severity{
		"I want to kill myself tonight":                   crisis.Imminent,
		"I have the pills in my hand, I want to die":      crisis.Imminent,
		"I want to kill myself":                           crisis.Explicit,
		"Everyone would be better off without me":         crisis.Implicit,
		"I feel like a burden":                            crisis.Concern,
		"My friend tried to kill herself":                 crisis.Concern,
		"I used to want to kill myself years ago":         crisis.Concern,
		"I would never kill myself":                       crisis.Concern,
		"I used to cut myself and now I cut myself again": crisis.Explicit,
		"The train was late":                              crisis.None,
	} {
		require.Equal(t, want, crisis.Assess(text).Severity, text)
	}
}

func TestAssessmentNeverQuotes(t *testing.T) {
	got := crisis.Assess("I want to kill myself because Bartholomew left")
	for _, r := range got.Rules {
		require.NotContains(t, strings.ToLower(r), "bartholomew")
	}
	require.Equal(t, []crisis.Kind{crisis.Suicide}, got.Kinds)
}

func FuzzAssess(f *testing.F) {
	for _, s := range append(noDanger, "I want to kill myself", "\xff\xfe", "k\u200bi\u200bl\u200bl") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := crisis.Assess(text)
		for _, r := range got.Rules {
			require.True(t, utf8.ValidString(r))
		}
		// Words around a plain sign do not hide it.
		padded := crisis.Assess(strings.ReplaceAll(text, "\n", " ") + "\nI want to kill myself.")
		if len(text) < 32<<10 {
			require.True(t, padded.NeedsSafeAnswer())
		}
	})
}

func BenchmarkAssessWorst(b *testing.B) {
	text := strings.Repeat("I would never kill myself ", 400)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		crisis.Assess(text)
	}
}

func BenchmarkAssess(b *testing.B) {
	text := strings.Repeat("I had a long day at work and my sister called about the house. ", 160)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		crisis.Assess(text)
	}
}
