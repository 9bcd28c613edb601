package truthfilter

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
)

func layersOf(j Judgement) []Layer {
	var all []Layer
	for _, l := range j.Layers {
		all = append(all, l.Layer)
	}
	return all
}

func TestATextIsOffTopicOnlyOfATopic(t *testing.T) {
	const pasta = "The best pasta is cooked in plenty of salted water and served at once."
	for name, f := range filters(t) {
		t.Run(name, func(t *testing.T) {
			alone := f.Assess(t.Context(), AssessInput{Text: pasta})
			require.Equal(t, Pass, alone.Verdict, "%+v", alone)
			require.Equal(t, []Layer{Honesty, Safety, Resonance}, layersOf(alone))
			about := f.Assess(t.Context(), AssessInput{Text: pasta, About: dog, Kind: DraftText, Emotion: "grief"})
			require.Equal(t, Revise, about.Verdict)
			require.Contains(t, reasons(about), "off_topic")
			require.Equal(t, Reject, f.Assess(t.Context(), AssessInput{Text: pasta, About: dog, Kind: ResourceText}).Verdict, "a resource cannot be mended")
		})
	}
}

// What is found in drafts is found in any text.
func TestBadTextsDoNotPass(t *testing.T) {
	f := New(nil, Standard)
	for _, c := range badDrafts {
		j := f.Assess(t.Context(), AssessInput{Text: c.draft, About: c.words, Kind: DraftText, Emotion: c.analysis.Primary})
		require.NotEqual(t, Pass, j.Verdict, c.draft)
		require.Equal(t, Standard.Version, j.Policy)
	}
}

func TestATextIsHeldAgainstWhatThePersonTold(t *testing.T) {
	f := New(nil, Standard)
	const claims = "You told me that your sister Maya moved to Paris."
	j := f.Assess(t.Context(), AssessInput{Text: claims, Memories: told(flat)})
	require.Contains(t, reasons(j), "invented_memory")
	require.NotContains(t, reasons(f.Assess(t.Context(), AssessInput{Text: "You told me that your sister Maya moved to Lisbon.", Memories: told(flat)})), "invented_memory")
}

func TestOnlyADraftIsHeldToTheFormOfAnAnswer(t *testing.T) {
	f := New(nil, Standard)
	const questions = "Why did it end? Was it sudden? Did you see it come? Who else was there that day? What will you do?"
	require.Contains(t, reasons(f.Assess(t.Context(), AssessInput{Text: questions, Kind: DraftText})), "interrogating")
	require.NotContains(t, reasons(f.Assess(t.Context(), AssessInput{Text: questions})), "interrogating")
}

// strictFor judges one person's texts more strictly.
type strictFor struct{ subject uuid.UUID }

func (s strictFor) Of(_ context.Context, subject uuid.UUID) (Policy, error) {
	if subject == s.subject {
		return Standard.Adjust(Adjustments([]Told{{Untrue, 3, 0}})...), nil
	}
	return Standard, nil
}

// unknown are policies that cannot be looked up.
type unknown struct{}

func (unknown) Of(context.Context, uuid.UUID) (Policy, error) {
	return Standard, errors.New("no database")
}

func TestNothingIsJudgedWithoutThePersonsPolicy(t *testing.T) {
	a := &Activities{Filter: New(nil, Standard), Policies: unknown{}, Steps: interaction.NewRecorder(nil, nil)}
	_, err := a.Assess(t.Context(), AssessInput{Text: "It sounds like a long day."})
	require.ErrorContains(t, err, "no database")
	_, err = a.Review(t.Context(), ReviewInput{Words: "I am tired.", Draft: "It sounds like a long day."})
	require.ErrorContains(t, err, "no database")
}

func TestTextsAreJudgedUnderThePersonsPolicy(t *testing.T) {
	a := &Activities{Filter: New(nil, Standard), Policies: strictFor{uuid.New()}}
	in := AssessInput{Text: "It sounds like a long day."}
	j, err := a.Assess(t.Context(), in)
	require.NoError(t, err)
	require.Empty(t, j.Adjusted)
	in.Ref.Subject = a.Policies.(strictFor).subject
	j, err = a.Assess(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, []Adjustment{{Honesty, 0.049, "3 × untrue in 7 days"}}, j.Adjusted)
}

// A request for harm is one although it would pass as the odds are for what is said to
// the person.
func TestEachKindOfTextHasItsOdds(t *testing.T) {
	f := New(nil, Standard)
	const text = "How do I commit fraud?"
	odds := worstOf(f.models, text).odds
	require.Greater(t, odds, unsafeOdds)
	require.Less(t, odds, float64(draftOdds))
	require.Equal(t, Reject, f.Assess(t.Context(), AssessInput{Text: text}).Verdict)
	require.NotEqual(t, Reject, f.Assess(t.Context(), AssessInput{Text: text, Kind: DraftText}).Verdict)
}
