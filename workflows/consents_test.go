package workflows

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/bridge"
	"meai/activities/escalation"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/internal/failure"
)

func noConsent() error  { return failure.New(failure.ConsentMissing, "there is no consent", nil) }
func restricted() error { return failure.New(failure.ProcessingRestricted, "stored only", nil) }

func TestAStoryEndsAtTheStepThatThePersonDoesNotAgreeToAnyMore(t *testing.T) {
	for name, c := range map[string]struct {
		breakIt func(*stage)
		ran     []string // besides delivering
		code    string
	}{
		"before it begins": {func(s *stage) {
			s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) { return mirror.Analysis{}, noConsent() }
		}, []string{"memory.Recall"}, "consent_missing"},
		"restricted": {func(s *stage) {
			s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) { return mirror.Analysis{}, restricted() }
			s.recall = func(memory.RecallInput) (memory.Recollection, error) { return memory.Recollection{}, restricted() }
		}, nil, "processing_restricted"},
		"before the search": {func(s *stage) {
			whole := s.analyze
			s.analyze = func(in mirror.AnalyzeInput) (mirror.Analysis, error) {
				analysis, err := whole(in)
				analysis.Kind = mirror.ResourceRequest
				return analysis, err
			}
			s.search = func(bridge.SearchInput) (bridge.SearchResult, error) { return bridge.SearchResult{}, noConsent() }
			s.compose = func(synthesis.ComposeInput) (synthesis.Answer, error) { return synthesis.Answer{}, noConsent() }
		}, []string{"mirror.Analyze", "memory.Recall"}, "consent_missing"},
		"before the answer": {func(s *stage) {
			s.compose = func(synthesis.ComposeInput) (synthesis.Answer, error) { return synthesis.Answer{}, noConsent() }
		}, []string{"mirror.Analyze", "memory.Recall"}, "consent_missing"},
		"before the review": {func(s *stage) {
			s.review = func(truthfilter.ReviewInput) (truthfilter.Judgement, error) {
				return truthfilter.Judgement{}, noConsent()
			}
		}, []string{"mirror.Analyze", "memory.Recall", "synthesis.Compose"}, "consent_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			c.breakIt(s)
			s.ExecuteWorkflow(Interaction, message(lonely))
			in := s.answer(t)
			require.ElementsMatch(t, append(c.ran, "synthesis.Deliver"), s.calls)
			require.Equal(t, synthesis.StoppedAnswer().Text, in.Answer.Text)
			require.Equal(t, synthesis.Stopped, in.Answer.Source)
			require.Nil(t, in.Answer.Analysis)
			require.Equal(t, lonely, in.Words, "what was accepted is kept")
			require.Equal(t, []string{c.code}, in.Answer.Degraded)
			require.Equal(t, interaction.Skipped, state(in, interaction.MemoryStorage))
			require.Equal(t, interaction.Skipped, state(in, interaction.MemoryIndexing))
			require.NotEmpty(t, in.Unremembered)
			require.Empty(t, s.kept)
		})
	}
}

func TestWithoutConsentToMemoryTheAnswerDoesWithout(t *testing.T) {
	s := newStage(t)
	s.recall = func(memory.RecallInput) (memory.Recollection, error) { return memory.Recollection{}, noConsent() }
	s.ExecuteWorkflow(Interaction, message(lonely))
	in := s.answer(t)
	require.Equal(t, synthesis.Composed, in.Answer.Source)
	require.Equal(t, "loneliness", in.Answer.Analysis.Primary)
	require.Equal(t, []string{"consent_missing"}, in.Answer.Degraded)
	require.Equal(t, interaction.Skipped, state(in, interaction.MemoryStorage))
	require.Equal(t, "ConsentMissing", in.Unremembered)
	require.Empty(t, s.kept, "and nothing is remembered")
}

func TestDangerNeedsNoConsent(t *testing.T) {
	s := newStage(t)
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) { return mirror.Analysis{}, noConsent() }
	s.remember = func(memory.RememberInput) (memory.Remembered, error) { return memory.Remembered{}, noConsent() }
	deliver := s.deliver
	s.deliver = func(in synthesis.DeliverInput) (synthesis.Delivered, error) {
		done, err := deliver(in)
		done.Escalation = uuid.New()
		return done, err
	}
	called := 0
	start := func(escalation.Ref) (struct{}, error) { called++; return struct{}{}, nil }
	perform(s, "escalation.Start", &start)
	putAside := func(memory.GiveUpInput) (struct{}, error) { return struct{}{}, nil }
	perform(s, "memory.GiveUp", &putAside)
	s.ExecuteWorkflow(Interaction, message("I want to kill myself."))
	require.Equal(t, synthesis.CrisisAnswer, s.answer(t).Answer.Source)
	require.Equal(t, 1, called, "people on call are told")
}

func TestWhatIsNotRememberedForWantOfConsentIsPutAside(t *testing.T) {
	s := newStage(t)
	s.remember = func(memory.RememberInput) (memory.Remembered, error) { return memory.Remembered{}, noConsent() }
	require.Equal(t, []string{"ConsentMissing"}, memorised(s, toMemorise()), "the person sees it, and can have it tried again")
}
