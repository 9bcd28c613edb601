package workflows

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"meai/activities/bridge"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/truthfilter"
)

const (
	// startTimeout bounds one call that makes a workflow durable.
	startTimeout = 10 * time.Second
	// queryTimeout bounds a single-step workflow that a client waits for.
	queryTimeout = 15 * time.Second
)

// Starter starts the workflows that the API offers.
type Starter struct {
	Client client.Client
	// Converter reads what runs of backups show of themselves; only those need it.
	Converter converter.DataConverter
	// Active refuses a person whose erasure has begun; nil asks nobody. A query
	// that starts after that would be met by the destruction of its keys. An
	// interaction was accepted in a transaction that asked already.
	Active func(ctx context.Context, subject uuid.UUID) error
}

func (s *Starter) checkActive(ctx context.Context, subject uuid.UUID) error {
	if s.Active == nil {
		return nil
	}
	return s.Active(ctx, subject)
}

// StartInteraction returns nil once the input is durable. Starting the same
// interaction again is not an error and starts nothing.
func (s *Starter) StartInteraction(ctx context.Context, in InteractionInput) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if _, err := s.Client.ExecuteWorkflow(ctx, interactionOptions(in), Interaction, in); err != nil {
		return fmt.Errorf("start the interaction: %w", err)
	}
	return nil
}

// StartInteractionAndWait starts the interaction, if it is not running yet, and
// waits for its answer in the same call. answered is false when the time ran out;
// the interaction is durable all the same, else there is an error.
func (s *Starter) StartInteractionAndWait(ctx context.Context, in InteractionInput, wait time.Duration) (answered bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	handle, err := s.Client.UpdateWithStartWorkflow(waiting, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.Client.NewWithStartWorkflowOperation(interactionOptions(in), Interaction, in),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: in.Ref.Workflow, UpdateName: AnsweredUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err == nil && handle.Get(waiting, nil) == nil {
		return true, nil
	}
	// No worker took the update in time, or the workflow had ended, or the server
	// did not answer: all that is known is that the start may not have happened.
	// The client may have gone as well, and its message is still worth keeping.
	return false, s.StartInteraction(context.WithoutCancel(ctx), in)
}

// StartMemory returns once what is to be remembered is durable, and with until once it has
// come so far or failed, as far as wait allows. What is on its way already, or remembered,
// is not started again.
func (s *Starter) StartMemory(ctx context.Context, in memory.RememberInput, until memory.WriteState, wait time.Duration) error {
	id := memory.WorkflowOf(in.Ref.Subject, in.Ref.Interaction)
	if err := s.startOnce(ctx, id, in.Ref.Subject, Memorise, in); err != nil {
		return err
	}
	if until == "" {
		return nil
	}
	waiting, stop := context.WithTimeout(ctx, wait)
	defer stop()
	// Whatever becomes of the waiting, the memory is durable, and its row says how far it is.
	handle, err := s.Client.UpdateWorkflow(waiting, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: MemorisedUpdate, Args: []any{until}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		_ = handle.Get(waiting, nil) // it failed or time is up: both are to be seen in the row
	}
	return nil
}

// StartImport has an import remembered. One that runs is not started again.
func (s *Starter) StartImport(ctx context.Context, in memory.ImportInput) error {
	return s.startOnce(ctx, personID(in.Subject, "import", in.Import.String()), in.Subject, Import, in)
}

// StartForgetting carries a confirmed forgetting out. One that runs or ran is not started again.
func (s *Starter) StartForgetting(ctx context.Context, in memory.ForgettingRef) error {
	return s.startOnce(ctx, personID(in.Subject, "forgetting", in.Forgetting.String()), in.Subject, Forgetting, in)
}

func (s *Starter) startOnce(ctx context.Context, id string, subject uuid.UUID, workflow, in any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	_, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: QueueMemory,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		TypedSearchAttributes:    temporal.NewSearchAttributes(subjectAttribute.ValueSet(subject.String())),
	}, workflow, in)
	if err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return fmt.Errorf("start %s: %w", id, err)
	}
	return nil
}

func interactionOptions(in InteractionInput) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        in.Ref.Workflow,
		TaskQueue: QueueSynthesis,
		// One key, one interaction, for ever: a retry joins what runs, and what
		// has ended does not start again.
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		TypedSearchAttributes:    temporal.NewSearchAttributes(subjectAttribute.ValueSet(in.Ref.Subject.String())),
	}
}

// Analyze runs Mirror on a text.
func (s *Starter) Analyze(ctx context.Context, in mirror.AnalyzeInput) (mirror.Analysis, error) {
	return query[mirror.Analysis](ctx, s, QueueSynthesis, in.Ref.Subject, "analysis", EmotionalAnalysis, in)
}

// Reflect makes prompts for a person.
func (s *Starter) Reflect(ctx context.Context, in mirror.ReflectInput) (mirror.Reflection, error) {
	return query[mirror.Reflection](ctx, s, QueueSynthesis, in.Ref.Subject, "reflection", ReflectionPrompts, in)
}

// Recall queries a person's memories.
func (s *Starter) Recall(ctx context.Context, in memory.RecallInput) (memory.Recollection, error) {
	return query[memory.Recollection](ctx, s, QueueMemory, in.Ref.Subject, "recall", Recollection, in)
}

// SearchResources searches the library for a person.
func (s *Starter) SearchResources(ctx context.Context, in bridge.SearchInput) (bridge.SearchResult, error) {
	return query[bridge.SearchResult](ctx, s, QueueSynthesis, in.Ref.Subject, "search", ResourceSearch, in)
}

// Assess judges a text for a person.
func (s *Starter) Assess(ctx context.Context, in truthfilter.AssessInput) (truthfilter.Assessed, error) {
	return query[truthfilter.Assessed](ctx, s, QueueSynthesis, in.Ref.Subject, "assessment", TextAssessment, in)
}

// query runs a single-step workflow on a queue and waits for its result.
func query[Out any](ctx context.Context, s *Starter, queue string, subject uuid.UUID, kind string, workflow, in any) (Out, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var out Out
	if err := s.checkActive(ctx, subject); err != nil {
		return out, fmt.Errorf("start the %s: %w", kind, err)
	}
	run, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: personID(subject, kind, uuid.NewString()), TaskQueue: queue,
		WorkflowExecutionTimeout: queryTimeout,
		EnableEagerStart:         true, // where a worker of this process has room, it begins at once
		TypedSearchAttributes:    temporal.NewSearchAttributes(subjectAttribute.ValueSet(subject.String())),
	}, workflow, in)
	if err != nil {
		return out, fmt.Errorf("start the %s: %w", kind, err)
	}
	if err := run.Get(ctx, &out); err != nil {
		return out, fmt.Errorf("wait for the %s: %w", kind, err)
	}
	return out, nil
}
