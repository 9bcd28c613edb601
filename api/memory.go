package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/internal/identity"
)

// QueryMemory implements [StrictServerInterface].
func (s *Server) QueryMemory(ctx context.Context, r QueryMemoryRequestObject) (QueryMemoryResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	q := *r.Body
	if !q.From.IsZero() && !q.To.IsZero() && !q.To.After(q.From) {
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/to", Reason: "must be later than from"})
	}
	found, err := s.engine.Recall(ctx, memory.RecallInput{
		Ref: interaction.Ref{Subject: subject, Session: provenSession(ctx, q.SessionId)}, Query: q.Query, Limit: q.Limit,
		Kinds: each(q.Kinds, as[memory.Kind]), Emotions: q.Emotions, Entities: q.Entities,
		From: bound(q.From), To: bound(q.To), At: bound(q.AskedAt), Diversity: float64(q.Diversity), Budget: q.Budget,
	})
	if err != nil {
		return nil, withSafety(engineFailure("recall memories", err), q.Query, s.region)
	}
	return QueryMemory200JSONResponse{Memories: each(found.Memories, toMemory), Degraded: list(found.Degraded)}, nil
}

// provenSession is the session for which the vault may be open, for a person who has just
// proved who they are: whoever else may query finds nothing there, as no key and no
// assistant gets into the vault.
func provenSession(ctx context.Context, session uuid.UUID) uuid.UUID {
	if who, ok := identity.FromContext(ctx); ok && who.SteppedUp(time.Now()) {
		return session
	}
	return uuid.Nil
}

// bound is nil for a time that was not given.
func bound(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func toMemory(m memory.Memory) Memory {
	return Memory{
		Id: m.ID, Kind: as[AnyMemoryKind](m.Kind), Text: m.Text, Emotion: m.Emotion,
		SaidAt: m.SaidAt.UTC(), InteractionId: m.Interaction, Score: m.Score,
		FoundBy: each(m.FoundBy, func(f memory.Finding) MemoryFinding {
			return MemoryFinding{Arm: as[MemoryFindingArm](f.Arm), Reason: f.Reason}
		}),
	}
}
