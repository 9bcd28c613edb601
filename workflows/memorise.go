package workflows

import (
	"errors"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/failure"
)

// MemorisedUpdate is the update that returns once a memory has come as far as the
// [memory.WriteState] that it names, or failed. It only waits.
const MemorisedUpdate = "memorised"

// Memorise keeps one message: its words and what they tell go into the graph, then
// their vectors into the index. It fails when no retry can keep the message, and that
// is noted where the person sees it and can have it tried again.
func Memorise(ctx workflow.Context, in memory.RememberInput) error {
	m := &memorising{in: in, state: memory.WriteQueued, log: workflow.GetLogger(ctx)}
	if err := m.setup(ctx); err != nil {
		return err
	}
	err := m.run(ctx)
	m.done = true
	if done := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err == nil {
		err = done
	}
	return err
}

// memorising is the state of one message on its way into memory.
type memorising struct {
	in    memory.RememberInput
	state memory.WriteState
	// done: it comes no further.
	done bool
	log  log.Logger
}

func (m *memorising) setup(ctx workflow.Context) error {
	return workflow.SetUpdateHandler(ctx, MemorisedUpdate, func(ctx workflow.Context, enough memory.WriteState) error {
		return workflow.Await(ctx, func() bool {
			return m.done || m.state == memory.WriteSearchable || m.state == memory.WriteFailed || m.state == enough
		})
	})
}

// run understands and keeps the message, and completes what an outage made it do without.
func (m *memorising) run(ctx workflow.Context) error {
	if m.in.Analysis == nil && !m.unread() {
		m.analyze(ctx, analyze.shortly())
	}
	if err := m.keep(ctx); err != nil {
		return m.giveUp(ctx, err)
	}
	if m.understood() {
		return nil
	}
	// Kept without its emotions, or with those that showed without the model.
	if m.analyze(ctx, analyze.patiently()); m.in.Analysis == nil {
		return nil
	}
	return m.keep(ctx)
}

// keep writes the memory: rows first, then vectors.
func (m *memorising) keep(ctx workflow.Context) error {
	kept, err := remember.run(ctx, m.in)
	if err != nil {
		return err
	}
	m.state = memory.WriteStored
	if _, err := indexVectors.run(ctx, memory.IndexInput{Ref: m.in.Ref, Nodes: kept.Nodes, Gone: kept.Gone, Origin: m.in.Origin}); err != nil {
		// The rows hold the vectors; the nightly consolidation copies them.
		m.log.Warn("vectors are left to the nightly consolidation", "error", err)
		return nil
	}
	m.state = memory.WriteSearchable
	return nil
}

func (m *memorising) analyze(ctx workflow.Context, again call[mirror.AnalyzeInput, mirror.Analysis]) {
	analysis, err := again.run(ctx, mirror.AnalyzeInput{Ref: m.reads(), Text: m.in.Text})
	if err != nil {
		m.log.Warn("the message is remembered without its emotions", "error", err)
		return
	}
	m.in.Analysis = &analysis
}

// reads is what Mirror shows its steps of: nothing but interactions have any.
func (m *memorising) reads() interaction.Ref {
	ref := m.in.Ref
	if m.in.Origin != "" && m.in.Origin != memory.Told {
		ref.Interaction = [16]byte{}
	}
	return ref
}

// understood: Mirror has read the message with all that it reads with.
func (m *memorising) understood() bool {
	return m.unread() || m.in.Analysis != nil && len(m.in.Analysis.Degraded) == 0
}

// unread: Mirror reads the person's own words, and none that are for the vault.
func (m *memorising) unread() bool { return m.in.Speaker != "" || m.in.Vault }

// giveUp puts the message aside for the person to see, unless their data is being erased.
func (m *memorising) giveUp(ctx workflow.Context, cause error) error {
	reason := failureOf(cause)
	if reason == failure.SubjectInactive || reason == failure.KeyDestroyed {
		return cause
	}
	m.state = memory.WriteFailed
	if _, err := putAside.run(ctx, memory.GiveUpInput{Ref: m.in.Ref, Reason: reason}); err != nil {
		m.log.Error("a write that failed could not be put aside", "error", err)
	}
	return cause
}

// retriesExhausted is the reason of what was tried until its time was up.
const retriesExhausted = "RetriesExhausted"

// failureOf is the type of a failure, as a code to show.
func failureOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.NonRetryable() {
		return app.Type()
	}
	return retriesExhausted
}

// Import remembers a past conversation, page by page.
func Import(ctx workflow.Context, in memory.ImportInput) error {
	for range pagesPerRun {
		page, err := importPage.run(ctx, in)
		if err != nil || !page.More {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Import, in)
}
