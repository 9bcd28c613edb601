package api

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"meai/activities/escalation"
	"meai/internal/identity"
)

// Escalations keeps cases of people who may be in danger; [escalation.Store] is the
// real one.
type Escalations interface {
	Case(ctx context.Context, who escalation.Who, id uuid.UUID) (escalation.Case, error)
	Cases(ctx context.Context, who escalation.Who, state escalation.State, before uuid.UUID, limit int32) ([]escalation.Case, error)
	Acknowledge(ctx context.Context, who escalation.Who, id uuid.UUID) (escalation.Case, error)
	Close(ctx context.Context, who escalation.Who, id uuid.UUID, outcome escalation.Outcome) (escalation.Case, error)
}

// ListEscalations implements [StrictServerInterface].
func (s *Server) ListEscalations(ctx context.Context, r ListEscalationsRequestObject) (ListEscalationsResponseObject, error) {
	limit := defaultPage
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	list, err := s.escalations.Cases(ctx, onDuty(ctx), escalation.State(orZero(r.Params.State)), orZero(r.Params.Cursor), int32(limit))
	if err != nil {
		return nil, fmt.Errorf("list escalations: %w", err)
	}
	page := EscalationPage{Escalations: each(list, toEscalation)}
	if len(list) == limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListEscalations200JSONResponse(page), nil
}

// GetEscalation implements [StrictServerInterface].
func (s *Server) GetEscalation(ctx context.Context, r GetEscalationRequestObject) (GetEscalationResponseObject, error) {
	found, err := s.escalations.Case(ctx, onDuty(ctx), r.EscalationId)
	if err != nil {
		return nil, fmt.Errorf("read an escalation: %w", err)
	}
	return GetEscalation200JSONResponse(toEscalation(found)), nil
}

// AcknowledgeEscalation implements [StrictServerInterface].
func (s *Server) AcknowledgeEscalation(ctx context.Context, r AcknowledgeEscalationRequestObject) (AcknowledgeEscalationResponseObject, error) {
	taken, err := s.escalations.Acknowledge(ctx, onDuty(ctx), r.EscalationId)
	if err != nil {
		return nil, fmt.Errorf("acknowledge an escalation: %w", err)
	}
	s.answered(ctx, taken.ID)
	return AcknowledgeEscalation200JSONResponse(toEscalation(taken)), nil
}

// CloseEscalation implements [StrictServerInterface].
func (s *Server) CloseEscalation(ctx context.Context, r CloseEscalationRequestObject) (CloseEscalationResponseObject, error) {
	closed, err := s.escalations.Close(ctx, onDuty(ctx), r.EscalationId, escalation.Outcome(r.Body.Outcome))
	if err != nil {
		return nil, fmt.Errorf("close an escalation: %w", err)
	}
	s.answered(ctx, closed.ID)
	return CloseEscalation200JSONResponse(toEscalation(closed)), nil
}

// answered stops the case's workflow. It is answered by its row already, at which each
// notification looks before it is sent: without the workflow's knowing, it sends none.
func (s *Server) answered(ctx context.Context, id uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptTimeout)
	defer cancel()
	if err := s.engine.AnswerEscalation(ctx, id); err != nil {
		s.log.LogAttrs(ctx, slog.LevelInfo, "an escalation's workflow was not told that it is answered", slog.Any("error", err))
	}
}

func onDuty(ctx context.Context) escalation.Who {
	who, _ := identity.FromContext(ctx)
	return escalation.Who{ID: who.Principal, Role: who.FirstRole()}
}

func toEscalation(c escalation.Case) Escalation {
	out := Escalation{
		Id: c.ID, Severity: as[CrisisSeverity](c.Severity), Kinds: each(c.Kinds, as[CrisisKind]), State: as[EscalationState](c.State),
		CreatedAt: c.CreatedAt.UTC(), Level: c.Level, Notifications: c.Notifications, NotifiedAt: moment(c.NotifiedAt),
		AcknowledgedBy: orZero(c.AcknowledgedBy), AcknowledgedAt: moment(c.AcknowledgedAt), UnansweredAt: moment(c.UnansweredAt),
		ClosedBy: orZero(c.ClosedBy), ClosedAt: moment(c.ClosedAt), Outcome: as[EscalationOutcome](c.Outcome),
	}
	if c.Person != nil {
		out.Subject, out.Interaction = c.Person.Subject, c.Person.Interaction
	}
	return out
}
