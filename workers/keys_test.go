package workers

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"meai/activities/backup/people"
	"meai/activities/interaction"
	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/privacy/erasure"
	"meai/activities/synthesis"
	"meai/activities/truthfilter/feedback"
	"meai/internal/codec"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/internal/vectors"
	"meai/workflows"
)

// tale is a person's open workflow: it has said something, and waits.
func tale(ctx workflow.Context, words string) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var said string
	if err := workflow.ExecuteActivity(ctx, "repeat", words).Get(ctx, &said); err != nil {
		return err
	}
	workflow.GetSignalChannel(ctx, "never").Receive(ctx, nil)
	return nil
}

// storyteller serves tales as the person's own queue does.
func (s *site) storyteller(t *testing.T) (queue string) {
	t.Helper()
	queue = "tales-" + uuid.NewString()
	w := worker.New(s.temporal, queue, worker.Options{})
	w.RegisterWorkflow(tale)
	w.RegisterActivity(repeat)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return queue
}

func repeat(_ context.Context, words string) (string, error) { return words, nil }

// begin starts a tale and waits until it waits.
func (s *site) begin(t *testing.T, queue, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, tale, "I slept badly")
		return err == nil
	}, time.Minute, 200*time.Millisecond)
	require.Eventually(t, func() bool {
		for _, e := range s.history(t, id).Events {
			if e.EventType == enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED {
				return true
			}
		}
		return false
	}, 30*time.Second, 50*time.Millisecond)
}

func (s *site) history(t *testing.T, id string) *historypb.History {
	t.Helper()
	h := &historypb.History{}
	events := s.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, event)
	}
	return h
}

// readers are the errors of decoding each payload of a history.
func (s *site) decode(t *testing.T, h *historypb.History) (opened int, failures []error) {
	t.Helper()

	for _, event := range h.Events {
		visit := func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range payloads {
				if _, err := codec.Open(t.Context(), s.keys, p); err != nil {
					failures = append(failures, err)
				} else {
					opened++
				}
			}
			return payloads, nil
		}
		require.NoError(t, proxy.VisitPayloads(t.Context(), event, proxy.VisitPayloadsOptions{Visitor: visit, SkipSearchAttributes: true}))
	}
	return opened, failures
}

// live is a person with a value in every sealed column.
type live struct {
	subject, session, interaction uuid.UUID
	workflow                      string
	store                         *synthesis.Store
	graph                         *memory.Graph
	memory                        *memory.Activities
	feedback                      *feedback.Store
}

func (s *site) newPerson(t *testing.T) live {
	t.Helper()
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	w := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{URL: w.URL, APIKey: w.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))
	p := live{subject: uuid.New(), store: synthesis.NewStore(s.db, s.keys), graph: memory.NewGraph(s.db, s.keys), memory: memory.New(memory.Options{
		DB: s.db, Keyring: s.keys, Vectors: index, Embedder: model, Logger: enginetest.Logger(t),
	}), feedback: feedback.NewStore(feedback.Options{DB: s.db, Keys: s.keys})}
	session, err := p.store.CreateSession(t.Context(), p.subject, "a phone", time.Hour)
	require.NoError(t, err)
	p.session = session.ID
	rec, _, err := p.store.Accept(t.Context(), synthesis.Acceptance{Subject: p.subject, Session: p.session, IdempotencyKey: "1", Body: []byte("{}")})
	require.NoError(t, err)
	p.interaction, p.workflow = rec.Ref.Interaction, rec.Ref.Workflow
	analysis := &mirror.Analysis{Primary: "sadness", Intensity: 0.8, Confidence: 0.9}
	_, err = p.store.Deliver(t.Context(), synthesis.DeliverInput{
		Ref: rec.Ref, Words: "I slept badly", AcceptedAt: rec.AcceptedAt, Context: interaction.Context{},
		Answer: synthesis.Answer{Source: synthesis.CrisisAnswer, Text: "That is hard.", Analysis: analysis, Crisis: &crisis.Assessment{Severity: crisis.Imminent}},
	})
	require.NoError(t, err)
	_, err = p.memory.Remember(t.Context(), memory.RememberInput{Ref: rec.Ref, Text: "I slept badly. I live in Porto.", SaidAt: rec.AcceptedAt, Analysis: analysis})
	require.NoError(t, err)
	for week := range 8 { // a feeling that keeps coming back
		ref := interaction.Ref{Subject: p.subject, Session: uuid.New(), Interaction: uuid.New(), Workflow: fmt.Sprint("person/", p.subject, "/interaction/week", week)}
		_, err = p.memory.Remember(t.Context(), memory.RememberInput{Ref: ref, Text: "I cried again.", SaidAt: rec.AcceptedAt.AddDate(0, 0, -7*week-1), Analysis: analysis})
		require.NoError(t, err)
	}
	_, err = p.memory.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.subject})
	require.NoError(t, err)
	_, _, _, err = memory.NewStore(s.db, s.keys).Accept(t.Context(), memory.Offer{
		Subject: p.subject, IdempotencyKey: "2", Content: memory.Content{Text: "I sleep better"}, SaidAt: rec.AcceptedAt,
	})
	require.NoError(t, err)
	require.NoError(t, p.feedback.SetTriggers(t.Context(), p.subject, []string{"dogs"}))
	t.Cleanup(func() { require.NoError(t, index.DeleteTenant(context.Background(), p.subject)) })
	return p
}

