package workflows

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/bridge"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/internal/failure"
)

// stage is a test environment whose activities a scenario can replace one by one.
// calls lists what ran, in order of completion.
type stage struct {
	*testsuite.TestWorkflowEnvironment
	mu        sync.Mutex // of what several activities at once write to
	calls     []string
	analyze   func(mirror.AnalyzeInput) (mirror.Analysis, error)
	recall    func(memory.RecallInput) (memory.Recollection, error)
	search    func(bridge.SearchInput) (bridge.SearchResult, error)
	compose   func(synthesis.ComposeInput) (synthesis.Answer, error)
	review    func(truthfilter.ReviewInput) (truthfilter.Judgement, error)
	deliver   func(synthesis.DeliverInput) (synthesis.Delivered, error)
	remember  func(memory.RememberInput) (memory.Remembered, error)
	index     func(memory.IndexInput) (memory.Indexed, error)
	delivered []synthesis.DeliverInput
	kept      []memory.RememberInput
}

func newStage(t *testing.T) *stage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &stage{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) {
		return mirror.Analysis{Kind: mirror.Expression, Primary: "loneliness", Intensity: 0.6, Valence: -0.5}, nil
	}
	s.recall = func(memory.RecallInput) (memory.Recollection, error) {
		return memory.Recollection{Memories: []memory.Memory{{ID: uuid.New(), Text: "my sister moved to Lisbon"}}}, nil
	}
	s.search = func(bridge.SearchInput) (bridge.SearchResult, error) {
		return bridge.SearchResult{Hits: []bridge.Hit{{Resource: bridge.Resource{ID: "box-breathing"}}}}, nil
	}
	s.compose = func(in synthesis.ComposeInput) (synthesis.Answer, error) {
		return synthesis.Answer{Source: synthesis.Composed, Text: "You said: " + in.Words}, nil
	}
	s.review = func(truthfilter.ReviewInput) (truthfilter.Judgement, error) {
		return truthfilter.Judgement{Verdict: truthfilter.Pass, Score: 0.9}, nil
	}
	s.deliver = func(in synthesis.DeliverInput) (synthesis.Delivered, error) {
		s.delivered = append(s.delivered, in)
		return synthesis.Delivered{At: s.Now()}, nil
	}
	s.remember = func(in memory.RememberInput) (memory.Remembered, error) {
		s.kept = append(s.kept, in)
		return memory.Remembered{Nodes: []uuid.UUID{uuid.New()}}, nil
	}
	s.index = func(in memory.IndexInput) (memory.Indexed, error) { return memory.Indexed{Vectors: len(in.Nodes)}, nil }

	perform(s, "mirror.Analyze", &s.analyze)
	perform(s, "memory.Recall", &s.recall)
	perform(s, "bridge.Search", &s.search)
	perform(s, "synthesis.Compose", &s.compose)
	perform(s, "truthfilter.Review", &s.review)
	perform(s, "synthesis.Deliver", &s.deliver)
	s.RegisterWorkflow(Memorise)
	perform(s, "memory.Remember", &s.remember)
	perform(s, "memory.IndexVectors", &s.index)
	return s
}

// perform registers an activity that does what *f says when it runs.
func perform[In, Out any](s *stage, name string, f *func(In) (Out, error)) {
	s.RegisterActivityWithOptions(func(_ context.Context, in In) (Out, error) {
		out, err := (*f)(in)
		if err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls = append(s.calls, name)
		}
		return out, err
	}, activity.RegisterOptions{Name: name})
}

