package workflows

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/failure"
)

func toMemorise() memory.RememberInput {
	ref := interaction.Ref{Subject: uuid.New(), Session: uuid.New(), Interaction: uuid.New()}
	ref.Workflow = memory.WorkflowOf(ref.Subject, ref.Interaction)
	return memory.RememberInput{Ref: ref, Text: lonely, SaidAt: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Origin: memory.Stored}
}

// memorised runs the story with what becomes of a write that is put aside.
func memorised(s *stage, in memory.RememberInput) (reasons []string) {
	putAside := func(in memory.GiveUpInput) (struct{}, error) {
		reasons = append(reasons, in.Reason)
		return struct{}{}, nil
	}
	perform(s, "memory.GiveUp", &putAside)
	s.ExecuteWorkflow(Memorise, in)
	return reasons
}

func TestAMemoryIsUnderstoodKeptAndIndexed(t *testing.T) {
	s := newStage(t)
	require.Empty(t, memorised(s, toMemorise()))
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, []string{"mirror.Analyze", "memory.Remember", "memory.IndexVectors"}, s.calls)
	require.Equal(t, "loneliness", s.kept[0].Analysis.Primary)
}

func TestWhatCannotBeRememberedIsPutAside(t *testing.T) {
	for name, c := range map[string]struct {
		fails  error
		reason string
	}{
		"it never can be":    {failure.New(failure.InvalidInput, "no words", nil), "InvalidInput"},
		"no retry mended it": {errors.New("the store is down for weeks"), "RetriesExhausted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.remember = func(memory.RememberInput) (memory.Remembered, error) { return memory.Remembered{}, c.fails }
			require.Equal(t, []string{c.reason}, memorised(s, toMemorise()))
			require.Error(t, s.GetWorkflowError(), "it is to be seen among the workflows as well")
		})
	}
}

func TestErasureEndsRememberingWithoutATrace(t *testing.T) {
	s := newStage(t)
	s.remember = func(memory.RememberInput) (memory.Remembered, error) {
		return memory.Remembered{}, failure.New(failure.SubjectInactive, "erased", nil)
	}
	require.Empty(t, memorised(s, toMemorise()))
	require.Error(t, s.GetWorkflowError())
}

func TestAWaitingClientLearnsHowFarAMemoryIs(t *testing.T) {
	for name, c := range map[string]struct {
		until memory.WriteState
		after string
		fails error
	}{
		"stored":     {memory.WriteStored, "memory.Remember", nil},
		"searchable": {memory.WriteSearchable, "memory.IndexVectors", nil},
		"failed":     {memory.WriteSearchable, "mirror.Analyze", failure.New(failure.InvalidInput, "no words", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			if c.fails != nil {
				s.remember = func(memory.RememberInput) (memory.Remembered, error) { return memory.Remembered{}, c.fails }
			}
			waited := &waiter{}
			s.RegisterDelayedCallback(func() { s.UpdateWorkflow(MemorisedUpdate, "u", waited, c.until) }, 0)
			memorised(s, toMemorise())
			require.NoError(t, waited.err)
			require.True(t, waited.done)
			require.Contains(t, s.calls, c.after)
		})
	}
}

// waiter is a client that waits for an update.
type waiter struct {
	done bool
	err  error
}

func (w *waiter) Accept()          {}
func (w *waiter) Reject(err error) { w.err = err }
func (w *waiter) Complete(_ any, err error) {
	w.done, w.err = true, err
}

func TestAMessageOfDangerIsRememberedWithoutItsEmotionsWhenMirrorIsAway(t *testing.T) {
	s := newStage(t)
	s.analyze = func(mirror.AnalyzeInput) (mirror.Analysis, error) { return mirror.Analysis{}, unserved() }
	require.Empty(t, memorised(s, toMemorise()))
	require.NoError(t, s.GetWorkflowError())
	require.Nil(t, s.kept[0].Analysis)
}

func TestAnImportGoesOnUntilNoLineIsLeft(t *testing.T) {
	s := newStage(t)
	pages := 0
	page := func(memory.ImportInput) (memory.ImportedPage, error) {
		pages++
		return memory.ImportedPage{Remembered: 50, More: pages < 4}, nil
	}
	perform(s, "memory.ImportPage", &page)
	s.ExecuteWorkflow(Import, memory.ImportInput{Subject: uuid.New(), Import: uuid.New()})
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, 4, pages)
}
