package workers

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/privacy/consent"
	"meai/activities/privacy/consent/consenttest"
	"meai/activities/privacy/export"
	"meai/activities/synthesis"
	"meai/internal/cluster"
	"meai/internal/embedding"
	"meai/workflows"
)

// nights are the steps of capabilities with people's stories that none of these runs.
var nights = []string{"memory.ListSubjects", "memory.SweepTenants"}

// TestEveryStepOfAPersonsStorySaysWhatItIsFor fails for a new activity that is in neither
// list: it would not run for a person.
func TestEveryStepOfAPersonsStorySaysWhatItIsFor(t *testing.T) {
	steps := map[string]bool{"escalation.Start": true}
	for queue, s := range served {
		if !s.persons && queue != workflows.QueueMirror && queue != workflows.QueueTruthFilter {
			continue
		}
		for capability, activities := range s.activities(Capabilities{}) {
			kind := reflect.TypeOf(activities)
			for i := range kind.NumMethod() {
				steps[capability+"."+kind.Method(i).Name] = true
			}
		}
	}
	exports := reflect.TypeFor[*export.Activities]()
	for i := range exports.NumMethod() {
		steps["export."+exports.Method(i).Name] = true
	}
	for step := range steps {
		_, said := needs[step]
		require.NotEqual(t, slices.Contains(nights, step), said, step)
	}
	for step, n := range needs {
		require.True(t, steps[step], "%s is no step", step)
		for _, purpose := range append([]consent.Purpose{n.purpose}, n.also...) {
			_, known := consent.Defined(purpose)
			require.True(t, known || purpose == "", "%s is for %q", step, purpose)
		}
	}
}

// answers is what somebody permits.
type answers struct {
	asked []consent.Purpose
	err   error
}

func (a *answers) Permitted(_ context.Context, _ uuid.UUID, purposes ...consent.Purpose) (consent.Permitted, error) {
	a.asked = purposes
	return consent.Permitted{}, a.err
}

func TestAStepIsRefusedForGoodWithoutConsentAndTriedAgainWhenNobodyKnows(t *testing.T) {
	down := errors.New("the database does not answer")
	person, ran := "person/"+uuid.NewString()+"/interaction/1", false
	for _, c := range []struct {
		name, workflow, step string
		in                   any
		err                  error
		runs, final          bool
		asked                []consent.Purpose
	}{
		{"no consent", person, "mirror.Analyze", mirror.AnalyzeInput{}, nil, false, true, []consent.Purpose{consent.Conversation, consent.LanguageModel}},
		{"nobody knows", person, "mirror.Analyze", mirror.AnalyzeInput{}, down, false, false, []consent.Purpose{consent.Conversation, consent.LanguageModel}},
		{"a memory", person, "memory.Remember", memory.RememberInput{}, nil, false, true, []consent.Purpose{consent.Memory, consent.LanguageModel}},
		{"for the vault", person, "memory.Remember", memory.RememberInput{Vault: true}, nil, false, true, []consent.Purpose{consent.Vault, consent.LanguageModel}},
		{"words that are embedded", person, "memory.IndexVectors", memory.IndexInput{}, nil, false, true, []consent.Purpose{consent.Memory, consent.LanguageModel}},
		{"for nothing that needs consent", person, "synthesis.Deliver", synthesis.DeliverInput{}, down, true, false, nil},
		{"nobody has said what for", person, "memory.OfANewerWorker", memory.ConsolidateInput{}, nil, false, false, nil},
		{"nobody's story", "consolidation/" + uuid.NewString(), "memory.Consolidate", memory.ConsolidateInput{}, down, true, false, nil},
	} {
		a := &answers{err: c.err}
		ran = false
		err := runStep(t, a, c.workflow, c.step, c.in, func() { ran = true })
		require.Equal(t, c.runs, ran, c.name)
		require.Equal(t, c.runs, err == nil, "%s: %v", c.name, err)
		var app *temporal.ApplicationError
		require.Equal(t, c.final, errors.As(err, &app) && app.NonRetryable(), "%s: %v", c.name, err)
		require.Equal(t, c.asked, a.asked, c.name)
	}
}

// last is the end of a chain of interceptors.
type last struct {
	interceptor.ActivityInboundInterceptorBase
	run func(context.Context)
}

func (l *last) ExecuteActivity(ctx context.Context, _ *interceptor.ExecuteActivityInput) (any, error) {
	l.run(ctx)
	return nil, nil
}

// runStep has the interceptor meet a step of a workflow.
func runStep(t *testing.T, p Permitter, workflow, step string, in any, run func()) error {
	t.Helper()
	inbound := (&consents{permitter: p}).InterceptActivity(t.Context(), &last{run: func(context.Context) { run() }}).(*consentsInbound)
	_, err := inbound.meet(t.Context(), workflow, step, &interceptor.ExecuteActivityInput{Args: []any{in}})
	return err
}