// reads requires that all that is kept of the person can be read.
func (p live) reads(t *testing.T) {
	t.Helper()
	_, err := p.store.Session(t.Context(), p.subject, p.session)
	require.NoError(t, err)
	rec, err := p.store.Interaction(t.Context(), p.subject, p.session, p.interaction)
	require.NoError(t, err)
	require.Equal(t, "I slept badly", rec.Words)
	require.Equal(t, "That is hard.", rec.Answer.Text)
	found, err := p.memory.Recall(t.Context(), memory.RecallInput{Ref: interaction.Ref{Subject: p.subject, Session: p.session}, Query: "slept badly"})
	require.NoError(t, err)
	require.NotEmpty(t, found.Memories)
	facts, err := p.graph.Facts(t.Context(), p.subject, memory.AsOf{}, uuid.Nil)
	require.NoError(t, err)
	require.Len(t, facts, 1)
	triggers, err := p.feedback.Triggers(t.Context(), p.subject)
	require.NoError(t, err)
	require.Equal(t, []string{"dogs"}, triggers)
}

func (s *site) sweep(t *testing.T, run keys.Run, in workflows.KeysInput) keys.Counts {
	t.Helper()
	started, err := s.starter.StartKeys(t.Context(), run, in)
	require.NoError(t, err)
	var done keys.Counts
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, started.Get(ctx, &done))
	return done
}

