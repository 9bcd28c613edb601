package workers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/erasure/stores"
	"meai/internal/audit"
	"meai/internal/cluster"
	"meai/internal/codec"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
	"meai/workflows"
)

// office is what erasures work with, in the test's process and in those that die.
type office struct {
	*erasure.Activities
	index *vectors.Index
	log   *audit.Log
}

func openOffice(ctx context.Context, o orders, keyring *keyring.Keyring, c client.Client) (*office, error) {
	quiet := slog.New(slog.DiscardHandler)
	db, err := postgres.Open(ctx, postgres.Options{URL: o.Postgres, MaxConns: 8})
	if err != nil {
		return nil, err
	}
	index, err := vectors.Open(ctx, vectors.Options{URL: o.Weaviate, APIKey: o.APIKey, Timeout: 10 * time.Second, Logger: quiet})
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(ctx, ledger.Options{Buckets: []string{"file://" + o.Keyring + "/ledger?create_dir=true"}, Key: ledger.KeyOf(keyring), Logger: quiet})
	if err != nil {
		return nil, err
	}
	log := audit.New(audit.Options{DB: db, Keys: keyring})
	acts := ledger.NewCommitter(l, db, map[ledger.Kind]ledger.Applier{
		ledger.ErasureRequested: erasure.ApplyRequested(keyring, log), ledger.ErasureCancelled: erasure.ApplyCancelled(log),
		ledger.ErasureCompleted: keys.ApplyErased(log, keyring),
	})
	all, err := stores.Tables(ctx, db)
	if err != nil {
		return nil, err
	}
	all = append(all, &stores.Tenant{Index: index}, &stores.Runs{Temporal: c, Namespace: o.Namespace})
	return &office{&erasure.Activities{
		Store: &erasure.Store{DB: db, Keys: keyring, Audit: log, Ledger: acts, Stores: all},
		Keys:  &keys.Activities{Keyring: keyring, DB: db, Temporal: c, Namespace: o.Namespace, Audit: log, Ledger: acts},
		Log:   quiet,
	}, index, log}, nil
}

// serveErasures is a worker that dies at the first place of its file that is reached.
func serveErasures(o orders) error {
	ctx := context.Background()
	keyring, err := openReplicas(o.Keyring)
	if err != nil {
		return err
	}
	dc := codec.DataConverter(keyring)
	c, err := client.Dial(client.Options{HostPort: o.Temporal, Namespace: o.Namespace, DataConverter: dc, FailureConverter: codec.FailureConverter(dc)})
	if err != nil {
		return err
	}
	office, err := openOffice(ctx, o, keyring, c)
	if err != nil {
		return err
	}
	f := &fates{file: o.Erasures}
	for _, queue := range []string{workflows.QueuePrivacy, workflows.QueueOperations} {
		w := worker.New(c, queue, worker.Options{Interceptors: []interceptor.WorkerInterceptor{f}})
		served[queue].register(w, Capabilities{Erasure: office.Activities, Keys: office.Keys})
		if err := w.Start(); err != nil {
			return err
		}
	}
	select {} // until it is killed
}

// fates is kill -9 at one place of each of several stories, once. Steps that a kill has cut
// short are given up on soon, so that many kills fit into a test.
type fates struct {
	interceptor.WorkerInterceptorBase
	file string
}

// meet kills the process when it comes to a place for the first time.
func (f *fates) meet(workflow, place string) {
	lines, err := os.ReadFile(f.file)
	if err != nil || !strings.Contains(string(lines), workflow+"\t"+place+"\n") {
		return
	}
	rest := strings.Replace(string(lines), workflow+"\t"+place+"\n", "", 1)
	if os.WriteFile(f.file+".new", []byte(rest), 0o600) == nil && os.Rename(f.file+".new", f.file) == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (f *fates) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &fatedStep{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, fates: f}
}

func (f *fates) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &fatedStory{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, fates: f}
}

type fatedStep struct {
	interceptor.ActivityInboundInterceptorBase
	fates *fates
}

func (s *fatedStep) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	s.fates.meet(info.WorkflowExecution.ID, "before "+info.ActivityType.Name)
	out, err := s.Next.ExecuteActivity(ctx, in)
	if err == nil {
		s.fates.meet(info.WorkflowExecution.ID, "after "+info.ActivityType.Name)
	}
	return out, err
}