// meddler does something once after a step of a story.
type meddler struct {
	interceptor.WorkerInterceptorBase
	after string
	do    func(subject string)
}

func (m *meddler) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &meddlerInbound{interceptor.ActivityInboundInterceptorBase{Next: next}, m}
}

type meddlerInbound struct {
	interceptor.ActivityInboundInterceptorBase
	meddler *meddler
}

func (m *meddlerInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := m.Next.ExecuteActivity(ctx, in)
	if info := activity.GetInfo(ctx); err == nil && info.ActivityType.Name == m.meddler.after {
		m.meddler.do(info.WorkflowExecution.ID)
	}
	return out, err
}

// TestAConsentThatIsTakenBackStopsWhatIsRunningAtTheNextStep withdraws, or restricts, between
// two steps of a running interaction, with workers on the real engines.
func TestAConsentThatIsTakenBackStopsWhatIsRunningAtTheNextStep(t *testing.T) {
	s := newSite(t)
	declared := declaration(t)
	declared.Schedules = nil
	_, err := cluster.Applier{Client: s.temporal, Namespace: s.namespace, Declared: declared}.Apply(t.Context())
	require.NoError(t, err)
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	analyzer, err := mirror.NewAnalyzer(model)
	require.NoError(t, err)
	store := synthesis.NewStore(s.db, s.keys)
	caps := s.caps
	caps.Mirror, caps.Synthesis = &mirror.Activities{Analyzer: analyzer}, &synthesis.Activities{Store: store}
	between := &meddler{after: "mirror.Analyze"}
	for _, queue := range []string{workflows.QueueSynthesis, workflows.QueueMirror} {
		w := worker.New(s.temporal, queue, worker.Options{
			Interceptors: []interceptor.WorkerInterceptor{between, &consents{permitter: s.consents}}, DisableWorkflowWorker: len(served[queue].workflows) == 0,
		})
		served[queue].register(w, caps)
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	for name, c := range map[string]struct {
		stop func(subject uuid.UUID) error
		code string
	}{
		"taken back": {func(subject uuid.UUID) error {
			_, err := s.consents.Decide(t.Context(), consent.Answer{Subject: subject, Purpose: consent.Conversation, Decision: consent.Withdrawn})
			return err
		}, "consent_missing"},
		"restricted": {func(subject uuid.UUID) error { _, err := s.consents.Restrict(t.Context(), subject); return err }, "processing_restricted"},
	} {
		t.Run(name, func(t *testing.T) {
			subject := uuid.New()
			consenttest.Give(t, s.db, s.keys, subject, consent.Conversation, consent.Memory)
			stopped := make(chan error, 1)
			between.do = func(string) { stopped <- c.stop(subject) }
			session, err := store.CreateSession(t.Context(), subject, "", time.Hour)
			require.NoError(t, err)
			rec, _, err := store.Accept(t.Context(), synthesis.Acceptance{Subject: subject, Session: session.ID, IdempotencyKey: "1", Body: []byte("{}")})
			require.NoError(t, err)
			in := workflows.InteractionInput{Ref: rec.Ref, Words: "I had a long day at work.", AcceptedAt: rec.AcceptedAt}
			require.Eventually(t, func() bool { // new search attributes take a moment
				return s.starter.StartInteraction(t.Context(), in) == nil
			}, time.Minute, 200*time.Millisecond)
			require.NoError(t, s.temporal.GetWorkflow(t.Context(), rec.Ref.Workflow, "").Get(t.Context(), nil))
			require.NoError(t, <-stopped)

			kept, err := store.Interaction(t.Context(), subject, session.ID, rec.Ref.Interaction)
			require.NoError(t, err)
			require.Equal(t, synthesis.Stopped, kept.Answer.Source)
			require.Equal(t, "I had a long day at work.", kept.Words, "what was accepted is kept")
			require.Nil(t, kept.Answer.Analysis, "and nothing that was made of it")
			require.Contains(t, kept.Answer.Degraded, c.code)
			ended := map[interaction.Step]interaction.StepState{}
			for _, step := range kept.Steps {
				ended[step.Step] = step.State
			}
			require.Equal(t, interaction.Degraded, ended[interaction.ResponseGeneration])
			require.Equal(t, interaction.Skipped, ended[interaction.MemoryStorage])
			for _, e := range s.history(t, rec.Ref.Workflow).Events {
				require.False(t, strings.Contains(e.EventType.String(), "ChildWorkflow"), "nobody begins to remember it")
			}
		})
	}
}
