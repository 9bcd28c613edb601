package api

import (
	"context"
	"fmt"

	"meai/activities/memory"
)

// PreviewForgetting implements [StrictServerInterface].
func (s *Server) PreviewForgetting(ctx context.Context, r PreviewForgettingRequestObject) (PreviewForgettingResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if !r.Body.From.IsZero() && !r.Body.To.IsZero() && !r.Body.To.After(r.Body.From) {
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/to", Reason: "must be later than from"})
	}
	f, err := s.memories.PreviewForgetting(ctx, subject, memory.Selection{
		Memories: r.Body.Memories, Entity: r.Body.Entity, From: r.Body.From, To: r.Body.To, Theme: r.Body.Theme, Storyline: r.Body.Storyline, Echo: r.Body.Echo,
	})
	if err != nil {
		return nil, graphFailure("preview a forgetting", err)
	}
	return PreviewForgetting201JSONResponse{Body: toForgetting(f), Headers: PreviewForgetting201ResponseHeaders{Location: "/v1/memory/forgettings/" + f.ID.String()}}, nil
}

// GetForgetting implements [StrictServerInterface].
func (s *Server) GetForgetting(ctx context.Context, r GetForgettingRequestObject) (GetForgettingResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	f, err := s.memories.Forgetting(ctx, subject, r.ForgettingId)
	if err != nil {
		return nil, graphFailure("read a forgetting", err)
	}
	return GetForgetting200JSONResponse(toForgetting(f)), nil
}

// ConfirmForgetting implements [StrictServerInterface]. Once it is confirmed it will happen:
// where its start fails, the same confirmation starts it again.
func (s *Server) ConfirmForgetting(ctx context.Context, r ConfirmForgettingRequestObject) (ConfirmForgettingResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	f, err := s.memories.ConfirmForgetting(ctx, subject, r.ForgettingId)
	if err != nil {
		return nil, graphFailure("confirm a forgetting", err)
	}
	if f.State == memory.Confirmed {
		if err := s.engine.StartForgetting(ctx, memory.ForgettingRef{Subject: subject, Forgetting: f.ID}); err != nil {
			return nil, fmt.Errorf("start a forgetting: %w", err)
		}
	}
	return ConfirmForgetting202JSONResponse(toForgetting(f)), nil
}

func toForgetting(f memory.Forgetting) Forgetting {
	body := Forgetting{
		Id: f.ID, State: as[ForgettingState](f.State), Counts: f.Counts, Memories: each(f.Shown, toStoredMemory),
		PreviewedAt: f.PreviewedAt.UTC(), ExpiresAt: f.ExpiresAt.UTC(), ConfirmedAt: f.ConfirmedAt, ForgottenAt: f.ForgottenAt,
	}
	if f.Receipt != nil {
		body.Receipt = &ForgettingReceipt{Deleted: f.Receipt.Deleted, Left: f.Receipt.Left, VerifiedAt: f.Receipt.VerifiedAt, Signed: f.Receipt.Signed}
		if s := f.Receipt.Stays; s != nil {
			body.Receipt.Stays = &ForgettingStays{Archives: s.Archives, Until: s.Until}
		}
	}
	return body
}
