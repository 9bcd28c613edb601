package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory"
	"meai/internal/failure"
)

// Memories takes what is to change in a person's memory; [memory.Store] is the real one.
type Memories interface {
	Accept(ctx context.Context, o memory.Offer) (w memory.Write, start memory.RememberInput, fresh bool, err error)
	Correct(ctx context.Context, c memory.Correction) (w memory.Write, start memory.RememberInput, fresh bool, err error)
	AcceptImport(ctx context.Context, b memory.Bundle) (i memory.Import, fresh bool, err error)
	Import(ctx context.Context, subject, id uuid.UUID) (memory.Import, error)
	Write(ctx context.Context, subject, id uuid.UUID) (memory.Write, error)
	Writes(ctx context.Context, subject uuid.UUID, state memory.WriteState, before memory.Write, limit int) ([]memory.Write, error)
	Retry(ctx context.Context, subject, id uuid.UUID) (memory.Write, memory.RememberInput, error)
	Drop(ctx context.Context, subject, id uuid.UUID) error
	Pin(ctx context.Context, subject, id uuid.UUID, pinned bool) error
	Untrue(ctx context.Context, subject, fact uuid.UUID) error
	PreviewForgetting(ctx context.Context, subject uuid.UUID, what memory.Selection) (memory.Forgetting, error)
	ConfirmForgetting(ctx context.Context, subject, id uuid.UUID) (memory.Forgetting, error)
	Forgetting(ctx context.Context, subject, id uuid.UUID) (memory.Forgetting, error)
}

// MemoryReader reads a person's memory as a graph; [memory.Graph] is the real one.
type MemoryReader interface {
	Memory(ctx context.Context, subject, id uuid.UUID) (memory.Memory, error)
	Related(ctx context.Context, subject, node uuid.UUID, depth, fanout int) ([]memory.Relation, error)
	Whole(ctx context.Context, subject uuid.UUID, t memory.AsOf, after uuid.UUID, limit int) (memory.Page, error)
	Facts(ctx context.Context, subject uuid.UUID, t memory.AsOf, entity uuid.UUID) ([]memory.Fact, error)
	Patterns(ctx context.Context, subject uuid.UUID) (memory.FoundPatterns, error)
}

// patience is how long a request waits for its memory that asks to, and does not say how long.
const patience = 10 * time.Second

// StoreMemory implements [StrictServerInterface].
func (s *Server) StoreMemory(ctx context.Context, r StoreMemoryRequestObject) (StoreMemoryResponseObject, error) {
	w, err := s.storeWords(ctx, *r.Body, r.Body.Text, r.Body.SaidAt, memory.Offer{
		IdempotencyKey: r.Params.IdempotencyKey, Session: r.Body.SessionId, Content: memory.Content{Speaker: r.Body.Speaker, Text: r.Body.Text},
	}, waiting{until: string(orZero(r.Params.Wait)), prefer: r.Params.Prefer})
	if err != nil {
		return nil, err
	}
	return StoreMemory202JSONResponse{Body: w, Headers: StoreMemory202ResponseHeaders{Location: writeLink(w.Id)}}, nil
}

// waiting is how far a caller wants to wait for a memory; "" for not at all.
type waiting struct {
	until  string
	prefer *string
}

// storeWords accepts words to remember and has them remembered.
func (s *Server) storeWords(ctx context.Context, body any, words string, saidAt time.Time, o memory.Offer, w waiting) (MemoryWrite, error) {
	var err error
	if o.Subject, err = caller(ctx); err != nil {
		return MemoryWrite{}, err
	}
	if o.Body, err = canonical(body); err != nil {
		return MemoryWrite{}, err
	}
	if o.SaidAt, err = saidBefore(saidAt, "/said_at"); err != nil {
		return MemoryWrite{}, withSafety(err, words, s.region)
	}
	return s.accepted(ctx, words, w, func(ctx context.Context) (memory.Write, memory.RememberInput, bool, error) {
		return s.memories.Accept(ctx, o)
	})
}

// accepted takes words in, within the time that a person in danger may have to wait for help.
func (s *Server) accepted(ctx context.Context, words string, w waiting,
	accept func(context.Context) (memory.Write, memory.RememberInput, bool, error),
) (MemoryWrite, error) {
	if strings.TrimSpace(words) == "" {
		return MemoryWrite{}, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/text", Reason: "must say something"})
	}
	accepting, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	write, start, _, err := accept(accepting)
	if err != nil {
		return MemoryWrite{}, withSafety(engineFailure("accept a memory", err), words, s.region)
	}
	if write, err = s.remember(ctx, write, start, w.until, w.prefer); err != nil {
		return MemoryWrite{}, withSafety(err, words, s.region)
	}
	return s.stored(write, words), nil
}