func TestAPersonsKeyIsReplacedAndTheOldOneRetires(t *testing.T) {
	s := newSite(t)
	p := s.newPerson(t)
	queue := s.storyteller(t)
	old, err := s.keys.Keys(t.Context(), p.subject)
	require.NoError(t, err)
	for _, c := range postgres.SealedColumns {
		require.True(t, s.holds(t, p.subject, c, old.Version()), "the person has no value in %s.%s", c.Table, c.Column)
	}
	open := "person/" + p.subject.String() + "/tale/1"
	s.begin(t, queue, open)

	done := s.sweep(t, keys.Rekey, workflows.KeysInput{})
	require.Equal(t, 2, done.Changed, "the person's and the system's: %+v", done)
	require.GreaterOrEqual(t, done.Rows, len(postgres.SealedColumns))
	require.Zero(t, done.Failed+done.Incomplete)
	found, err := s.db.HoldsSealed(t.Context(), p.subject, keyring.Prefix(old.Version()))
	require.NoError(t, err)
	require.False(t, found, "a row is still under the old version")
	p.reads(t)
	_, failures := s.decode(t, s.history(t, open))
	require.Empty(t, failures, "the old version still opens histories")

	again := s.sweep(t, keys.Rekey, workflows.KeysInput{Before: time.Now().Add(-time.Hour)})
	require.Zero(t, again.Changed, "young keys are left alone: %+v", again)

	kept := s.sweep(t, keys.Retire, workflows.KeysInput{})
	require.Positive(t, kept.KeptForHistories)
	require.Zero(t, kept.Retired)
	s.forget(t, p.subject, open)
	retired := s.sweep(t, keys.Retire, workflows.KeysInput{})
	require.Equal(t, 1, retired.Retired, "%+v", retired)
	fresh := s.openKeyring(t)
	versions, err := fresh.Versions(t.Context(), p.subject)
	require.NoError(t, err)
	require.Len(t, versions, 1)
	p.store = synthesis.NewStore(s.db, fresh)
	p.reads(t)

	t.Run("an archive of the person keeps it, however old", func(t *testing.T) {
		store, err := objects.OpenErasable(t.Context(), "file://"+t.TempDir())
		require.NoError(t, err)
		archives := &people.Archives{Store: store, DB: s.db, Keyring: s.keys}
		s.caps.Keys.Archived = archives.Needs
		archived, err := archives.Write(t.Context(), p.subject, nil)
		require.NoError(t, err)
		s.sweep(t, keys.Rekey, workflows.KeysInput{Subject: p.subject})
		kept := s.sweep(t, keys.Retire, workflows.KeysInput{Subject: p.subject})
		require.Equal(t, keys.Counts{Seen: 1, KeptForArchives: 1}, kept)
		require.NoError(t, archives.Export(t.Context(), p.subject, archived.Name, io.Discard))
		require.NoError(t, store.Remove(t.Context(), archived.Name))
		require.Equal(t, 1, s.sweep(t, keys.Retire, workflows.KeysInput{Subject: p.subject}).Retired)
	})
	t.Run("an archive keeps it", func(t *testing.T) {
		s.sweep(t, keys.Rekey, workflows.KeysInput{Subject: p.subject})
		s.caps.Keys.ArchiveAge = time.Hour
		kept := s.sweep(t, keys.Retire, workflows.KeysInput{Subject: p.subject})
		require.Equal(t, keys.Counts{Seen: 1, KeptForArchives: 1}, kept)
	})
}

func (s *site) holds(t *testing.T, subject uuid.UUID, c postgres.SealedColumn, version uint32) bool {
	t.Helper()
	all := postgres.SealedColumns
	defer func() { postgres.SealedColumns = all }()
	postgres.SealedColumns = []postgres.SealedColumn{c}
	found, err := s.db.HoldsSealed(t.Context(), subject, keyring.Prefix(version))
	require.NoError(t, err)
	return found
}

// forget deletes a workflow, as retention does in the end.
func (s *site) forget(t *testing.T, subject uuid.UUID, id string) {
	t.Helper()
	_, err := s.temporal.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: s.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		count, err := s.temporal.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: s.namespace, Query: fmt.Sprintf("WorkflowId STARTS_WITH 'person/%s/'", subject),
		})
		return err == nil && count.GetCount() == 0
	}, time.Minute, 200*time.Millisecond)
}

