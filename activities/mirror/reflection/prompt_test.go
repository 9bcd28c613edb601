package reflection_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/mirror/reflection"
)

// sayings are texts of several kinds, with what they may be used for.
var sayings = []string{
	"",
	"My sister Maya moved to Lisbon last week and the flat feels so empty without her.",
	"I can't sleep since the interview, and my boss keeps asking how it went.",
	"My baby monitor broke and my heart races.",
	"My dog died.",
	"meh",
	"\xff\xfe my \x00\u202e {thing} | {clause}",
	"MY MOTHER SHOUTED AT ME AND I SHOUTED BACK AT MY MOTHER!!!",
}

func TestEveryPromptPassesTheRules(t *testing.T) {
	for _, emotion := range append(reflection.Emotions(), "wistfulness") {
		for _, purpose := range reflection.Purposes {
			for shift := range 2 {
				for i, words := range sayings {
					tone := reflection.Tones[(i+shift)%4]
					p := reflection.Compose(reflection.Request{
						Words: words, Emotion: emotion, Purpose: purpose, Tone: tone, Seed: uint64(i), Echoes: echoes[i%len(echoes)],
						Needs: []reflection.Need{{Name: reflection.Needs()[i%9], Lacking: i%2 == 0}},
					})
					require.Empty(t, reflection.Check(p.Text, words), p.Text)
					require.EqualValues(t, 8, p.ID.Version())
					require.NotEmpty(t, p.Expects)
					require.NotEmpty(t, p.FollowUps)
					require.LessOrEqual(t, len(p.FollowUps), 3)
					require.NotContains(t, p.FollowUps, p.Text)
					require.Equal(t, purpose, p.Purpose)
					require.Equal(t, tone, p.Tone)
				}
			}
		}
	}
}

var echoes = [][]string{nil, {"My sister keeps coming up."}, {"Maya keeps coming up."}, {"Loneliness keeps coming back."}}

func TestNothingReturnsWithinTenTurns(t *testing.T) {
	for _, emotion := range reflection.Emotions() {
		for _, purpose := range reflection.Purposes {
			var shown []reflection.Prompt
			var ids []uuid.UUID
			for turn := range 22 {
				p := reflection.Compose(reflection.Request{
					Words: sayings[1+turn%2], Emotion: emotion, Purpose: purpose, Seed: reflection.Seed([16]byte{1}, turn), Recent: ids,
				})
				for _, before := range shown[max(0, len(shown)-10):] {
					require.NotEqual(t, before.Text, p.Text)
					require.NotEqual(t, before.ID[8:], p.ID[8:], "the question of %q", p.Text)
				}
				shown, ids = append(shown, p), append(ids, p.ID)
			}
		}
	}
}

func TestSameSeedSamePrompt(t *testing.T) {
	r := reflection.Request{Words: sayings[1], Emotion: "loneliness", Seed: reflection.Seed([16]byte{7}, 3)}
	require.Equal(t, reflection.Compose(r), reflection.Compose(r))
	other := r
	other.Seed = reflection.Seed([16]byte{7}, 4)
	require.NotEqual(t, reflection.Compose(r).Text, reflection.Compose(other).Text)
}

func TestThereAreThousandsOfPrompts(t *testing.T) {
	texts := map[string]bool{}
	for i := range 4_000 {
		texts[reflection.Compose(reflection.Request{
			Words: sayings[1+i%2], Emotion: reflection.Emotions()[i%27], Purpose: reflection.Purposes[i%4], Tone: reflection.Tones[i/4%4], Seed: uint64(i),
		}).Text] = true
	}
	require.Greater(t, len(texts), 3_000)
}

func TestThingsAreThePersonsOwnWithoutNames(t *testing.T) {
	for text, want := range map[string][]string{
		sayings[1]: {"your sister", "the flat"},
		sayings[2]: {"your boss", "the interview"},
		sayings[3]: nil,
		"My best friend Anna forgot my birthday.":             {"your best friend", "your birthday"},
		"My sister's new flat is lovely and so is my garden.": {"your sister's new flat", "your garden"},
		"We sold our old house after the funeral.":            {"your old house", "the funeral"},
		"He shook my hand and gave me the keys.":              nil,
		"My Maths exam went badly.":                           nil,
		"I love the way it rains.":                            nil,
		"MY MOTHER SHOUTED":                                   {"your mother"},
		"My job interview panel stared.":                      nil,
	} {
		got := reflection.Things(text)
		if len(want) == 0 {
			require.Empty(t, got, text)
			continue
		}
		require.Equal(t, want, got, text)
	}
}