// stored shows a write, with help where its words show signs of danger: nobody answers them.
func (s *Server) stored(w memory.Write, words string) MemoryWrite {
	body := toWrite(w)
	body.Safety = safetyFor(words, s.region)
	return body
}

// saidBefore is a time that has come; now when none is given.
func saidBefore(t time.Time, pointer string) (time.Time, error) {
	now := time.Now().UTC()
	if t.IsZero() {
		return now, nil
	}
	if t.After(now.Add(time.Minute)) { // clocks differ
		return t, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: pointer, Reason: "must not be in the future"})
	}
	return t, nil
}

// remember makes an accepted write durable as a workflow, perhaps not for the first time,
// and returns it as it is then.
func (s *Server) remember(ctx context.Context, w memory.Write, start memory.RememberInput, until string, prefer *string) (memory.Write, error) {
	if w.State == memory.WriteSearchable || w.State == memory.WriteForgotten || w.State == memory.WriteFailed {
		return w, nil
	}
	wait := preferredWait(prefer)
	if wait == 0 {
		wait = patience
	}
	if err := s.engine.StartMemory(ctx, start, memory.WriteState(until), wait); err != nil {
		return memory.Write{}, fmt.Errorf("start a memory: %w", err)
	}
	if until == "" {
		return w, nil
	}
	newest, err := s.memories.Write(ctx, start.Ref.Subject, w.ID)
	if err != nil {
		return memory.Write{}, fmt.Errorf("read a write back: %w", err)
	}
	return newest, nil
}

// GetMemory implements [StrictServerInterface].
func (s *Server) GetMemory(ctx context.Context, r GetMemoryRequestObject) (GetMemoryResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.graph.Memory(ctx, subject, r.MemoryId)
	if err != nil {
		return nil, graphFailure("read a memory", err)
	}
	return GetMemory200JSONResponse(toStoredMemory(m)), nil
}

// RelatedMemories implements [StrictServerInterface].
func (s *Server) RelatedMemories(ctx context.Context, r RelatedMemoriesRequestObject) (RelatedMemoriesResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.graph.Memory(ctx, subject, r.MemoryId); err != nil {
		return nil, graphFailure("read a memory", err)
	}
	const steps, width = 1, 10
	related, err := s.graph.Related(ctx, subject, r.MemoryId, or(r.Params.Depth, steps), or(r.Params.Fanout, width))
	if err != nil {
		return nil, graphFailure("walk the graph", err)
	}
	return RelatedMemories200JSONResponse{Related: each(related, func(r memory.Relation) RelatedMemory {
		return RelatedMemory{Memory: toStoredMemory(r.Memory), Relation: r.Name, Strength: r.Strength, Depth: r.Depth}
	})}, nil
}

// PinMemory implements [StrictServerInterface].
func (s *Server) PinMemory(ctx context.Context, r PinMemoryRequestObject) (PinMemoryResponseObject, error) {
	return PinMemory204Response{}, s.pin(ctx, r.MemoryId, true)
}

// UnpinMemory implements [StrictServerInterface].
func (s *Server) UnpinMemory(ctx context.Context, r UnpinMemoryRequestObject) (UnpinMemoryResponseObject, error) {
	return UnpinMemory204Response{}, s.pin(ctx, r.MemoryId, false)
}

func (s *Server) pin(ctx context.Context, id uuid.UUID, pinned bool) error {
	subject, err := caller(ctx)
	if err != nil {
		return err
	}
	return graphFailure("pin a memory", s.memories.Pin(ctx, subject, id, pinned))
}

// CorrectMemory implements [StrictServerInterface].
func (s *Server) CorrectMemory(ctx context.Context, r CorrectMemoryRequestObject) (CorrectMemoryResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	body, err := canonical(*r.Body)
	if err != nil {
		return nil, err
	}
	w, err := s.accepted(ctx, r.Body.Text, waiting{until: string(orZero(r.Params.Wait)), prefer: r.Params.Prefer},
		func(ctx context.Context) (memory.Write, memory.RememberInput, bool, error) {
			return s.memories.Correct(ctx, memory.Correction{
				Subject: subject, Memory: r.MemoryId, IdempotencyKey: r.Params.IdempotencyKey, Body: body, Text: r.Body.Text,
			})
		})
	if err != nil {
		return nil, err
	}
	return CorrectMemory202JSONResponse{Body: w, Headers: CorrectMemory202ResponseHeaders{Location: writeLink(w.Id)}}, nil
}

