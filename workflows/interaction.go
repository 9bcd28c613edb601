// Package workflows holds MeAi's durable stories. Each is told at one level, in
// the order in which it happens; what a step does lives in activities.
package workflows

import (
	"slices"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"meai/activities/bridge"
	"meai/activities/escalation"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/internal/failure"
)

// AnsweredUpdate is the update that returns once the answer can be read. It only
// waits: the words travel in the workflow's start arguments, because an update
// that was merely admitted is not durable.
const AnsweredUpdate = "answered"

// InteractionInput is one message of a person, as accepted.
type InteractionInput struct {
	Ref     interaction.Ref     `json:"ref"`
	Words   string              `json:"words"`
	Context interaction.Context `json:"context"`
	// Region is the country whose help lines a safe answer names; "" when it is not known.
	Region     string    `json:"region,omitempty"`
	AcceptedAt time.Time `json:"accepted_at"`
	// Without are steps that were switched off when the message was accepted. They are part of the input, so
	// that no replay is told otherwise. Only what an answer can do without counts: finding resources and
	// recalling.
	Without []interaction.Step `json:"without,omitempty"`
}

// Interaction answers one message and then remembers it. It fails only when the
// person's data is being erased.
func Interaction(ctx workflow.Context, in InteractionInput) error {
	s := &story{in: in, steps: ledger{}, log: workflow.GetLogger(ctx)}
	if err := s.setup(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// story is the state of one interaction.
type story struct {
	in       InteractionInput
	log      log.Logger
	steps    ledger
	analysis *mirror.Analysis
	memories []memory.Memory
	hits     []bridge.Hit
	degraded []string
	// stopped: the person does not agree any more to what is done, or has it stored only.
	stopped bool
	// unremembered is why the message is not remembered, as a [failure.Type]; "" for one that
	// is.
	unremembered failure.Type
	delivered    bool
	// escalated is the case for people on call; zero when there is none.
	escalated uuid.UUID
}

func (s *story) setup(ctx workflow.Context) error {
	return workflow.SetUpdateHandler(ctx, AnsweredUpdate, func(ctx workflow.Context) error {
		return workflow.Await(ctx, func() bool { return s.delivered })
	})
}

func (s *story) run(ctx workflow.Context) error {
	if err := s.deliver(ctx, s.answer(ctx)); err != nil {
		return err
	}
	called := s.callForHelp(ctx)
	if s.unremembered == "" {
		if err := s.remember(ctx); err != nil {
			return err
		}
	}
	called(ctx)
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// answer decides what the person gets. Rules look for a crisis first, inside
// this process, so that help depends on no queue and no engine.
func (s *story) answer(ctx workflow.Context) synthesis.Answer {
	danger := s.assessDanger(ctx)
	if danger.NeedsSafeAnswer() {
		return synthesis.SafeAnswer(danger, s.in.Region)
	}
	if s.understand(ctx); s.analysis != nil {
		danger = s.analysis.Crisis
	}
	if danger = danger.Settled(); danger.NeedsSafeAnswer() {
		return synthesis.SafeAnswer(danger, s.in.Region)
	}
	if s.stopped {
		return s.withoutDraft()
	}
	s.findResources(ctx)
	draft, err := s.compose(ctx, nil, "")
	if err != nil {
		return s.withoutDraft()
	}
	return s.review(ctx, draft)
}

// withoutDraft is the answer when nothing that was composed may be sent.
func (s *story) withoutDraft() synthesis.Answer {
	if s.stopped {
		return synthesis.StoppedAnswer()
	}
	return synthesis.FallbackAnswer(s.analysis)
}

func (s *story) assessDanger(ctx workflow.Context) crisis.Assessment {
	// A side effect records the outcome: better rules must not change the past
	// of workflows that are open when they are deployed.
	var danger crisis.Assessment
	recorded := workflow.SideEffect(ctx, func(workflow.Context) any { return crisis.Look(s.in.Words) })
	if err := recorded.Get(&danger); err != nil {
		s.log.Error("the recorded crisis assessment cannot be read", "error", err)
	}
	return danger
}

// understand reads the words and recalls what belongs to them, side by side.
func (s *story) understand(ctx workflow.Context) {
	s.steps.begin(ctx, interaction.EmotionalAnalysis)
	analyzing := analyze.start(ctx, mirror.AnalyzeInput{Ref: s.in.Ref, Text: s.in.Words})
	recalled := s.recall(ctx)

	if analysis, err := analyzing.result(ctx); err != nil {
		s.lose(ctx, interaction.EmotionalAnalysis, "mirror_unavailable", err)
	} else {
		s.analysis = &analysis
		s.finish(ctx, interaction.EmotionalAnalysis, analysis.Degraded)
	}
	recalled(ctx)
}

// recall begins to look for what belongs to the words, and returns what waits for it.
func (s *story) recall(ctx workflow.Context) (wait func(workflow.Context)) {
	if slices.Contains(s.in.Without, interaction.MemoryRetrieval) {
		s.steps.skip(ctx, interaction.MemoryRetrieval)
		return func(workflow.Context) {}
	}
	s.steps.begin(ctx, interaction.MemoryRetrieval)
	recalling := recall.start(ctx, memory.RecallInput{Ref: s.in.Ref, Query: s.in.Words})
	return func(ctx workflow.Context) {
		recollection, err := recalling.result(ctx)
		if err != nil {
			s.lose(ctx, interaction.MemoryRetrieval, "memory_unavailable", err)
			return
		}
		s.memories = recollection.Memories
		s.finish(ctx, interaction.MemoryRetrieval, recollection.Degraded)
	}
}

func (s *story) findResources(ctx workflow.Context) {
	if !wantsResources(s.analysis) || slices.Contains(s.in.Without, interaction.ResourceSearch) {
		s.steps.skip(ctx, interaction.ResourceSearch)
		return
	}
	s.steps.begin(ctx, interaction.ResourceSearch)
	found, err := search.run(ctx, bridge.SearchInput{
		Ref: s.in.Ref, Topic: s.in.Words, Emotion: s.analysis.Primary, Needs: lacking(s.analysis.Needs),
	})
	if err != nil {
		s.lose(ctx, interaction.ResourceSearch, "bridge_unavailable", err)
		return
	}
	s.hits = found.Hits
	s.finish(ctx, interaction.ResourceSearch, found.Degraded)
}

// compose makes a draft, or mends the one that objection was made to.
func (s *story) compose(ctx workflow.Context, objection *truthfilter.Judgement, to synthesis.Source) (synthesis.Answer, error) {
	s.steps.begin(ctx, interaction.ResponseGeneration)
	draft, err := compose.run(ctx, synthesis.ComposeInput{
		Ref: s.in.Ref, Words: s.in.Words, Context: s.in.Context, At: s.in.AcceptedAt,
		Analysis: s.analysis, Memories: s.memories, Hits: s.hits, Revise: objection, Revised: to,
	})
	if err != nil {
		s.lose(ctx, interaction.ResponseGeneration, "synthesis_unavailable", err)
		return synthesis.Answer{}, err
	}
	s.finish(ctx, interaction.ResponseGeneration, draft.Degraded)
	return draft, nil
}

// review lets a draft through, has it revised once, or puts pre-reviewed text in
// its place: nothing that TruthFilter has not passed is sent. What people on call have
// to look at is not revised.
func (s *story) review(ctx workflow.Context, draft synthesis.Answer) synthesis.Answer {
	judgement, err := s.judge(ctx, draft)
	if err == nil && judgement.Verdict != truthfilter.Pass && !judgement.Escalate {
		if draft, err = s.compose(ctx, &judgement, draft.Source); err != nil {
			s.finish(ctx, interaction.TruthReview, nil)
			return s.withoutDraft()
		}
		judgement, err = s.judge(ctx, draft)
	}
	if err != nil {
		s.lose(ctx, interaction.TruthReview, "truthfilter_unavailable", err)
		return s.withoutDraft()
	}
	s.finish(ctx, interaction.TruthReview, nil)
	if judgement.Verdict != truthfilter.Pass {
		draft = synthesis.FallbackAnswer(s.analysis)
	}
	kept := judgement.Discreet()
	draft.Review = &kept
	return draft
}

func (s *story) judge(ctx workflow.Context, draft synthesis.Answer) (truthfilter.Judgement, error) {
	s.steps.begin(ctx, interaction.TruthReview)
	return review.run(ctx, truthfilter.ReviewInput{
		Ref: s.in.Ref, Words: s.in.Words, Draft: draft.Text, Analysis: s.analysis, Memories: s.memories,
	})
}

func (s *story) deliver(ctx workflow.Context, answer synthesis.Answer) error {
	if s.stopped {
		s.analysis = nil // what was read in the words is not kept either
	}
	if s.unremembered != "" {
		s.steps.skip(ctx, interaction.MemoryStorage)
		s.steps.skip(ctx, interaction.MemoryIndexing)
	}
	answer.Analysis, answer.Degraded = s.analysis, s.degraded
	// The row that says so becomes visible with the answer or not at all.
	s.steps.end(ctx, interaction.Delivery, interaction.Completed, "")
	delivered, err := deliver.run(ctx, synthesis.DeliverInput{
		Ref: s.in.Ref, Words: s.in.Words, Context: s.in.Context, AcceptedAt: s.in.AcceptedAt,
		Answer: answer, Steps: s.steps.records, Unremembered: s.unremembered,
	})
	if err != nil {
		return err
	}
	s.delivered, s.escalated = true, delivered.Escalation
	if len(s.degraded) > 0 {
		return workflow.UpsertTypedSearchAttributes(ctx, degradedAttribute.ValueSet(true))
	}
	return nil
}

// callForHelp has people on call told of a crisis, in a story of its own that goes on
// whatever becomes of this one. The case is a row since the answer was delivered: when
// this is cut short, the next sweep finds it.
func (s *story) callForHelp(ctx workflow.Context) (wait func(workflow.Context)) {
	if s.escalated == uuid.Nil {
		return func(workflow.Context) {}
	}
	started := startEscalation.start(ctx, escalation.Ref{ID: s.escalated})
	return func(ctx workflow.Context) {
		if _, err := started.result(ctx); err != nil {
			s.log.Error("an escalation is left to the next sweep", "error", err)
		}
	}
}

// remember hands the message to a story of its own now that nobody waits: memory that is
// slow or away keeps no answered interaction open.
func (s *story) remember(ctx workflow.Context) error {
	in := memory.RememberInput{Ref: s.in.Ref, Text: s.in.Words, SaidAt: s.in.AcceptedAt, Analysis: s.analysis}
	if workflow.GetVersion(ctx, "memorise-apart", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return (&memorising{in: in, log: s.log}).run(ctx)
	}
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: memory.WorkflowOf(s.in.Ref.Subject, s.in.Ref.Interaction), TaskQueue: QueueMemory,
		// The interaction's end does not end it, and what remembers already goes on.
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		TypedSearchAttributes: temporal.NewSearchAttributes(subjectAttribute.ValueSet(s.in.Ref.Subject.String())),
	}), Memorise, in)
	err := child.GetChildWorkflowExecution().Get(ctx, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return nil // somebody has had it tried again
	}
	return err
}