func TestFragmentsAreFewWordsAboutThePerson(t *testing.T) {
	require.Equal(t, []string{"you can't sleep"}, reflection.Fragments("I can't sleep because the neighbours quarrel every night until dawn."))
	for _, text := range []string{
		"I can't sleep.", // it would be the whole sentence
		"I'm such a failure, and everybody knows it by now.",      // a verdict
		"I met Maya, and we walked along the river until sunset.", // a name
		"He left, and nobody told the children about it at all.",  // not about the person
	} {
		require.Empty(t, reflection.Fragments(text), text)
	}
}

func TestEchoesAreTakenUp(t *testing.T) {
	taken := func(echo string, want *regexp.Regexp) (found bool) {
		for seed := range uint64(12) {
			p := reflection.Compose(reflection.Request{Words: "I dreamt that my sister and Maya quarrelled.", Emotion: "anxiety", Seed: seed, Echoes: []string{echo}})
			require.NotContains(t, p.Text, "Maya")
			found = found || want.MatchString(p.Text)
		}
		return found
	}
	require.True(t, taken("My sister keeps coming up.", regexp.MustCompile(`your sister`)))
	require.True(t, taken("Anxiety keeps coming back.", regexp.MustCompile(`(?:about|remember|back to) worry`)))
	require.False(t, taken("My brother keeps coming up.", regexp.MustCompile(`brother|before|other days|first time`)), "nothing to do with it")
	require.False(t, taken("Joy keeps coming back.", regexp.MustCompile(`joy|before|other days|first time`)), "another feeling")
	require.True(t, taken("Maya keeps coming up.", regexp.MustCompile(`(?:before|other days|first time)`)), "without the name")
}

func TestNeedsAreAskedAbout(t *testing.T) {
	for _, name := range reflection.Needs() {
		for _, lacking := range []bool{true, false} {
			need := reflection.Need{Name: name, Lacking: lacking}
			found := false
			for seed := range uint64(30) {
				p := reflection.Compose(reflection.Request{Words: sayings[1], Emotion: reflection.Hard, Needs: []reflection.Need{need}, Seed: seed})
				if p.Need != nil {
					require.Equal(t, need, *p.Need)
					found = true
				}
			}
			require.True(t, found, "%+v", need)
		}
	}
	p := reflection.Compose(reflection.Request{Words: sayings[1], Needs: []reflection.Need{{Name: "unheard of"}}})
	require.Nil(t, p.Need)
}

func TestQuestionsStandAlone(t *testing.T) {
	for _, label := range reflection.Emotions() {
		for _, purpose := range reflection.Purposes {
			r := reflection.Request{Words: sayings[1], Emotion: label, Purpose: purpose, Needs: []reflection.Need{{Name: "connection", Lacking: true}}}
			got := slices.Concat(slices.Collect(reflection.Questions(r)), slices.Collect(reflection.GeneralQuestions(r)))
			require.GreaterOrEqual(t, len(got), 11, "one for each of the last ten turns, and one more")
			for _, q := range got {
				require.True(t, strings.HasSuffix(q, "?"), q)
				require.Empty(t, reflection.Check(q, sayings[1]), q)
			}
			require.Len(t, slices.Compact(slices.Sorted(slices.Values(got))), len(got))
		}
	}
}

func FuzzPrompt(f *testing.F) {
	for i, s := range sayings {
		f.Add(s, s, uint64(i))
	}
	f.Fuzz(func(t *testing.T, words, echo string, seed uint64) {
		r := reflection.Request{Words: words, Emotion: fmt.Sprint(words), Seed: seed, Echoes: []string{echo}}
		p := reflection.Compose(r)
		require.Empty(t, reflection.Check(p.Text, words), "%q", p.Text)
	})
}