func message(words string) InteractionInput {
	ref := interaction.Ref{Subject: uuid.New(), Session: uuid.New(), Interaction: uuid.New()}
	ref.Workflow = personID(ref.Subject, "interaction", "k")
	return InteractionInput{Ref: ref, Words: words, AcceptedAt: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
}

func (s *stage) answer(t *testing.T) synthesis.DeliverInput {
	t.Helper()
	require.True(t, s.IsWorkflowCompleted())
	require.NoError(t, s.GetWorkflowError())
	require.Len(t, s.delivered, 1, "exactly one answer is delivered")
	return s.delivered[0]
}

func state(in synthesis.DeliverInput, step interaction.Step) interaction.StepState {
	for _, r := range in.Steps {
		if r.Step == step {
			return r.State
		}
	}
	return ""
}

const lonely = "I feel so alone since my sister moved away"

// unserved is what a workflow sees when nobody polls a queue.
func unserved() error {
	return temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
}

func TestInteractionRunsItsStory(t *testing.T) {
	s := newStage(t)
	s.ExecuteWorkflow(Interaction, message(lonely))

	in := s.answer(t)
	require.ElementsMatch(t, []string{"mirror.Analyze", "memory.Recall"}, s.calls[:2], "both run first, in any order")
	require.Equal(t, []string{"synthesis.Compose", "truthfilter.Review", "synthesis.Deliver", "memory.Remember", "memory.IndexVectors"}, s.calls[2:])
	require.Equal(t, synthesis.Composed, in.Answer.Source)
	require.Equal(t, "loneliness", in.Answer.Analysis.Primary)
	require.Equal(t, truthfilter.Pass, in.Answer.Review.Verdict)
	require.Empty(t, in.Answer.Degraded)
	require.Equal(t, interaction.Skipped, state(in, interaction.ResourceSearch))
	for _, step := range []interaction.Step{interaction.EmotionalAnalysis, interaction.MemoryRetrieval, interaction.ResponseGeneration, interaction.TruthReview, interaction.Delivery} {
		require.Equal(t, interaction.Completed, state(in, step), step)
	}
	require.Equal(t, lonely, s.kept[0].Text)
}

func TestResourcesAreSoughtWhenAskedFor(t *testing.T) {
	s := newStage(t)
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) {
		return mirror.Analysis{Kind: mirror.ResourceRequest, Primary: "anxiety", Needs: []mirror.Need{{Name: "certainty", Lacking: true}, {Name: "growth"}}}, nil
	}
	var asked bridge.SearchInput
	found := s.search
	s.search = func(in bridge.SearchInput) (bridge.SearchResult, error) { asked = in; return found(in) }
	var given []bridge.Hit
	s.compose = func(in synthesis.ComposeInput) (synthesis.Answer, error) {
		given = in.Hits
		return synthesis.Answer{Text: "try this"}, nil
	}
	s.ExecuteWorkflow(Interaction, message("Is there anything I can try before a talk?"))

	in := s.answer(t)
	require.Equal(t, interaction.Completed, state(in, interaction.ResourceSearch))
	require.Equal(t, []string{"certainty"}, asked.Needs, "only what is lacking")
	require.False(t, asked.External, "nobody outside is asked")
	require.Equal(t, "box-breathing", given[0].Resource.ID)
}

// TestWhatIsSwitchedOffIsLeftOut: steps that an answer can do without, and no other.
func TestWhatIsSwitchedOffIsLeftOut(t *testing.T) {
	s := newStage(t)
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) {
		return mirror.Analysis{Kind: mirror.ResourceRequest, Primary: "anxiety"}, nil
	}
	told := message("Is there anything I can try before a talk?")
	told.Without = []interaction.Step{interaction.ResourceSearch, interaction.MemoryRetrieval, interaction.TruthReview, interaction.EmotionalAnalysis}
	s.ExecuteWorkflow(Interaction, told)

	in := s.answer(t)
	require.NotContains(t, s.calls, "bridge.Search")
	require.NotContains(t, s.calls, "memory.Recall")
	require.Equal(t, interaction.Skipped, state(in, interaction.ResourceSearch))
	require.Equal(t, interaction.Skipped, state(in, interaction.MemoryRetrieval))
	require.Empty(t, in.Answer.Degraded, "it is not missing: it was switched off")
	require.Contains(t, s.calls, "truthfilter.Review", "what keeps people safe is not switched off")
	require.Contains(t, s.calls, "mirror.Analyze")
}

func TestEachOutageDegradesAndIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		breakIt  func(*stage)
		step     interaction.Step
		degraded string
		source   synthesis.Source
	}{
		"mirror": {func(s *stage) {
			seen := 0
			whole := s.analyze
			s.analyze = func(in mirror.AnalyzeInput) (mirror.Analysis, error) {
				if seen++; seen == 1 {
					return mirror.Analysis{}, unserved()
				}
				return whole(in)
			}
		}, interaction.EmotionalAnalysis, "mirror_unavailable", synthesis.Composed},
		"memory": {func(s *stage) {
			s.recall = func(memory.RecallInput) (memory.Recollection, error) { return memory.Recollection{}, unserved() }
		}, interaction.MemoryRetrieval, "memory_unavailable", synthesis.Composed},
		"vectors": {func(s *stage) {
			s.recall = func(memory.RecallInput) (memory.Recollection, error) {
				return memory.Recollection{Degraded: []string{"vectors_unavailable"}}, nil
			}
		}, interaction.MemoryRetrieval, "vectors_unavailable", synthesis.Composed},
		"model provider": {func(s *stage) {
			s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) {
				return mirror.Analysis{Primary: "sadness", Degraded: []string{"embedding_unavailable"}}, nil
			}
		}, interaction.EmotionalAnalysis, "embedding_unavailable", synthesis.Composed},
		"language model, for two steps": {func(s *stage) {
			whole := s.analyze
			s.analyze = func(in mirror.AnalyzeInput) (mirror.Analysis, error) {
				analysis, err := whole(in)
				analysis.Degraded = []string{"language_model_unavailable"}
				return analysis, err
			}
			s.compose = func(synthesis.ComposeInput) (synthesis.Answer, error) {
				return synthesis.Answer{Source: synthesis.Composed, Text: "draft", Degraded: []string{"language_model_unavailable"}}, nil
			}
		}, interaction.ResponseGeneration, "language_model_unavailable", synthesis.Composed},
		"synthesis": {func(s *stage) {
			s.compose = func(synthesis.ComposeInput) (synthesis.Answer, error) { panic("a wording that nobody thought of") }
		}, interaction.ResponseGeneration, "synthesis_unavailable", synthesis.Fallback},
		"synthesis, for the revision": {func(s *stage) {
			whole := s.compose
			s.compose = func(in synthesis.ComposeInput) (synthesis.Answer, error) {
				if in.Revise != nil {
					return synthesis.Answer{}, errors.New("it cannot be mended")
				}
				return whole(in)
			}
			s.review = func(truthfilter.ReviewInput) (truthfilter.Judgement, error) {
				return truthfilter.Judgement{Verdict: truthfilter.Revise}, nil
			}
		}, interaction.ResponseGeneration, "synthesis_unavailable", synthesis.Fallback},
		"truthfilter": {func(s *stage) {
			s.review = func(truthfilter.ReviewInput) (truthfilter.Judgement, error) {
				return truthfilter.Judgement{}, unserved()
			}
		}, interaction.TruthReview, "truthfilter_unavailable", synthesis.Fallback},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			c.breakIt(s)
			s.ExecuteWorkflow(Interaction, message(lonely))
			in := s.answer(t)
			require.Equal(t, []string{c.degraded}, in.Answer.Degraded)
			require.Equal(t, interaction.Degraded, state(in, c.step))
			require.Equal(t, c.source, in.Answer.Source)
			require.NotNil(t, s.kept[0].Analysis, "what was skipped is completed before the message is remembered")
		})
	}
}

func TestAMessageIsRememberedAtOnceAndAgainWithWhatMirrorSawLater(t *testing.T) {
	for name, meanwhile := range map[string]func() (mirror.Analysis, error){
		"mirror": func() (mirror.Analysis, error) { return mirror.Analysis{}, errors.New("it is away") },
		"model provider": func() (mirror.Analysis, error) {
			return mirror.Analysis{Primary: "neutral", Degraded: []string{"embedding_unavailable"}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			whole := s.analyze
			s.analyze = func(in mirror.AnalyzeInput) (mirror.Analysis, error) {
				if len(s.kept) == 0 {
					return meanwhile()
				}
				return whole(in)
			}
			s.ExecuteWorkflow(Interaction, message(lonely))
			s.answer(t)
			require.Len(t, s.kept, 2)
			want, err := whole(mirror.AnalyzeInput{Text: lonely})
			require.NoError(t, err)
			require.NotEqual(t, &want, s.kept[0].Analysis)
			require.Equal(t, &want, s.kept[1].Analysis)
		})
	}
}

func TestDraftIsRevisedOnceThenReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		verdicts []truthfilter.Verdict
		source   synthesis.Source
		drafts   int
	}{
		"passes":           {[]truthfilter.Verdict{truthfilter.Pass}, synthesis.Generated, 1},
		"passes revised":   {[]truthfilter.Verdict{truthfilter.Revise, truthfilter.Pass}, synthesis.Composed, 2},
		"rejected, passes": {[]truthfilter.Verdict{truthfilter.Reject, truthfilter.Pass}, synthesis.Composed, 2},
		"never passes":     {[]truthfilter.Verdict{truthfilter.Revise, truthfilter.Revise}, synthesis.Fallback, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			drafts, reviews := 0, 0
			s.compose = func(in synthesis.ComposeInput) (synthesis.Answer, error) {
				drafts++
				require.Equal(t, drafts > 1, in.Revise != nil, "a revision knows the objection")
				if drafts == 1 {
					return synthesis.Answer{Source: synthesis.Generated, Text: "draft"}, nil
				}
				require.Equal(t, synthesis.Generated, in.Revised, "and to whose words it was made")
				return synthesis.Answer{Source: synthesis.Composed, Text: "draft"}, nil
			}
			s.review = func(truthfilter.ReviewInput) (truthfilter.Judgement, error) {
				reviews++
				return truthfilter.Judgement{Verdict: c.verdicts[reviews-1]}, nil
			}
			s.ExecuteWorkflow(Interaction, message(lonely))
			in := s.answer(t)
			require.Equal(t, c.source, in.Answer.Source)
			require.Equal(t, c.drafts, drafts)
			require.NotEmpty(t, in.Answer.Text)
		})
	}
}