// finish closes a step, degraded when it names what it had to do without.
func (s *story) finish(ctx workflow.Context, step interaction.Step, without []string) {
	if len(without) == 0 {
		s.steps.end(ctx, step, interaction.Completed, "")
		return
	}
	for _, code := range without { // several steps may do without the same thing
		if !slices.Contains(s.degraded, code) {
			s.degraded = append(s.degraded, code)
		}
	}
	s.steps.end(ctx, step, interaction.Degraded, without[0])
}

// lose closes a step that could not be done at all. Without consent to remember the answer
// does without memory; without consent to anything else, nothing more is done.
func (s *story) lose(ctx workflow.Context, step interaction.Step, reason string, err error) {
	for _, refusal := range refusals {
		if failure.Is(err, refusal.failure) {
			reason, s.unremembered = refusal.code, refusal.failure
			s.stopped = s.stopped || step != interaction.MemoryRetrieval
		}
	}
	s.log.Warn("the answer does without a step", "step", step, "reason", reason, "error", err)
	s.finish(ctx, step, []string{reason})
}

// refusals are the failures of what the person does not agree to, and how an answer calls
// them. An error is at most one of them.
var refusals = []struct {
	failure failure.Type
	code    string
}{{failure.ConsentMissing, "consent_missing"}, {failure.ProcessingRestricted, "processing_restricted"}}

// wantsResources: the person asks for something to try, or is so upset that a
// way to steady themselves is worth offering.
func wantsResources(a *mirror.Analysis) bool {
	if a == nil {
		return false
	}
	return a.Kind == mirror.ResourceRequest || (a.Intensity >= 0.75 && a.Valence <= -0.4)
}

func lacking(needs []mirror.Need) []string {
	var names []string
	for _, n := range needs {
		if n.Lacking {
			names = append(names, n.Name)
		}
	}
	return names
}