type fatedStory struct {
	interceptor.WorkflowInboundInterceptorBase
	fates *fates
}

func (s *fatedStory) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	return s.Next.Init(&impatient{interceptor.WorkflowOutboundInterceptorBase{Next: outbound}})
}

func (s *fatedStory) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	s.fates.meet(workflow.GetInfo(ctx).WorkflowExecution.ID, "before the story")
	out, err := s.Next.ExecuteWorkflow(ctx, in)
	s.fates.meet(workflow.GetInfo(ctx).WorkflowExecution.ID, "after the story")
	return out, err
}

type impatient struct {
	interceptor.WorkflowOutboundInterceptorBase
}

func (i *impatient) ExecuteActivity(ctx workflow.Context, kind string, args ...any) workflow.Future {
	return i.Next.ExecuteActivity(workflow.WithStartToCloseTimeout(ctx, 10*time.Second), kind, args...)
}

// erasureSteps are all activities of an erasure that goes through.
var erasureSteps = []string{
	"Look", "Freeze", "Count", "EndWorkflows", "PassPoint", "Bury", "Clear", "Plan", "DeleteStores", "Remove", "CleanUp", "Scan", "Certify",
}

// TestAKillAtAnyStepOfAnErasureChangesNothing has one person for each place at which the
// worker is killed, all erased at the same time. In the end nothing is left of anybody, each
// has one certificate, and no certificate was there before that.
func TestAKillAtAnyStepOfAnErasureChangesNothing(t *testing.T) {
	s := newSite(t)
	s.group.Stop() // this process serves nothing
	s.startWorkers(t)
	s.group.Stop()
	declared := declaration(t)
	declared.Schedules = nil
	_, err := cluster.Applier{Client: s.temporal, Namespace: s.namespace, Declared: declared}.Apply(t.Context())
	require.NoError(t, err)
	o := s.orders(t)
	office, err := openOffice(t.Context(), o, s.keys, s.temporal)
	require.NoError(t, err)
	t.Cleanup(func() { office.index.Close(); office.Store.DB.Close() })
	require.NoError(t, office.index.EnsureClass(t.Context()))
	places := []string{"before the story", "after the story"}
	for _, step := range erasureSteps {
		places = append(places, "before erasure."+step, "after erasure."+step)
	}
	var fated strings.Builder
	people := map[string]*victim{}
	for _, place := range places {
		v := s.victim(t, office)
		people[place] = v
		fated.WriteString(erasure.WorkflowID(v.erasure) + "\t" + place + "\n")
	}
	bystander := s.victim(t, office)
	_, err = office.Store.Cancel(t.Context(), bystander.subject, bystander.erasure)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.Erasures, []byte(fated.String()), 0o600))
	for _, v := range people {
		_, err := s.starter.StartErasure(t.Context(), workflows.ErasureInput{Erasure: v.erasure, Settle: time.Second})
		require.NoError(t, err)
	}
	stop := s.supervise(t, o)
	defer stop()
	require.Eventually(t, func() bool {
		certified := 0
		for place, v := range people {
			_, issued, err := office.Store.Certificates(t.Context(), v.erasure)
			require.NoError(t, err)
			if len(issued) > 0 && !v.certified {
				v.certified = true
				require.Zero(t, s.left(t, office, v.subject), "certified too early: %s", place)
			}
			if v.certified {
				certified++
			}
		}
		return certified == len(people)
	}, 8*time.Minute, 100*time.Millisecond)
	rest, err := os.ReadFile(o.Erasures)
	require.NoError(t, err)
	require.Eventually(t, func() bool { rest, err = os.ReadFile(o.Erasures); return err == nil && len(rest) == 0 }, time.Minute, 100*time.Millisecond,
		"the worker was not killed at every place: %s", rest)
	for place, v := range people {
		s.requireErasedOnce(t, office, v, place)
	}
	require.EqualValues(t, 5, s.left(t, office, bystander.subject), "nobody else is touched")
}

// victim is somebody whose erasure is asked for.
type victim struct {
	subject, erasure uuid.UUID
	certified        bool
}