// ReadMemoryGraph implements [StrictServerInterface].
func (s *Server) ReadMemoryGraph(ctx context.Context, r ReadMemoryGraphRequestObject) (ReadMemoryGraphResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	limit := or(r.Params.Limit, defaultPage)
	page, err := s.graph.Whole(ctx, subject, memory.AsOf{At: orZero(r.Params.At), Known: orZero(r.Params.Known)}, orZero(r.Params.Cursor), limit)
	if err != nil && !nobodyYet(err) {
		return nil, engineFailure("read the graph", err)
	}
	body := MemoryGraph{Memories: each(page.Memories, toStoredMemory), Edges: each(page.Edges, toEdge)}
	if len(page.Memories) == limit {
		body.NextCursor = &page.Memories[limit-1].ID
	}
	return ReadMemoryGraph200JSONResponse(body), nil
}

// ListFacts implements [StrictServerInterface].
func (s *Server) ListFacts(ctx context.Context, r ListFactsRequestObject) (ListFactsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := s.graph.Facts(ctx, subject, memory.AsOf{At: orZero(r.Params.At), Known: orZero(r.Params.Known)}, orZero(r.Params.Entity))
	if err != nil && !nobodyYet(err) {
		return nil, engineFailure("list facts", err)
	}
	return ListFacts200JSONResponse{Facts: each(facts, toFact)}, nil
}

// RetractFact implements [StrictServerInterface].
func (s *Server) RetractFact(ctx context.Context, r RetractFactRequestObject) (RetractFactResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return RetractFact204Response{}, graphFailure("take a fact back", s.memories.Untrue(ctx, subject, r.FactId))
}

// graphFailure is what went wrong with one of the person's memories; a person of whom
// nothing is kept has none.
func graphFailure(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = engineFailure(doing, err)
	if p, unknown := err.(*problem); unknown && p.code == personUnknown {
		return &problem{code: notFound, cause: p.cause}
	}
	return err
}

// nobodyYet: the person has no session yet, so there is nothing to list.
func nobodyYet(err error) bool { return failure.Is(err, failure.KeyMissing) }

func or(value *int, otherwise int) int {
	if value == nil {
		return otherwise
	}
	return *value
}

func toStoredMemory(m memory.Memory) StoredMemory {
	return StoredMemory{
		Id: m.ID, Kind: as[AnyMemoryKind](m.Kind), Text: m.Text, Emotion: m.Emotion, Origin: as[MemoryOrigin](m.Origin),
		EntityType: as[StoredMemoryEntityType](m.EntityType), Importance: m.Importance, SaidAt: m.SaidAt.UTC(),
		AboutFrom: m.AboutFrom, AboutTo: m.AboutTo, PinnedAt: m.PinnedAt, InteractionId: m.Interaction, SessionId: m.Session,
		Validity: toValidity(m.Span),
	}
}

func toValidity(s memory.Span) Validity {
	return Validity{ValidTo: s.ValidTo, ClosedAt: s.ClosedAt, RecordedAt: s.RecordedAt, RetractedAt: s.RetractedAt, Reason: as[ValidityReason](s.Reason)}
}

func toEdge(e memory.Edge) MemoryEdge {
	return MemoryEdge{
		Id: e.ID, From: e.From, To: e.To, Relation: as[MemoryEdgeRelation](e.Relation), Label: e.Label, Strength: e.Strength,
		Inferred: e.Inferred, ValidFrom: e.ValidFrom, Validity: toValidity(e.Span), ClosedBy: e.ClosedBy, Evidence: e.Evidence,
	}
}

func toFact(f memory.Fact) Fact {
	return Fact{
		Id: f.ID, Subject: NamedEntity{Id: f.Subject.ID, Name: f.Subject.Text}, Label: f.Label,
		Object:   NamedEntity{Id: f.Object.ID, Name: f.Object.Text},
		Strength: f.Strength, Inferred: f.Inferred, ValidFrom: f.ValidFrom, Validity: toValidity(f.Span), Evidence: list(f.Evidence),
	}
}
