package consent_test

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
)

func TestThereIsATextForEveryPurpose(t *testing.T) {
	var asked, all []consent.Purpose
	for _, d := range consent.Purposes() {
		all = append(all, d.Purpose)
		if !d.OptOut {
			asked = append(asked, d.Purpose)
		}
		require.Equal(t, d.Purpose == consent.Conversation, d.Required, "everything but the conversation is a free choice: %s", d.Purpose)
	}
	require.Equal(t, []consent.Purpose{
		consent.Conversation, consent.Memory, consent.Vault, consent.LanguageModel, consent.Discovery, consent.Feedback, consent.Archive,
	}, asked)
	require.Equal(t, append(asked, consent.Sharing), all)
	_, known := consent.Defined("everything")
	require.False(t, known)
}

// released are the texts that people may have agreed to. They never change: add a version.
var released = map[string]string{
	"archive 1 de":        "c8a5bce249edadf2",
	"archive 1 en":        "6ccb975bc7ebc07c",
	"conversation 1 de":   "ca9f5e907544179c",
	"conversation 1 en":   "9664c391a161602d",
	"conversation 2 de":   "61b13ed748a245fe",
	"conversation 2 en":   "17e51edb7af64543",
	"discovery 1 de":      "c34d22c2c24aca6d",
	"discovery 1 en":      "86b25c1d60a20ee8",
	"feedback 1 de":       "e092d71b2189c9d9",
	"feedback 1 en":       "6c1ae13e78621bbb",
	"language_model 1 de": "4703fe12d7ac2cfc",
	"language_model 1 en": "bdedd7f1be9de346",
	"language_model 2 de": "4af91ceaeb5ae29e",
	"language_model 2 en": "75375fe42c083670",
	"memory 1 de":         "27c75a201864ce73",
	"memory 1 en":         "ef36f8368ecf7f73",
	"sharing 1 de":        "9b552f22cb74b51f",
	"sharing 1 en":        "a4dd00453fc0d012",
	"vault 1 de":          "ec3b1900ec3fadb3",
	"vault 1 en":          "30f5399af766ae6b",
}

func TestATextThatPeopleAgreedToNeverChanges(t *testing.T) {
	current := map[string]string{}
	for _, d := range consent.Purposes() {
		for _, v := range d.Versions {
			for _, language := range consent.Languages {
				text, _ := v.In(language)
				hash := text.Hash()
				current[strings.Join([]string{string(d.Purpose), string(rune('0' + v.Number)), language}, " ")] = hex.EncodeToString(hash[:8])
			}
		}
	}
	require.Equal(t, released, current)
}

// TestTextsCanBeReadByEverybody holds the English texts to the eighth grade (Flesch and
// Kincaid) and the German ones to what LIX calls easy to middling.
func TestTextsCanBeReadByEverybody(t *testing.T) {
	for _, d := range consent.Purposes() {
		for _, v := range d.Versions {
			english := v.English.Text + " " + v.English.Without
			grade := fleschKincaid(english)
			t.Logf("%s %d: English grade %.1f, German LIX %.0f", d.Purpose, v.Number, grade, lix(v.German.Text+" "+v.German.Without))
			require.LessOrEqual(t, grade, 8.0, d.Purpose)
			require.LessOrEqual(t, lix(v.German.Text+" "+v.German.Without), 45.0, d.Purpose)
			for _, text := range []string{english, v.German.Text} {
				for _, sentence := range sentences(text) {
					require.LessOrEqual(t, len(words(sentence)), 26, "%s: %s", d.Purpose, sentence)
				}
			}
		}
	}
	require.Greater(t, fleschKincaid("Notwithstanding contractual obligations, personal information is disseminated internationally for legitimate organisational purposes."), 12.0)
}

// TestNobodyIsTalkedIntoAnything looks for words that praise a yes or warn of a no.
func TestNobodyIsTalkedIntoAnything(t *testing.T) {
	pushing := regexp.MustCompile(`(?i)\b(?:best experience|unlock|recommended|miss out|unfortunately|limited|full potential|don't worry|only takes|enjoy|exclusive|empfohlen|leider|eingeschränkt|verpass|optimal|bestmöglich|keine sorge)`)
	require.Regexp(t, pushing, "Recommended for the best experience")
	for _, d := range consent.Purposes() {
		for _, v := range d.Versions {
			for _, language := range consent.Languages {
				text, _ := v.In(language)
				require.NotRegexp(t, pushing, text.Title+" "+text.Text+" "+text.Without, d.Purpose)
				require.Less(t, utf8.RuneCountInString(text.Without), utf8.RuneCountInString(text.Text), "a no is told more shortly than what it is about")
			}
		}
	}
}

var (
	sentenceEnd = regexp.MustCompile(`[.!?:]+(?:\s|$)`)
	wordForm    = regexp.MustCompile(`[\p{L}']+`)
	vowels      = regexp.MustCompile(`(?i)[aeiouy]+`)
)

func sentences(text string) []string {
	var all []string
	for _, s := range sentenceEnd.Split(text, -1) {
		if strings.TrimSpace(s) != "" {
			all = append(all, s)
		}
	}
	return all
}

func words(text string) []string { return wordForm.FindAllString(text, -1) }

// syllables counts groups of vowels, but for a silent e at the end.
func syllables(word string) int {
	n := len(vowels.FindAllString(word, -1))
	if strings.HasSuffix(word, "e") && !strings.HasSuffix(word, "le") && n > 1 {
		n--
	}
	return max(n, 1)
}

func fleschKincaid(text string) float64 {
	count, spoken := 0, 0
	for _, w := range words(text) {
		count++
		spoken += syllables(w)
	}
	return 0.39*float64(count)/float64(len(sentences(text))) + 11.8*float64(spoken)/float64(count) - 15.59
}

// lix is the words in a sentence and the share of words of more than six letters.
func lix(text string) float64 {
	all, long := words(text), 0
	for _, w := range all {
		if utf8.RuneCountInString(w) > 6 {
			long++
		}
	}
	return float64(len(all))/float64(len(sentences(text))) + 100*float64(long)/float64(len(all))
}
