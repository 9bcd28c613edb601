package truthfilter

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
)

func contradictionIn(j Judgement) (Reason, bool) {
	for _, l := range j.Layers {
		for _, r := range l.Reasons {
			if r.Code == "contradiction" {
				return r, true
			}
		}
	}
	return Reason{}, false
}

// TestADraftIsHeldAgainstWhatWasTold, and both sentences are named.
func TestADraftIsHeldAgainstWhatWasTold(t *testing.T) {
	f := New(nil, Standard)
	for draft, told := range map[string]string{
		"Your two brothers are coming on Friday.":         "I have three brothers.",
		"You live in Porto.":                              "I live in Leeds.",
		"Your brother is a plumber.":                      "My brother works as a nurse.",
		"You play the guitar every evening.":              "I play the piano every evening.",
		"You moved to Leeds in June.":                     "I moved to Leeds in March.",
		"Your train leaves from platform nine at midday.": "My train leaves from platform two at midday.",
	} {
		for name, in := range map[string]ReviewInput{
			"words": {Words: "It was a long week. " + told, Draft: "That sounds tiring. " + draft},
		} {
			r, found := contradictionIn(f.Review(t.Context(), in))
			require.True(t, found, "%s: %s", name, draft)
			require.Equal(t, draft, r.Words)
			require.Equal(t, told, r.Against)
		}
	}
}

// TestOppositesDeny: of a clause that says the same, with its opposite in the place of a word
// or with a negation, but not with both.
func TestOppositesDeny(t *testing.T) {
	for told, draft := range map[string]string{
		"I passed my driving test.":          "You failed your driving test.",
		"I passed my driving test early on.": "You failed your driving test late on.",
		"My flight arrived early yesterday.": "Your flight arrived late yesterday.",
		"I always lend my sister the car.":   "You always borrow the car of your sister.",
		"I don't eat meat on Fridays.":       "You eat meat on Fridays.",
	} {
		_, certain, found := denies(draft, told)
		require.True(t, found, draft)
		require.False(t, certain, draft)
	}
	for told, draft := range map[string]string{
		"I passed my driving test.":                "You didn't fail your driving test.",
		"I like my early late shifts at work.":     "You like your late early shifts at work.",
		"My flight arrived early yesterday.":       "Your flight arrived early yesterday.",
		"I like early mornings and late evenings.": "You like late evenings and early mornings.",
	} {
		_, _, found := denies(draft, told)
		require.False(t, found, draft)
	}
}

func TestADraftIsHeldAgainstMemories(t *testing.T) {
	in := ReviewInput{Words: "It was a long week.", Draft: "Does the piano help? You play the guitar every evening.", Memories: []memory.Memory{{Text: "I play the piano every evening."}}}
	r, found := contradictionIn(New(nil, Standard).Review(t.Context(), in))
	require.True(t, found)
	require.Equal(t, in.Memories[0].Text, r.Against)
}

// TestWhatChangedIsNotHeldAgainstADraft: what is told now counts, not what was told before.
func TestWhatChangedIsNotHeldAgainstADraft(t *testing.T) {
	in := ReviewInput{
		Words: "We have moved to Leeds, and my sister came along.", Draft: "So you live in Leeds with your sister now.",
		Memories: []memory.Memory{{Text: "I live in Porto with my sister."}},
	}
	_, found := contradictionIn(New(nil, Standard).Review(t.Context(), in))
	require.False(t, found)
}

// TestMoodsPass: what the companion saw in somebody before is not held against what it sees
// now.
func TestMoodsPass(t *testing.T) {
	in := ReviewInput{
		Words: "I got the job!", Draft: "You sound relieved and happy today.",
		Earlier: []string{"You sound worried and tired today."}, Memories: []memory.Memory{{Text: "I feel so tired and hopeless today."}},
	}
	_, found := contradictionIn(New(nil, Standard).Review(t.Context(), in))
	require.False(t, found)
}

type answers []string

func (a answers) Before(context.Context, interaction.Ref) []string { return a }

func TestEarlierAnswersAreHeldAgainstADraft(t *testing.T) {
	in := ReviewInput{Words: "I am off to the station.", Draft: "Your train leaves from platform nine at noon."}
	a := Activities{Filter: New(nil, Standard), Steps: interaction.NewRecorder(nil, nil)}
	j, err := a.Review(t.Context(), in)
	require.NoError(t, err)
	_, found := contradictionIn(j)
	require.False(t, found)

	a.Answers = answers{"Your train leaves from platform two at noon."}
	j, err = a.Review(t.Context(), in)
	require.NoError(t, err)
	r, found := contradictionIn(j)
	require.True(t, found)
	require.Equal(t, a.Answers.(answers)[0], r.Against)
}
