package api_test

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/approval"
	"meai/activities/bridge"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/privacy/requests"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/internal/failure"
	"meai/workflows"
)

// memoryStore keeps what the real store keeps, with the same answers, in memory.
// The real one is tested end to end; here the subject is HTTP.
type memoryStore struct {
	mu       sync.Mutex
	sessions map[uuid.UUID]synthesis.Session
	records  []synthesis.Record
	keys     map[string]synthesis.Acceptance
	ids      map[string]uuid.UUID
	words    map[uuid.UUID]string
	// fail is returned by every method while it is set, the others by one.
	fail, failConfirm, failRead error
	// looked is called with every look at an interaction.
	looked func()
	// hangs: accepting waits until the caller gives up.
	hangs bool
}

func newMemoryStore() *memoryStore {
	return &memoryStore{
		sessions: map[uuid.UUID]synthesis.Session{}, keys: map[string]synthesis.Acceptance{},
		ids: map[string]uuid.UUID{}, words: map[uuid.UUID]string{},
	}
}

func (m *memoryStore) CreateSession(_ context.Context, subject uuid.UUID, device string, lifetime time.Duration) (synthesis.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return synthesis.Session{}, m.fail
	}
	now := time.Now()
	s := synthesis.Session{ID: newID(), Subject: subject, State: synthesis.SessionActive, CreatedAt: now, ExpiresAt: now.Add(lifetime), Device: device}
	m.sessions[s.ID] = s
	return s, nil
}

func (m *memoryStore) Session(_ context.Context, subject, id uuid.UUID) (synthesis.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session(subject, id)
}

func (m *memoryStore) session(subject, id uuid.UUID) (synthesis.Session, error) {
	s, ok := m.sessions[id]
	switch {
	case m.fail != nil:
		return synthesis.Session{}, m.fail
	case !ok || s.Subject != subject:
		return synthesis.Session{}, failure.New(failure.NotFound, "no such session", nil)
	}
	return s, nil
}

func (m *memoryStore) EndSession(_ context.Context, subject, id uuid.UUID) (synthesis.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.session(subject, id)
	if err == nil && s.State == synthesis.SessionActive {
		now := time.Now()
		s.State, s.EndedAt = synthesis.SessionEnded, &now
		m.sessions[id] = s
	}
	return s, err
}

func (m *memoryStore) Accept(ctx context.Context, a synthesis.Acceptance) (synthesis.Record, bool, error) {
	if m.hangs {
		<-ctx.Done()
		return synthesis.Record{}, false, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return synthesis.Record{}, false, m.fail
	}
	key := a.Subject.String() + " " + a.IdempotencyKey
	if known, ok := m.keys[key]; ok {
		if known.Session != a.Session || !bytes.Equal(known.Body, a.Body) {
			return synthesis.Record{}, false, failure.New(failure.IdempotencyConflict, "another body", nil)
		}
		return *m.record(m.ids[key]), false, nil
	}
	s, err := m.session(a.Subject, a.Session)
	if err != nil {
		return synthesis.Record{}, false, err
	}
	if s.State != synthesis.SessionActive {
		return synthesis.Record{}, false, failure.New(failure.SessionExpired, "over", nil)
	}
	if a.Previous != nil && m.record(*a.Previous) == nil {
		return synthesis.Record{}, false, synthesis.ErrNoPrevious
	}
	id := newID()
	rec := synthesis.Record{
		Ref:   interaction.Ref{Subject: a.Subject, Session: a.Session, Interaction: id, Workflow: "person/" + a.Subject.String() + "/interaction/" + id.String()},
		State: interaction.Received, AcceptedAt: time.Now(),
	}
	m.keys[key], m.ids[key] = a, id
	m.records = append(m.records, rec)
	return rec, true, nil
}

// record is the row of an id, nil without one.
func (m *memoryStore) record(id uuid.UUID) *synthesis.Record {
	i := slices.IndexFunc(m.records, func(r synthesis.Record) bool { return r.Ref.Interaction == id })
	if i < 0 {
		return nil
	}
	return &m.records[i]
}

func (m *memoryStore) Confirm(_ context.Context, ref interaction.Ref) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.fail, m.failConfirm); err != nil {
		return err
	}
	if rec := m.record(ref.Interaction); rec != nil && rec.State == interaction.Received {
		rec.State = interaction.Accepted
	}
	return nil
}

func (m *memoryStore) Interaction(_ context.Context, subject, session, id uuid.UUID) (synthesis.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.looked != nil {
		m.looked()
	}
	if err := cmp.Or(m.fail, m.failRead); err != nil {
		return synthesis.Record{}, err
	}
	rec := m.record(id)
	if rec == nil || rec.Ref.Subject != subject || rec.Ref.Session != session {
		return synthesis.Record{}, failure.New(failure.NotFound, "no such interaction", nil)
	}
	copied := *rec
	copied.Steps = slices.Clone(rec.Steps)
	return copied, nil
}

