package workflows

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/reflection"
	"meai/internal/failure"
)

func prompts(t *testing.T, s *stage, in mirror.ReflectInput) mirror.Reflection {
	t.Helper()
	s.RegisterWorkflow(ReflectionPrompts)
	s.ExecuteWorkflow(ReflectionPrompts, in)
	require.NoError(t, s.GetWorkflowError())
	var out mirror.Reflection
	require.NoError(t, s.GetWorkflowResult(&out))
	return out
}

// onReflection performs Mirror's part and keeps what it was asked.
func onReflection(s *stage) *[]mirror.ReflectInput {
	var asked []mirror.ReflectInput
	reflecting := func(in mirror.ReflectInput) (mirror.Reflection, error) {
		asked = append(asked, in)
		return mirror.Reflection{Prompts: []reflection.Prompt{{Text: "How is that for you?"}}, Degraded: []string{"embedding_unavailable"}}, nil
	}
	perform(s, "mirror.Reflect", &reflecting)
	return &asked
}

func TestPromptsTakeUpWhatKeepsComingUp(t *testing.T) {
	s := newStage(t)
	asked := onReflection(s)
	s.recall = func(in memory.RecallInput) (memory.Recollection, error) {
		require.Equal(t, []memory.Kind{memory.Echo}, in.Kinds)
		require.Equal(t, lonely, in.Query)
		return memory.Recollection{Memories: []memory.Memory{{Kind: memory.Echo, Text: "My sister keeps coming up."}}}, nil
	}
	out := prompts(t, s, mirror.ReflectInput{Text: lonely, Count: 1})
	require.Equal(t, []string{"My sister keeps coming up."}, (*asked)[0].Echoes)
	require.Len(t, out.Prompts, 1)
	require.Equal(t, []string{"embedding_unavailable"}, out.Degraded)
}

func TestPromptsDoWithoutTheMemory(t *testing.T) {
	s := newStage(t)
	asked := onReflection(s)
	s.recall = func(memory.RecallInput) (memory.Recollection, error) { return memory.Recollection{}, unserved() }
	out := prompts(t, s, mirror.ReflectInput{Text: lonely, Count: 1})
	require.Empty(t, (*asked)[0].Echoes)
	require.Len(t, out.Prompts, 1)
	require.ElementsMatch(t, []string{"embedding_unavailable", "memory_unavailable"}, out.Degraded)
}

func TestWithoutWordsNothingIsRecalled(t *testing.T) {
	s := newStage(t)
	onReflection(s)
	prompts(t, s, mirror.ReflectInput{Emotion: "joy", Count: 1})
	require.Equal(t, []string{"mirror.Reflect"}, s.calls)
}

func TestARecallIsAnsweredByTheWorkerThatRunsIt(t *testing.T) {
	s := newStage(t)
	s.RegisterWorkflow(Recollection)
	s.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) {
		t.Error("a task of its own would be written down four times more")
	})
	s.recall = func(in memory.RecallInput) (memory.Recollection, error) {
		require.Equal(t, lonely, in.Query)
		return memory.Recollection{Memories: []memory.Memory{{Text: "My sister called."}}}, nil
	}
	s.ExecuteWorkflow(Recollection, memory.RecallInput{Query: lonely})
	require.NoError(t, s.GetWorkflowError())
	var out memory.Recollection
	require.NoError(t, s.GetWorkflowResult(&out))
	require.Equal(t, "My sister called.", out.Memories[0].Text)
}

func TestARecallThatIsRefusedSaysWhy(t *testing.T) {
	s := newStage(t)
	s.RegisterWorkflow(Recollection)
	tries := 0
	s.recall = func(memory.RecallInput) (memory.Recollection, error) {
		tries++
		return memory.Recollection{}, failure.New(failure.InvalidInput, "no", nil)
	}
	s.ExecuteWorkflow(Recollection, memory.RecallInput{Query: lonely})
	require.True(t, failure.Is(s.GetWorkflowError(), failure.InvalidInput), "%v", s.GetWorkflowError())
	require.Equal(t, 1, tries)
}
