package workers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/cluster"
	"meai/internal/codec"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/vectors"
	"meai/workflows"
)

// dyingWorker is the variable that makes this program a worker instead of a test, so that
// kill -9 takes a whole process at an exact place.
const dyingWorker = "MEAI_TEST_DYING_WORKER"

func TestMain(m *testing.M) {
	if orders := os.Getenv(dyingWorker); orders != "" {
		if err := serveUntilKilled(orders); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// orders are what a worker process of the test works with, and where it dies.
type orders struct {
	Temporal, Namespace string
	Postgres            string
	Weaviate, APIKey    string
	Keyring             string
	// Erasures has the worker serve erasures instead, and die at the places of this file: a
	// line for each, workflow and place apart by a tab.
	Erasures string
	// Exports is the folder of exports; "" for a worker that serves memory alone.
	Exports string
	// Lifetime is that of exports.
	Lifetime time.Duration
	// Workflow is whose story kills the worker, At the place, such as "after memory.Remember";
	// "" for a worker that lives.
	Workflow, At string
}

func serveUntilKilled(encoded string) error {
	var o orders
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		return err
	}
	if o.Erasures != "" {
		return serveErasures(o)
	}
	ctx, quiet := context.Background(), slog.New(slog.DiscardHandler)
	keys, err := openReplicas(o.Keyring)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: o.Postgres, MaxConns: 4})
	if err != nil {
		return err
	}
	index, err := vectors.Open(ctx, vectors.Options{URL: o.Weaviate, APIKey: o.APIKey, Timeout: 10 * time.Second, Logger: quiet})
	if err != nil {
		return err
	}
	model, err := embedding.NewBuiltin()
	if err != nil {
		return err
	}
	analyzer, err := mirror.NewAnalyzer(model)
	if err != nil {
		return err
	}
	dc := codec.DataConverter(keys)
	c, err := client.Dial(client.Options{
		HostPort: o.Temporal, Namespace: o.Namespace, DataConverter: dc, FailureConverter: codec.FailureConverter(dc),
	})
	if err != nil {
		return err
	}
	caps := Capabilities{
		Mirror: &mirror.Activities{Analyzer: analyzer},
		Memory: memory.New(memory.Options{DB: db, Keyring: keys, Vectors: index, Embedder: model, Logger: quiet}),
	}
	queues, k := []string{workflows.QueueMemory, workflows.QueueMirror}, &killer{orders: o}
	if o.Exports != "" {
		queues = []string{workflows.QueueMemory, workflows.QueuePrivacy, workflows.QueueBatch}
		if caps.Exports, err = exportsOf(ctx, o, db, keys, k); err != nil {
			return err
		}
	}
	for _, queue := range queues {
		w := worker.New(c, queue, worker.Options{
			Interceptors: []interceptor.WorkerInterceptor{k}, DisableWorkflowWorker: len(served[queue].workflows) == 0,
		})
		served[queue].register(w, caps)
		if err := w.Start(); err != nil {
			return err
		}
	}
	select {} // until it is killed
}

func (o orders) encode(t *testing.T) string {
	t.Helper()
	encoded, err := json.Marshal(o)
	require.NoError(t, err)
	return string(encoded)
}

// killer is kill -9 at one place of one story.
type killer struct {
	interceptor.WorkerInterceptorBase
	orders orders
}

func (k *killer) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &killerInbound{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, killer: k}
}

func (k *killer) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &killerStory{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, killer: k}
}