// victim has a session, a write, the terms of its words, a vector and a workflow.
func (s *site) victim(t *testing.T, office *office) *victim {
	t.Helper()
	subject, now := uuid.New(), time.Now()
	require.NoError(t, s.keys.Create(t.Context(), subject))
	require.NoError(t, s.db.EnsureSubject(t.Context(), subject))
	for range 2 {
		require.NoError(t, s.db.Write(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
			return q.InsertSession(ctx, queries.InsertSessionParams{SubjectID: subject, ID: uuid.Must(uuid.NewV7()), CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
		}))
	}
	_, _, _, err := memory.NewStore(s.db, s.keys).Accept(t.Context(), memory.Offer{Subject: subject, IdempotencyKey: "1", Content: memory.Content{Text: eventful}, SaidAt: now})
	require.NoError(t, err)
	require.NoError(t, office.index.EnsureTenant(t.Context(), subject))
	t.Cleanup(func() { require.NoError(t, office.index.DeleteTenant(context.Background(), subject)) })
	require.NoError(t, office.index.Put(t.Context(), subject, vectors.Object{ID: uuid.New(), Kind: "turn", SaidAt: now, Model: "m", Vector: make([]float32, 512)}))
	require.Eventually(t, func() bool {
		_, err := s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "person/" + subject.String() + "/tale/1", TaskQueue: "nobody-" + uuid.NewString()}, tale, "I slept badly")
		return err == nil
	}, time.Minute, 200*time.Millisecond)
	e, err := office.Store.Request(t.Context(), erasure.New{Subject: subject, Law: erasure.GDPR, Now: true})
	require.NoError(t, err)
	return &victim{subject: subject, erasure: e.ID}
}

func (s *site) left(t *testing.T, office *office, subject uuid.UUID) (n int64) {
	t.Helper()
	for _, store := range office.Store.Stores {
		held, err := store.Count(t.Context(), subject)
		require.NoError(t, err)
		n += held
	}
	return n
}

func (s *site) orders(t *testing.T) orders {
	t.Helper()
	cfg := enginetest.Config(t)
	return orders{
		Temporal: cfg.Temporal.Address, Namespace: s.namespace, Postgres: s.urls.App, Weaviate: cfg.Weaviate.URL, APIKey: cfg.Weaviate.APIKey,
		Keyring: s.dir, Erasures: filepath.Join(t.TempDir(), "fates"),
	}
}

// supervise starts a worker whenever the one before was killed, until it is stopped.
func (s *site) supervise(t *testing.T, o orders) (stop func()) {
	t.Helper()
	encoded, err := json.Marshal(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		kills := 0
		for ; ctx.Err() == nil; kills++ {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), dyingWorker+"="+string(encoded))
			cmd.Stderr = os.Stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				break // it did not die as it was meant to
			}
		}
		ended <- kills
	}()
	return func() {
		cancel()
		t.Logf("%d workers were killed", <-ended)
	}
}

// requireErasedOnce holds one erasure to what is left of it.
func (s *site) requireErasedOnce(t *testing.T, office *office, v *victim, place string) {
	t.Helper()
	require.NoError(t, s.temporal.GetWorkflow(t.Context(), erasure.WorkflowID(v.erasure), "").Get(t.Context(), nil), place)
	require.Zero(t, s.left(t, office, v.subject), place)
	known, err := s.db.KnowsSubject(t.Context(), v.subject)
	require.NoError(t, err)
	require.False(t, known, place)
	_, err = s.keys.Keys(t.Context(), v.subject)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%s: %v", place, err)
	state, issued, err := office.Store.Certificates(t.Context(), v.erasure)
	require.NoError(t, err)
	require.Equal(t, erasure.Certified, state, place)
	require.Len(t, issued, 1, place)
	key, err := office.Store.CertificateKey(t.Context())
	require.NoError(t, err)
	c, err := erasure.OpenCertificate(key, []byte(issued[0].Note))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"postgres.sessions": 2, "postgres.memory_writes": 1, "temporal.histories": 1, "weaviate.memory": 1}, held(c.Found), place)
	object, err := office.log.Object(t.Context(), audit.Erasure, v.erasure.String())
	require.NoError(t, err)
	page, err := office.log.Entries(t.Context(), 0, object, 10)
	require.NoError(t, err)
	var acts []audit.Act
	for _, e := range page.Entries {
		acts = append(acts, e.Act)
	}
	require.Equal(t, []audit.Act{audit.ErasureRequested, audit.ErasureCompleted}, acts, place)
}

// held are the stores that held something.
func held(found map[string]int64) map[string]int64 {
	some := map[string]int64{}
	for name, n := range found {
		if n > 0 {
			some[name] = n
		}
	}
	return some
}
