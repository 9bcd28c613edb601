package codec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
)

// waits answers updates and queries until it is told to end.
func waits(ctx workflow.Context, in note) (note, error) {
	if in != say("start arguments") {
		return note{}, errors.New("start arguments did not arrive")
	}
	told := note{}
	err := errors.Join(
		workflow.SetUpdateHandler(ctx, "change", func(_ workflow.Context, in note) (note, error) {
			if in != say("update input") {
				return note{}, errors.New("the update's input did not arrive")
			}
			return say("update result"), nil
		}),
		workflow.SetQueryHandler(ctx, "told", func() (note, error) { return told, nil }),
	)
	if err != nil {
		return note{}, err
	}
	workflow.GetSignalChannel(ctx, "tell").Receive(ctx, &told)
	if told != say("signal") {
		return note{}, errors.New("the signal did not arrive")
	}
	return say("result"), nil
}

// renews begins anew with words until none are left.
func renews(ctx workflow.Context, in note, left int) (note, error) {
	if in != say("carried over") {
		return note{}, errors.New("what was carried over did not arrive")
	}
	if left == 0 {
		return say("result"), nil
	}
	return note{}, workflow.NewContinueAsNewError(ctx, renews, say("carried over"), left-1)
}

// fails ends with what its activity failed with, and with words of its own.
func fails(ctx workflow.Context, _ note) error {
	err := workflow.ExecuteActivity(storyOptions(ctx), stumble).Get(ctx, nil)
	return temporal.NewApplicationErrorWithOptions(say("workflow failure").Text, "Fell", temporal.ApplicationErrorOptions{
		NonRetryable: true, Cause: err, Details: []any{say("workflow failure details")},
	})
}

// pathWorkflows are those of this file.
var pathWorkflows = []any{waits, renews, fails}

func (s stage) start(t *testing.T, id string, wf any, args ...any) client.WorkflowRun {
	t.Helper()
	var run client.WorkflowRun
	require.Eventually(t, func() (started bool) { // a new namespace takes a moment
		var err error
		run, err = s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: id, TaskQueue: s.queue, Memo: map[string]any{"start": say("start memo")}, StaticSummary: say("static summary").Text,
		}, wf, args...)
		return err == nil
	}, time.Minute, 200*time.Millisecond, "start %s", id)
	return run
}

func (s stage) runHistory(t *testing.T, id, run string) *historypb.History {
	t.Helper()
	h := &historypb.History{}
	events := s.GetWorkflowHistory(t.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, event)
	}
	return h
}

// requireSealedAndReplayable looks at one run as the server holds it, and replays
// it from JSON, as an operator who has exported it would.
func (s stage) requireSealedAndReplayable(t *testing.T, r ring, id, run string, subject uuid.UUID) {
	t.Helper()
	h := s.runHistory(t, id, run)
	require.NotEmpty(t, h.Events)
	requireNoCanary(t, h)
	requireSealedFor(t, h, subject)
	described, err := s.WorkflowService().DescribeWorkflowExecution(t.Context(), &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: "codec-test", Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: run},
	})
	require.NoError(t, err)
	requireNoCanary(t, described)
	replayFromJSON(t, r, h, workflow.Execution{})
	replayFromJSON(t, r, h, workflow.Execution{ID: id, RunID: run})
}

func replayFromJSON(t *testing.T, r ring, h *historypb.History, as workflow.Execution) {
	t.Helper()
	text, err := protojson.Marshal(h)
	require.NoError(t, err)
	require.NotContains(t, string(text), canary)
	back, err := client.HistoryFromJSON(bytes.NewReader(text), client.HistoryJSONOptions{})
	require.NoError(t, err)
	replay(t, r, back, worker.ReplayWorkflowHistoryOptions{OriginalExecution: as})
}

func TestUpdateWithStartIsSealed(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	s := newStage(t, r)
	id := personID(alice) + uuid.NewString()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var run client.WorkflowRun
	var out note
	require.Eventually(t, func() bool {
		start := s.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: id, TaskQueue: s.queue, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			Memo: map[string]any{"start": say("start memo")},
		}, waits, say("start arguments"))
		update, err := s.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: start,
			UpdateOptions: client.UpdateWorkflowOptions{
				// Optional for the SDK, which without it seals the arguments as the system's.
				WorkflowID: id, UpdateName: "change", Args: []any{say("update input")}, WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		if err != nil {
			return false
		}
		run, err = start.Get(ctx)
		return err == nil && update.Get(ctx, &out) == nil
	}, time.Minute, 200*time.Millisecond)
	require.Equal(t, say("update result"), out)
	require.NoError(t, s.SignalWorkflow(ctx, id, "", "tell", say("signal")))
	require.NoError(t, run.Get(ctx, &out))
	require.Equal(t, say("result"), out)
	s.requireSealedAndReplayable(t, r, id, run.GetRunID(), alice)
}

