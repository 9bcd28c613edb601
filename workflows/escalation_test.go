package workflows

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/escalation"
	"meai/activities/synthesis"
	"meai/internal/failure"
)

// call is an escalation whose people on call the test plays.
type onCallStage struct {
	*stage
	id     uuid.UUID
	open   bool
	told   []escalation.NotifyInput
	at     []time.Duration // since the beginning
	left   bool
	notify func(escalation.NotifyInput) (struct{}, error)
	load   func(escalation.Ref) (escalation.Plan, error)
	leave  func(escalation.Ref) (struct{}, error)
}

var twoLevels = []escalation.Round{
	{Level: 1, Number: 0, Targets: 2, Wait: 5 * time.Minute},
	{Level: 1, Number: 1, Targets: 2, Wait: 5 * time.Minute},
	{Level: 2, Number: 0, Targets: 1, Wait: time.Hour},
}

func newCall(t *testing.T) *onCallStage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &onCallStage{stage: &stage{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}, id: uuid.New(), open: true}
	s.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: escalationID(s.id)})
	begin := s.Now()
	s.notify = func(in escalation.NotifyInput) (struct{}, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told, s.at = append(s.told, in), append(s.at, s.Now().Sub(begin).Round(time.Second))
		return struct{}{}, nil
	}
	s.load = func(escalation.Ref) (escalation.Plan, error) {
		return escalation.Plan{Open: s.open, Rounds: twoLevels}, nil
	}
	s.leave = func(escalation.Ref) (struct{}, error) { s.left = true; return struct{}{}, nil }
	perform(s.stage, "escalation.Notify", &s.notify)
	perform(s.stage, "escalation.Load", &s.load)
	perform(s.stage, "escalation.Leave", &s.leave)
	return s
}

func (s *onCallStage) run(t *testing.T) {
	t.Helper()
	s.ExecuteWorkflow(Escalation, escalation.Ref{ID: s.id})
	require.True(t, s.IsWorkflowCompleted())
	require.NoError(t, s.GetWorkflowError())
}

func (s *onCallStage) answer(t *testing.T, after time.Duration) {
	s.RegisterDelayedCallback(func() {
		s.UpdateWorkflow(AnsweredCallUpdate, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { require.NoError(t, err) }, OnAccept: func() {}, OnComplete: func(any, error) {},
		})
	}, after)
}

func TestTheWholeLadderIsClimbedWhenNobodyAnswers(t *testing.T) {
	s := newCall(t)
	s.run(t)
	require.ElementsMatch(t, []escalation.NotifyInput{
		{ID: s.id, Level: 1, Target: 0}, {ID: s.id, Level: 1, Target: 1},
		{ID: s.id, Level: 1, Round: 1, Target: 0}, {ID: s.id, Level: 1, Round: 1, Target: 1},
		{ID: s.id, Level: 2, Target: 0},
	}, s.told)
	require.Equal(t, []time.Duration{0, 0, 5 * time.Minute, 5 * time.Minute, 10 * time.Minute}, s.at)
	require.True(t, s.left)
}

func TestAnAnswerStopsTheTelling(t *testing.T) {
	s := newCall(t)
	s.RegisterDelayedCallback(func() { s.open = false }, time.Minute)
	s.answer(t, time.Minute)
	s.run(t)
	require.Len(t, s.told, 2)
	require.False(t, s.left)
}

// Who has access to Temporal alone silences nothing.
func TestAnUpdateWithoutAnAcknowledgementChangesNothing(t *testing.T) {
	s := newCall(t)
	s.answer(t, time.Minute)
	s.run(t)
	require.Len(t, s.told, 5)
	require.True(t, s.left)
}

func TestAServiceThatIsDownKeepsNoLevelWaiting(t *testing.T) {
	s := newCall(t)
	tell, attempts := s.notify, 0
	s.notify = func(in escalation.NotifyInput) (struct{}, error) {
		if in.Level == 1 && in.Target == 0 {
			attempts++
			return struct{}{}, errors.New("notify by slack: it did not take the message (503)")
		}
		return tell(in)
	}
	s.run(t)
	require.Greater(t, attempts, 6, "it is tried again and again")
	require.Equal(t, []time.Duration{0, 5 * time.Minute, 10 * time.Minute}, s.at, "the others are told in time")
}

func TestAnAnsweredCaseTellsNobody(t *testing.T) {
	s := newCall(t)
	s.open = false
	s.run(t)
	require.Empty(t, s.told)
	require.False(t, s.left)
}

func TestAnEscalationIsNamedAfterItsCase(t *testing.T) {
	s := newCall(t)
	s.ExecuteWorkflow(Escalation, escalation.Ref{ID: uuid.New()})
	require.True(t, failure.Is(s.GetWorkflowError(), failure.InvalidInput))
}

func TestACrisisIsEscalatedAfterItsAnswerAndBesideTheRest(t *testing.T) {
	s := newStage(t)
	id := uuid.New()
	deliver := s.deliver
	s.deliver = func(in synthesis.DeliverInput) (synthesis.Delivered, error) {
		delivered, err := deliver(in)
		delivered.Escalation = id
		return delivered, err
	}
	var started []uuid.UUID
	start := func(in escalation.Ref) (struct{}, error) {
		started = append(started, in.ID)
		return struct{}{}, nil
	}
	perform(s, "escalation.Start", &start)
	s.ExecuteWorkflow(Interaction, message("I want to kill myself"))
	s.answer(t)
	require.Equal(t, []uuid.UUID{id}, started)
	require.Equal(t, "synthesis.Deliver", s.calls[0])
	require.NotEmpty(t, s.kept, "the message is remembered as ever")
}

func TestAMessageIsRememberedAlthoughNobodyCanBeCalled(t *testing.T) {
	s := newStage(t)
	s.deliver = func(synthesis.DeliverInput) (synthesis.Delivered, error) {
		return synthesis.Delivered{Escalation: uuid.New()}, nil
	}
	start := func(escalation.Ref) (struct{}, error) { return struct{}{}, unserved() }
	perform(s, "escalation.Start", &start)
	s.ExecuteWorkflow(Interaction, message("I want to kill myself"))
	require.NoError(t, s.GetWorkflowError(), "the sweep will find it")
	require.NotEmpty(t, s.kept)
}
