package codec_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"meai/internal/codec"
	"meai/internal/enginetest"
)

// stage is a real Temporal server with a worker that plays the story.
type stage struct {
	client.Client
	queue string
}

func newStage(t *testing.T, r ring) stage {
	t.Helper()
	cfg := enginetest.Config(t).Temporal
	dc := codec.DataConverter(r.Keyring)
	c, err := client.Dial(client.Options{
		HostPort: cfg.Address, Namespace: ensureNamespace(t, cfg.Address),
		DataConverter: dc, FailureConverter: codec.FailureConverter(dc),
		Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)

	queue := "codec-" + uuid.NewString()
	w := worker.New(c, queue, worker.Options{})
	for _, wf := range append([]any{story, childStory, failingStory}, pathWorkflows...) {
		w.RegisterWorkflow(wf)
	}
	for _, a := range []any{listen, stumble, panics, refuse} {
		w.RegisterActivity(a)
	}
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return stage{c, queue}
}

// ensureNamespace makes the namespace of these tests, so that they depend on
// no other part of the product.
func ensureNamespace(t *testing.T, address string) string {
	t.Helper()
	const name = "codec-test"
	c, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	defer c.Close()
	err = c.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if _, exists := err.(*serviceerror.NamespaceAlreadyExists); !exists {
		require.NoError(t, err)
	}
	return name
}

// play runs the story with every kind of message that a client can send.
func (s stage) play(t *testing.T, id string) client.WorkflowRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var run client.WorkflowRun
	require.Eventually(t, func() (started bool) { // a new namespace takes a moment
		var err error
		run, err = s.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: id, TaskQueue: s.queue, Memo: map[string]any{"start": say("start memo")},
			StaticSummary: say("static summary").Text, StaticDetails: say("static details").Text,
		}, story, say("start arguments"), id+"/child")
		return err == nil
	}, time.Minute, 200*time.Millisecond, "start the story")

	answer, err := s.QueryWorkflow(ctx, id, "", "ask", say("query input"))
	require.NoError(t, err)
	requireSays(t, "query result", answer)
	update, err := s.change(ctx, id, "change")
	require.NoError(t, err)
	var out note
	require.NoError(t, update.Get(ctx, &out))
	require.Equal(t, say("update result"), out)
	update, err = s.change(ctx, id, "refused change")
	require.NoError(t, err)
	require.ErrorContains(t, update.Get(ctx, nil), say("update failure").Text)

	require.NoError(t, s.SignalWorkflow(ctx, id, "", "tell", say("signal")))
	require.NoError(t, run.Get(ctx, &out))
	require.Equal(t, say("result"), out)
	return run
}

func (s stage) change(ctx context.Context, id, name string) (client.WorkflowUpdateHandle, error) {
	return s.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: name, Args: []any{say("update input")},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
}

func requireSays(t *testing.T, kind string, value converter.EncodedValue) {
	t.Helper()
	var out note
	require.NoError(t, value.Get(&out))
	require.Equal(t, say(kind), out)
}

func (s stage) history(t *testing.T, id string) *historypb.History {
	t.Helper()
	return s.runHistory(t, id, "")
}

func TestNoWordsReachTheServer(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	s := newStage(t, r)
	id := "person/" + alice.String() + "/interaction/" + uuid.NewString()
	run := s.play(t, id)

	for _, id := range []string{id, id + "/child", id + "/child-fails"} {
		h := s.history(t, id)
		requireNoCanary(t, h)
		requireSealedFor(t, h, alice)
		described, err := s.WorkflowService().DescribeWorkflowExecution(t.Context(), &workflowservice.DescribeWorkflowExecutionRequest{
			Namespace: "codec-test", Execution: &commonpb.WorkflowExecution{WorkflowId: id},
		})
		require.NoError(t, err)
		requireNoCanary(t, described)
	}
	t.Run("and the history replays, under whatever name", func(t *testing.T) {
		replayFromJSON(t, r, s.history(t, id), workflow.Execution{})
		replayFromJSON(t, r, s.history(t, id), workflow.Execution{ID: id, RunID: run.GetRunID()})
	})
	t.Run("until the person's keys are destroyed", func(t *testing.T) {
		h := s.history(t, id)
		require.NoError(t, r.Destroy(t.Context(), alice))
		err := replayer(t, r).ReplayWorkflowHistoryWithOptions(enginetest.Logger(t), h, worker.ReplayWorkflowHistoryOptions{})
		require.Error(t, err)
	})
}

func replayer(t *testing.T, r ring) worker.WorkflowReplayer {
	t.Helper()
	// A process that holds no leases.
	dc := codec.DataConverter(r.open(t))
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: dc, FailureConverter: codec.FailureConverter(dc),
	})
	require.NoError(t, err)
	for _, wf := range append([]any{story, childStory, failingStory}, pathWorkflows...) {
		replayer.RegisterWorkflow(wf)
	}
	return replayer
}

func replay(t *testing.T, r ring, h *historypb.History, o worker.ReplayWorkflowHistoryOptions) {
	t.Helper()
	require.NoError(t, replayer(t, r).ReplayWorkflowHistoryWithOptions(enginetest.Logger(t), h, o))
}

// requireNoCanary looks for the words in every disguise that bytes travel in.
func requireNoCanary(t *testing.T, m proto.Message) {
	t.Helper()
	raw, err := proto.Marshal(m)
	require.NoError(t, err)
	disguises := [][]byte{[]byte(canary), []byte(hex.EncodeToString([]byte(canary)))}
	for offset := range 3 { // base64 depends on where in a triple the words begin
		text := base64.StdEncoding.EncodeToString(append(make([]byte, offset), canary...))
		disguises = append(disguises, []byte(text[4:len(text)-4]))
	}
	for _, d := range disguises {
		if i := bytes.Index(raw, d); i >= 0 {
			t.Fatalf("found %q: ...%q...", d, raw[max(0, i-200):min(len(raw), i+100)])
		}
	}
}

func requireSealedFor(t *testing.T, h *historypb.History, subject uuid.UUID) {
	t.Helper()
	for _, event := range h.Events {
		visit := func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range payloads {
				require.Equal(t, codec.Encoding, string(p.GetMetadata()[converter.MetadataEncoding]), "%v", event)
				require.Equal(t, subject.String(), string(p.GetMetadata()[codec.MetadataKey]), "%v", event)
			}
			return payloads, nil
		}
		require.NoError(t, proxy.VisitPayloads(t.Context(), event, proxy.VisitPayloadsOptions{Visitor: visit, SkipSearchAttributes: true}))
	}
}
