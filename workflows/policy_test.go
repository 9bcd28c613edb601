package workflows

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
)

// policies are the steps of the nightly look at feedback, with what was to be adopted.
type policies struct {
	*stage
	propose  func(struct{}) (feedback.Proposal, error)
	evaluate func(feedback.Proposal) (feedback.Evaluation, error)
	adopt    func(feedback.AdoptInput) (feedback.Outcome, error)
	adopted  []feedback.AdoptInput
}

func newPolicies(t *testing.T) *policies {
	t.Helper()
	p := &policies{stage: newStage(t)}
	p.propose = func(struct{}) (feedback.Proposal, error) {
		return feedback.Proposal{Base: "1", Moves: []truthfilter.Adjustment{{Layer: truthfilter.Safety, By: 0.02}}}, nil
	}
	p.evaluate = func(feedback.Proposal) (feedback.Evaluation, error) {
		return feedback.Evaluation{Candidate: truthfilter.Figures{truthfilter.Good: {Right: 1, Of: 1}}}, nil
	}
	p.adopt = func(in feedback.AdoptInput) (feedback.Outcome, error) {
		p.adopted = append(p.adopted, in)
		return feedback.Outcome{Version: "1.1", State: feedback.Adopted}, nil
	}
	perform(p.stage, "feedback.ProposePolicy", &p.propose)
	perform(p.stage, "feedback.EvaluatePolicy", &p.evaluate)
	perform(p.stage, "feedback.AdoptPolicy", &p.adopt)
	p.RegisterWorkflow(FilterPolicy)
	return p
}

func TestACandidateIsEvaluatedBeforeItIsAdopted(t *testing.T) {
	p := newPolicies(t)
	tries := 0
	adopt := p.adopt
	p.adopt = func(in feedback.AdoptInput) (feedback.Outcome, error) {
		if tries++; tries == 1 {
			return feedback.Outcome{}, errors.New("the worker has ended")
		}
		return adopt(in)
	}
	p.ExecuteWorkflow(FilterPolicy, FilterPolicyInput{})
	require.NoError(t, p.GetWorkflowError())
	require.Equal(t, []string{"feedback.ProposePolicy", "feedback.EvaluatePolicy", "feedback.AdoptPolicy"}, p.calls)
	require.Equal(t, 2, tries)
	require.NotEmpty(t, p.adopted[0].Run)
	require.Equal(t, 1, p.adopted[0].Evaluation.Candidate.Of())
}

func TestWithoutFeedbackNothingIsEvaluated(t *testing.T) {
	p := newPolicies(t)
	p.propose = func(struct{}) (feedback.Proposal, error) { return feedback.Proposal{Base: "1"}, nil }
	p.ExecuteWorkflow(FilterPolicy, FilterPolicyInput{})
	require.NoError(t, p.GetWorkflowError())
	require.Equal(t, []string{"feedback.ProposePolicy"}, p.calls)
}

func assessment(t *testing.T, s *stage) (truthfilter.Assessed, []truthfilter.AssessInput) {
	t.Helper()
	var asked []truthfilter.AssessInput
	assessing := func(in truthfilter.AssessInput) (truthfilter.Judgement, error) {
		asked = append(asked, in)
		return truthfilter.Judgement{Verdict: truthfilter.Pass}, nil
	}
	perform(s, "truthfilter.Assess", &assessing)
	s.RegisterWorkflow(TextAssessment)
	s.ExecuteWorkflow(TextAssessment, truthfilter.AssessInput{Text: "Your sister is in Porto.", About: lonely})
	require.NoError(t, s.GetWorkflowError())
	var out truthfilter.Assessed
	require.NoError(t, s.GetWorkflowResult(&out))
	return out, asked
}

func TestATextIsHeldAgainstMemories(t *testing.T) {
	out, asked := assessment(t, newStage(t))
	require.Equal(t, truthfilter.Pass, out.Judgement.Verdict)
	require.Empty(t, out.Degraded)
	require.Equal(t, "my sister moved to Lisbon", asked[0].Memories[0].Text)
}

func TestATextIsJudgedWithoutMemoryAndMirror(t *testing.T) {
	s := newStage(t)
	s.recall = func(memory.RecallInput) (memory.Recollection, error) { return memory.Recollection{}, unserved() }
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) { return mirror.Analysis{}, unserved() }
	out, asked := assessment(t, s)
	require.Equal(t, truthfilter.Pass, out.Judgement.Verdict)
	require.Equal(t, []string{"memory_unavailable", "mirror_unavailable"}, out.Degraded)
	require.Len(t, asked, 1)
}

func TestATextInAnotherLanguageIsNotJudged(t *testing.T) {
	s := newStage(t)
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) { return mirror.Analysis{Language: "und"}, nil }
	out, asked := assessment(t, s)
	require.True(t, out.Foreign)
	require.Empty(t, asked, "rules that cannot read it would let it pass")
}