func (k *killer) pass(workflow, place string) {
	if k.orders.Workflow == workflow && k.orders.At == place {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

type killerInbound struct {
	interceptor.ActivityInboundInterceptorBase
	killer *killer
}

func (k *killerInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	k.killer.pass(info.WorkflowExecution.ID, "before "+info.ActivityType.Name)
	out, err := k.Next.ExecuteActivity(ctx, in)
	k.killer.pass(info.WorkflowExecution.ID, "after "+info.ActivityType.Name)
	return out, err
}

type killerStory struct {
	interceptor.WorkflowInboundInterceptorBase
	killer *killer
}

func (k *killerStory) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	k.killer.pass(workflow.GetInfo(ctx).WorkflowExecution.ID, "before the story")
	out, err := k.Next.ExecuteWorkflow(ctx, in)
	k.killer.pass(workflow.GetInfo(ctx).WorkflowExecution.ID, "after the story")
	return out, err
}

// boundaries are all places between the activities of the story that remembers.
var boundaries = []string{
	"before the story", "before mirror.Analyze", "after mirror.Analyze", "before memory.Remember", "after memory.Remember",
	"before memory.IndexVectors", "after memory.IndexVectors", "after the story",
}

const eventful = "My sister Maya moved to Oslo and I am heartbroken, shaking, I cannot stop crying! I live in Porto, I quit my job."

// TestAKillAtAnyBoundaryLosesAndDoublesNothing has one person for each boundary store the
// same memory, kills the worker there, and compares what is left with that of somebody whose
// worker lived.
func TestAKillAtAnyBoundaryLosesAndDoublesNothing(t *testing.T) {
	s := newSite(t)
	w := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{URL: w.URL, APIKey: w.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))

	declared := declaration(t)
	declared.Schedules = nil
	_, err = cluster.Applier{Client: s.temporal, Namespace: s.namespace, Declared: declared}.Apply(t.Context())
	require.NoError(t, err)
	writes := map[string]memory.RememberInput{}
	for _, place := range append([]string{"nowhere"}, boundaries...) {
		in := s.offers(t, index)
		writes[place] = in
		if place == "nowhere" {
			continue
		}
		dying := s.process(t, memory.WorkflowOf(in.Ref.Subject, in.Ref.Interaction), place)
		require.Error(t, dying.Wait(), "it is killed %s", place)
		require.Equal(t, syscall.SIGKILL, dying.ProcessState.Sys().(syscall.WaitStatus).Signal(), place)
	}
	healthy := s.process(t, "", "")
	t.Cleanup(func() { _ = healthy.Process.Kill(); _ = healthy.Wait() })
	store := memory.NewStore(s.db, s.keys)
	for place, in := range writes {
		require.Eventually(t, func() bool {
			now, err := store.Write(t.Context(), in.Ref.Subject, in.Ref.Interaction)
			require.NoError(t, err)
			return now.State == memory.WriteSearchable
		}, 3*time.Minute, 100*time.Millisecond, "lost %s", place)
	}
	want := s.holdings(t, index, writes["nowhere"].Ref.Subject)
	require.Equal(t, 4, want["fact"]+want["marker"]+want["turn"], "%v", want)
	require.Equal(t, 2, want["vectors"])
	for place, in := range writes {
		require.Equal(t, want, s.holdings(t, index, in.Ref.Subject), place)
	}
}

// offers has a new person store the memory, and starts its story.
func (s *site) offers(t *testing.T, index *vectors.Index) memory.RememberInput {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, s.keys.Create(t.Context(), subject))
	require.NoError(t, s.db.EnsureSubject(t.Context(), subject))
	t.Cleanup(func() { require.NoError(t, index.DeleteTenant(context.Background(), subject)) })
	_, in, _, err := memory.NewStore(s.db, s.keys).Accept(t.Context(), memory.Offer{
		Subject: subject, IdempotencyKey: "1", Content: memory.Content{Text: eventful}, SaidAt: time.Now(),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // new search attributes take a moment
		return s.starter.StartMemory(t.Context(), in, "", 0) == nil
	}, time.Minute, 200*time.Millisecond)
	return in
}

// process is a worker that serves the memory until it is killed.
func (s *site) process(t *testing.T, workflow, at string) *exec.Cmd {
	t.Helper()
	cfg := enginetest.Config(t)
	encoded, err := json.Marshal(orders{
		Temporal: cfg.Temporal.Address, Namespace: s.namespace, Postgres: s.urls.App, Weaviate: cfg.Weaviate.URL, APIKey: cfg.Weaviate.APIKey,
		Keyring: s.dir, Workflow: workflow, At: at,
	})
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dyingWorker+"="+string(encoded))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	return cmd
}

// holdings counts everything that a person's memory consists of.
func (s *site) holdings(t *testing.T, index *vectors.Index, subject uuid.UUID) map[string]int {
	t.Helper()
	counts := map[string]int{}
	page, err := memory.NewGraph(s.db, s.keys).Whole(t.Context(), subject, memory.AsOf{}, uuid.Nil, 1000)
	require.NoError(t, err)
	for _, m := range page.Memories {
		counts[string(m.Kind)]++
	}
	for _, e := range page.Edges {
		counts[e.Relation]++
		counts["evidence"] += len(e.Evidence)
	}
	counts["vectors"], err = index.Count(t.Context(), subject)
	require.NoError(t, err)
	return counts
}

func openReplicas(dir string) (*keyring.Keyring, error) {
	url := func(i int) string {
		return "file://" + filepath.Join(dir, fmt.Sprint("replica", i)) + "?create_dir=true"
	}
	return keyring.Open(context.Background(), keyring.Options{
		Bucket: url(1), Region: "here", Replicas: []keyring.Replica{{Region: "here", URL: url(2)}, {Region: "far", URL: url(3)}},
		KEK: "file://" + filepath.Join(dir, "kek.key"), Logger: slog.New(slog.DiscardHandler),
	})
}