func (m *memoryStore) Interactions(_ context.Context, subject, session, before uuid.UUID, limit int) ([]synthesis.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.session(subject, session); err != nil {
		return nil, err
	}
	var page []synthesis.Record
	for _, rec := range slices.Backward(m.records) {
		older := before == uuid.Nil || bytes.Compare(rec.Ref.Interaction[:], before[:]) < 0
		if rec.Ref.Session == session && older && len(page) < limit {
			page = append(page, rec)
		}
	}
	return page, nil
}

// step writes a row as a worker does.
func (m *memoryStore) step(id uuid.UUID, step interaction.Step, state interaction.StepState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, now := m.record(id), time.Now()
	row := interaction.StepRecord{Step: step, State: state, StartedAt: now}
	if state != interaction.Started {
		row.CompletedAt = &now
	}
	rec.Steps = slices.DeleteFunc(rec.Steps, func(s interaction.StepRecord) bool { return s.Step == step })
	rec.Steps = append(rec.Steps, row)
}

// deliver stores the answer as the last step does.
func (m *memoryStore) deliver(id uuid.UUID, words string, answer synthesis.Answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, now := m.record(id), time.Now()
	rec.State, rec.AnsweredAt, rec.Words, rec.Answer = interaction.Answered, &now, words, &answer
}

func (m *memoryStore) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// count is the number of interactions that were stored.
func (m *memoryStore) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records)
}

func (m *memoryStore) state(id uuid.UUID) interaction.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.record(id).State
}

// engine stands for Temporal and the workers.
type engine struct {
	// hold carries a legal hold out.
	hold    func(requests.HoldInput) (requests.HoldRef, error)
	mu      sync.Mutex
	started []workflows.InteractionInput
	fail    error
	// wait answers StartInteractionAndWait; nil lets the time run out.
	wait     func(ctx context.Context, in workflows.InteractionInput, wait time.Duration) (bool, error)
	mirror   mirror.Analysis
	recall   memory.Recollection
	recalls  []memory.RecallInput
	searches []bridge.SearchInput
	search   bridge.SearchResult
	prompts  mirror.Reflection
	asked    []mirror.ReflectInput
	judged   truthfilter.Assessed
	texts    []truthfilter.AssessInput
	backupEngine
	exportEngine
}

func (e *engine) StartInteraction(ctx context.Context, in workflows.InteractionInput) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return e.fail
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e.started = append(e.started, in)
	return nil
}

func (e *engine) StartInteractionAndWait(ctx context.Context, in workflows.InteractionInput, wait time.Duration) (bool, error) {
	if err := e.StartInteraction(context.WithoutCancel(ctx), in); err != nil {
		return false, err
	}
	if e.wait == nil {
		return false, nil
	}
	return e.wait(ctx, in, wait)
}

func (e *engine) Analyze(context.Context, mirror.AnalyzeInput) (mirror.Analysis, error) {
	return e.mirror, e.fail
}

func (e *engine) Reflect(_ context.Context, in mirror.ReflectInput) (mirror.Reflection, error) {
	e.asked = append(e.asked, in)
	return e.prompts, e.fail
}

func (e *engine) Recall(_ context.Context, in memory.RecallInput) (memory.Recollection, error) {
	e.recalls = append(e.recalls, in)
	return e.recall, e.fail
}

func (e *engine) SearchResources(_ context.Context, in bridge.SearchInput) (bridge.SearchResult, error) {
	e.searches = append(e.searches, in)
	return e.search, e.fail
}

func (e *engine) Assess(_ context.Context, in truthfilter.AssessInput) (truthfilter.Assessed, error) {
	e.texts = append(e.texts, in)
	return e.judged, e.fail
}

func (e *engine) StartApproval(context.Context, uuid.UUID) error  { return nil }
func (e *engine) Decide(context.Context, approval.Decision) error { return nil }

func (e *engine) AnswerEscalation(context.Context, uuid.UUID) error { return nil }

func (e *engine) breaks(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail = err
}

// starts is the number of times that the engine was asked to start something.
func (e *engine) starts() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.started)
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func (e *engine) StartMemory(context.Context, memory.RememberInput, memory.WriteState, time.Duration) error {
	return e.fail
}
func (e *engine) StartErasure(context.Context, workflows.ErasureInput) (client.WorkflowRun, error) {
	return nil, e.fail
}
func (e *engine) NudgeErasure(context.Context, uuid.UUID) error               { return e.fail }
func (e *engine) StartImport(context.Context, memory.ImportInput) error       { return e.fail }
func (e *engine) StartForgetting(context.Context, memory.ForgettingRef) error { return e.fail }
func (e *engine) Consolidate(context.Context, uuid.UUID) error                { return e.fail }
