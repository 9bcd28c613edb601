package lexicon_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"meai/internal/lexicon"
)

func TestWordsAreFoldedAndKeepContractions(t *testing.T) {
	cases := map[string][]string{
		"":                                   {},
		"  ... !? 🎉 ":                        {},
		"Don’t panic!":                       {"don't", "panic"},
		"My mother's house, No. 42.":         {"my", "mother's", "house", "no", "42"},
		"self-care":                          {"self", "care"},
		"ＦＵＬＬ ｗｉｄｔｈ ﬁne":                     {"full", "width", "fine"},
		"naïve Café":                         {"naïve", "café"},
		"line\none\ttwo":                     {"line", "one", "two"},
		"bad\xffbyte":                        {"bad", "byte"},
		"Ich bin müde":                       {"ich", "bin", "müde"},
		"It`s 3.5 km and 10,000 steps today": {"it's", "3.5", "km", "and", "10,000", "steps", "today"},
	}
	for text, want := range cases {
		require.Equal(t, want, lexicon.Words(text), "words of %q", text)
	}
}

func TestSentencesDoNotEndAtTitles(t *testing.T) {
	text := "I saw Dr. Meyer today. I said no. She was kind!  Was it too late? I don't know...\nAnyway"
	require.Equal(t, []string{
		"I saw Dr. Meyer today.", "I said no.", "She was kind!", "Was it too late?", "I don't know...", "Anyway",
	}, lexicon.Sentences(text))
}

func TestSentencesLoseNothingWhenTheTextEndsInAnAbbreviation(t *testing.T) {
	require.Equal(t, []string{"Ask Mrs."}, lexicon.Sentences("Ask Mrs."))
	require.Empty(t, lexicon.Sentences(" \n ... "))
}

func TestTermsAreStemsOfTheWordsThatMatter(t *testing.T) {
	cases := map[string][]string{
		"I'm worried about my sister's exams": {"worri", "sister", "exam"},
		"The dogs were running, running!":     {"dog", "run", "run"},
		"What is it that you were doing?":     {},
		"I feel alone and never enough":       {"feel", "alon", "enough"},
		"Flight LH123 on 12 May":              {"flight", "lh123", "12"},
	}
	for text, want := range cases {
		require.Equal(t, want, lexicon.Terms(text), "terms of %q", text)
	}
}

func TestDifferentFormsOfAWordMeet(t *testing.T) {
	require.Equal(t, lexicon.Terms("My daughter moved to Lisbon"), lexicon.Terms("daughters moving, LISBON"))
}

func TestStopWordsAreFunctionWords(t *testing.T) {
	for _, w := range strings.Fields("the i don't dont and very") {
		require.True(t, lexicon.StopWord(w), w)
	}
	for _, w := range strings.Fields("mother sad alone help work home love") {
		require.False(t, lexicon.StopWord(w), w)
	}
}

func FuzzEveryTextCanBeCut(f *testing.F) {
	f.Add("I can’t do this anymore. Dr. No!")
	f.Add("\xff\xfe\u200b\u0301")
	f.Fuzz(func(t *testing.T, text string) {
		for _, found := range [][]string{lexicon.Words(text), lexicon.Sentences(text), lexicon.Terms(text)} {
			for _, piece := range found {
				require.NotEmpty(t, piece)
				require.True(t, utf8.ValidString(piece))
			}
		}
	})
}

func TestLatinShareCountsLettersOnly(t *testing.T) {
	for text, want := range map[string]float64{"": 0, "12 !? 😢": 0, "Où est-il, 3 fois?": 1, "да": 0, "ab вг": 0.5} {
		require.InDelta(t, want, lexicon.LatinShare(text), 1e-9, text)
	}
}