// TestWhatPeopleHaveToLookAtIsNotRevised: the judgement reaches delivery, which raises it.
func TestWhatPeopleHaveToLookAtIsNotRevised(t *testing.T) {
	s := newStage(t)
	drafts := 0
	s.compose = func(synthesis.ComposeInput) (synthesis.Answer, error) {
		drafts++
		return synthesis.Answer{Source: synthesis.Generated, Text: "draft"}, nil
	}
	s.review = func(truthfilter.ReviewInput) (truthfilter.Judgement, error) {
		return truthfilter.Judgement{Verdict: truthfilter.Reject, Escalate: true}, nil
	}
	s.ExecuteWorkflow(Interaction, message(lonely))
	in := s.answer(t)
	require.Equal(t, 1, drafts)
	require.Equal(t, synthesis.Fallback, in.Answer.Source)
	require.True(t, in.Answer.Review.Escalate)
}

func TestCrisisIsAnsweredWithoutAnyQueueButDelivery(t *testing.T) {
	s := newStage(t)
	down := false
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) {
		require.True(t, down, "analysis waits until help was given")
		return mirror.Analysis{Primary: "despair"}, nil
	}
	store := s.deliver
	s.deliver = func(in synthesis.DeliverInput) (synthesis.Delivered, error) { down = true; return store(in) }
	s.ExecuteWorkflow(Interaction, message("I want to kill myself tonight"))

	in := s.answer(t)
	require.Equal(t, "synthesis.Deliver", s.calls[0])
	require.Equal(t, synthesis.CrisisAnswer, in.Answer.Source)
	require.True(t, in.Answer.Crisis.NeedsSafeAnswer())
}

func TestMirrorMayRaiseACrisisThatTheRulesMissed(t *testing.T) {
	s := newStage(t)
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) {
		return mirror.Analysis{Crisis: crisis.Assessment{Severity: crisis.Implicit, Kinds: []crisis.Kind{crisis.Suicide}}}, nil
	}
	s.ExecuteWorkflow(Interaction, message(lonely))
	require.Equal(t, synthesis.CrisisAnswer, s.answer(t).Answer.Source)
	require.NotContains(t, s.calls, "synthesis.Compose", "nothing is generated freely")
}

func TestWhatTheRulesSuspectCountsWhenMirrorIsLost(t *testing.T) {
	const suspected = "I overdosed an hour ago and now I am getting scared, please help me, my mother is asleep in the next room"
	for lost, want := range map[bool]synthesis.Source{true: synthesis.CrisisAnswer, false: synthesis.Composed} {
		s := newStage(t)
		if lost {
			s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) { return mirror.Analysis{}, unserved() }
		}
		s.ExecuteWorkflow(Interaction, message(suspected))
		require.Equal(t, want, s.answer(t).Answer.Source)
	}
}

func TestDeliveryOutlivesALongOutage(t *testing.T) {
	s := newStage(t)
	store, tries := s.deliver, 0
	s.deliver = func(in synthesis.DeliverInput) (synthesis.Delivered, error) {
		if tries++; tries < 10 { // the test environment gives up after ten tries, the policy after a week
			return synthesis.Delivered{}, errors.New("connection refused")
		}
		return store(in)
	}
	s.ExecuteWorkflow(Interaction, message(lonely))
	s.answer(t)
	require.Equal(t, 10, tries)
}

func TestErasureEndsTheStoryWithoutRetries(t *testing.T) {
	s := newStage(t)
	tries := 0
	s.deliver = func(synthesis.DeliverInput) (synthesis.Delivered, error) {
		tries++
		return synthesis.Delivered{}, failure.New(failure.SubjectInactive, "erasure has begun", nil)
	}
	s.ExecuteWorkflow(Interaction, message(lonely))
	require.True(t, failure.Is(s.GetWorkflowError(), failure.SubjectInactive), "%v", s.GetWorkflowError())
	require.Equal(t, 1, tries)
	require.Empty(t, s.kept)
}

func TestWaitingClientIsAnsweredBeforeTheMessageIsRemembered(t *testing.T) {
	s := newStage(t)
	var answeredAfter int
	s.RegisterDelayedCallback(func() {
		s.UpdateWorkflow(AnsweredUpdate, "", &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { require.NoError(t, err) },
			OnComplete: func(_ any, err error) {
				require.NoError(t, err)
				answeredAfter = len(s.calls)
			},
		})
	}, 0)
	s.ExecuteWorkflow(Interaction, message(lonely))
	s.answer(t)
	require.Equal(t, "synthesis.Deliver", s.calls[answeredAfter-1], "the update returns as soon as the answer is stored")
}

func TestVectorsThatCannotBeIndexedAreLeftToTheNight(t *testing.T) {
	s := newStage(t)
	s.index = func(memory.IndexInput) (memory.Indexed, error) {
		return memory.Indexed{}, errors.New("weaviate is down")
	}
	s.ExecuteWorkflow(Interaction, message(lonely))
	s.answer(t)
	require.Len(t, s.kept, 1)
}