func TestContinueAsNewIsSealed(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	s := newStage(t, r)
	id := personID(alice) + uuid.NewString()
	run := s.start(t, id, renews, say("carried over"), 2)
	first := run.GetRunID()
	var out note
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, say("result"), out)
	runs := 0
	for next := first; next != ""; runs++ {
		s.requireSealedAndReplayable(t, r, id, next, alice)
		events := s.runHistory(t, id, next).Events
		next = events[len(events)-1].GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	require.Equal(t, 3, runs)
}

func TestAFailedWorkflowIsSealed(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	s := newStage(t, r)
	id := personID(alice) + uuid.NewString()
	run := s.start(t, id, fails, say("start arguments"))
	err := run.Get(t.Context(), nil)
	require.ErrorContains(t, err, say("workflow failure").Text)
	require.ErrorContains(t, err, say("inner cause").Text)
	var fell *temporal.ApplicationError
	require.ErrorAs(t, err, &fell)
	require.Equal(t, "Fell", fell.Type())
	var details note
	require.NoError(t, fell.Details(&details))
	require.Equal(t, say("workflow failure details"), details)
	s.requireSealedAndReplayable(t, r, id, run.GetRunID(), alice)
}

func TestAResetWorkflowIsSealed(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	s := newStage(t, r)
	id := personID(alice) + uuid.NewString()
	run := s.start(t, id, waits, say("start arguments"))
	require.NoError(t, s.SignalWorkflow(t.Context(), id, "", "tell", say("signal")))
	require.NoError(t, run.Get(t.Context(), nil))
	var firstTask int64
	for _, e := range s.runHistory(t, id, run.GetRunID()).Events {
		if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED && firstTask == 0 {
			firstTask = e.EventId
		}
	}
	again, err := s.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "codec-test", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: run.GetRunID()},
		Reason: "reset test", WorkflowTaskFinishEventId: firstTask, RequestId: uuid.NewString(),
	})
	require.NoError(t, err)
	var out note
	require.NoError(t, s.GetWorkflow(t.Context(), id, again.GetRunId()).Get(t.Context(), &out), "the signal is applied again")
	require.Equal(t, say("result"), out)
	answer, err := s.QueryWorkflow(t.Context(), id, again.GetRunId(), "told")
	require.NoError(t, err)
	requireSays(t, "signal", answer)
	s.requireSealedAndReplayable(t, r, id, again.GetRunId(), alice)
}

func TestATerminationsDetailsAreSealed(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	s := newStage(t, r)
	id := personID(alice) + uuid.NewString()
	run := s.start(t, id, waits, say("start arguments"))
	require.NoError(t, s.TerminateWorkflow(t.Context(), id, run.GetRunID(), "terminate test", say("termination details")))
	require.Error(t, run.Get(t.Context(), nil))
	h := s.runHistory(t, id, run.GetRunID())
	requireNoCanary(t, h)
	require.NotEmpty(t, h.Events[len(h.Events)-1].GetWorkflowExecutionTerminatedEventAttributes().GetDetails().GetPayloads())
}

func TestAScheduledWorkflowIsSealed(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	s := newStage(t, r)
	scheduleID := "codec-" + uuid.NewString()
	var handle client.ScheduleHandle
	require.Eventually(t, func() bool {
		var err error
		handle, err = s.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
			ID: scheduleID, Spec: client.ScheduleSpec{}, Paused: true, Memo: map[string]any{"schedule": say("schedule memo")},
			Action: &client.ScheduleWorkflowAction{
				ID: personID(alice) + scheduleID, Workflow: renews, TaskQueue: s.queue, Args: []any{say("carried over"), 0},
				Memo: map[string]any{"start": say("start memo")}, StaticSummary: say("static summary").Text,
			},
		})
		return err == nil
	}, time.Minute, 200*time.Millisecond)
	t.Cleanup(func() { require.NoError(t, handle.Delete(context.Background())) })
	require.NoError(t, handle.Trigger(t.Context(), client.ScheduleTriggerOptions{}))

	var started client.ScheduleActionResult
	require.Eventually(t, func() bool {
		described, err := handle.Describe(t.Context())
		require.NoError(t, err)
		if len(described.Info.RecentActions) == 0 {
			return false
		}
		started = described.Info.RecentActions[0]
		return true
	}, time.Minute, 200*time.Millisecond)
	id, run := started.StartWorkflowResult.WorkflowID, started.StartWorkflowResult.FirstExecutionRunID
	require.NotEqual(t, personID(alice)+scheduleID, id, "the server appends a time, and the payloads open all the same")
	var out note
	require.NoError(t, s.GetWorkflow(t.Context(), id, run).Get(t.Context(), &out))
	require.Equal(t, say("result"), out)
	s.requireSealedAndReplayable(t, r, id, run, alice)
	raw, err := s.WorkflowService().DescribeSchedule(t.Context(), &workflowservice.DescribeScheduleRequest{Namespace: "codec-test", ScheduleId: scheduleID})
	require.NoError(t, err)
	requireNoCanary(t, raw)
	require.Contains(t, fmt.Sprint(raw), "meai-key", "the schedule itself holds the words sealed")
}