func TestNoReplayMeetsADestroyedKey(t *testing.T) {
	s := newSite(t)
	p, other := s.newPerson(t), s.newPerson(t)
	queue := s.storyteller(t)
	known, unknown := p.workflow, "person/"+p.subject.String()+"/analysis/"+uuid.NewString()
	theirs := "person/" + other.subject.String() + "/tale/1"
	for _, id := range []string{known, unknown, theirs} {
		s.begin(t, queue, id)
	}
	opened, failures := s.decode(t, s.history(t, known))
	require.Positive(t, opened)
	require.Empty(t, failures)

	run := s.erases(t, p.subject, 2*time.Second)
	s.group.Stop() // a worker that goes away changes nothing
	s.startWorkers(t)
	var done workflows.ErasureProgress
	require.NoError(t, run.Get(t.Context(), &done))
	require.Equal(t, erasure.Certified, done.State)
	require.Equal(t, 2, done.Ended)

	for _, id := range []string{known, unknown} {
		h := s.history(t, id)
		require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, h.Events[len(h.Events)-1].EventType)
		for _, e := range h.Events {
			require.NotContains(t, []enumspb.EventType{enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT}, e.EventType)
		}
		_, failures := s.decode(t, h)
		require.NotEmpty(t, failures)
		for _, err := range failures {
			require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
		}
	}
	_, err := p.store.Interaction(t.Context(), p.subject, p.session, p.interaction)
	require.True(t, failure.Is(err, failure.NotFound), "%v", err)
	require.True(t, failure.Is(s.keys.Create(t.Context(), p.subject), failure.KeyDestroyed), "nobody becomes them again")

	own, failures := s.decode(t, s.history(t, run.GetID()))
	require.Empty(t, failures, "the destruction did not seal itself with the key that it destroyed")
	require.Positive(t, own)
	t.Run("nobody else is touched", func(t *testing.T) {
		other.reads(t)
		described, err := s.temporal.DescribeWorkflowExecution(t.Context(), theirs, "")
		require.NoError(t, err)
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, described.GetWorkflowExecutionInfo().GetStatus())
		require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), theirs, "", "the test is over"))
	})
	t.Run("and again is no different", func(t *testing.T) {
		again, err := s.starter.StartErasure(t.Context(), workflows.ErasureInput{Erasure: s.erasureOf(run)})
		require.NoError(t, err)
		var done workflows.ErasureProgress
		require.NoError(t, again.Get(t.Context(), &done))
		require.Equal(t, workflows.ErasureProgress{State: erasure.Certified}, done)
	})
}

func TestKeysAreDestroyedAlthoughAReplicaIsAway(t *testing.T) {
	s := newSite(t)
	subject := uuid.New()
	require.NoError(t, s.keys.Create(t.Context(), subject))
	require.NoError(t, s.db.EnsureSubject(t.Context(), subject))
	away := s.folder(2) + ".away"
	require.NoError(t, os.Rename(s.folder(2), away))

	run := s.erases(t, subject, time.Second)
	require.Eventually(t, func() bool {
		value, err := s.temporal.QueryWorkflow(t.Context(), run.GetID(), "", workflows.ProgressQuery)
		var now workflows.ErasureProgress
		return err == nil && value.Get(&now) == nil && !now.UnreadableSince.IsZero()
	}, time.Minute, 100*time.Millisecond)
	_, err := s.openKeyring2(t, 1, 3).Keys(t.Context(), subject)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "unusable while it waits for the replica: %v", err)

	require.NoError(t, os.Rename(away, s.folder(2)))
	require.NoError(t, run.Get(t.Context(), nil))
	for i := 1; i <= 3; i++ {
		require.NoFileExists(t, filepath.Join(s.folder(i), "subjects", subject.String()))
		require.FileExists(t, filepath.Join(s.folder(i), "tombstones", keyring.Digest(subject)))
	}
}

// erases begins the erasure of a person as staff do.
func (s *site) erases(t *testing.T, subject uuid.UUID, settle time.Duration) client.WorkflowRun {
	t.Helper()
	asked, err := s.caps.Erasure.Store.Request(t.Context(), erasure.New{Subject: subject, Law: erasure.GDPR, Approval: s.approved(t, subject)})
	require.NoError(t, err)
	run, err := s.starter.StartErasure(t.Context(), workflows.ErasureInput{Erasure: asked.ID, Settle: settle})
	require.NoError(t, err)
	return run
}

func (s *site) erasureOf(run client.WorkflowRun) uuid.UUID {
	return uuid.MustParse(strings.TrimPrefix(run.GetID(), "privacy/erasure/"))
}

// openKeyring2 opens two of the folders as a keyring of their own.
func (s *site) openKeyring2(t *testing.T, first, second int) *keyring.Keyring {
	t.Helper()
	k, err := keyring.Open(context.Background(), keyring.Options{
		Bucket: "file://" + s.folder(first), Replicas: []keyring.Replica{{URL: "file://" + s.folder(second)}},
		KEK: "file://" + filepath.Join(s.dir, "kek.key"), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}
