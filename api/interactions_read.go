package api

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"meai/activities/synthesis"
)

// defaultPage is the number of interactions on a page when the caller names none.
const defaultPage = 20

// ListInteractions implements [StrictServerInterface].
func (s *Server) ListInteractions(ctx context.Context, r ListInteractionsRequestObject) (ListInteractionsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	limit := defaultPage
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	records, err := s.store.Interactions(ctx, subject, r.SessionId, orZero(r.Params.Cursor), limit)
	if err != nil {
		return nil, fmt.Errorf("list interactions: %w", err)
	}
	page := InteractionPage{Links: PageLinks{Self: pageLink(r.SessionId, orZero(r.Params.Cursor), limit)}}
	if len(records) == limit {
		last := records[limit-1].Ref.Interaction
		older, err := s.store.Interactions(ctx, subject, r.SessionId, last, 1)
		if err != nil {
			return nil, fmt.Errorf("look for another page: %w", err)
		}
		if len(older) > 0 {
			page.NextCursor, page.Links.Next = &last, pageLink(r.SessionId, last, limit)
		}
	}
	page.Interactions = each(records, s.toInteraction)
	return ListInteractions200JSONResponse(page), nil
}

func pageLink(session, cursor uuid.UUID, limit int) string {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if cursor != uuid.Nil {
		query.Set("cursor", cursor.String())
	}
	return sessionLink(session) + "/interactions?" + query.Encode()
}

// GetInteraction implements [StrictServerInterface].
func (s *Server) GetInteraction(ctx context.Context, r GetInteractionRequestObject) (GetInteractionResponseObject, error) {
	rec, err := s.read(ctx, r.SessionId, r.InteractionId)
	if err != nil {
		return nil, err
	}
	return GetInteraction200JSONResponse(s.toInteraction(rec)), nil
}

// GetInteractionStatus implements [StrictServerInterface].
func (s *Server) GetInteractionStatus(ctx context.Context, r GetInteractionStatusRequestObject) (GetInteractionStatusResponseObject, error) {
	rec, err := s.read(ctx, r.SessionId, r.InteractionId)
	if err != nil {
		return nil, err
	}
	return GetInteractionStatus200JSONResponse(s.toStatus(rec)), nil
}

// GetInteractionResponse implements [StrictServerInterface].
func (s *Server) GetInteractionResponse(ctx context.Context, r GetInteractionResponseRequestObject) (GetInteractionResponseResponseObject, error) {
	rec, err := s.read(ctx, r.SessionId, r.InteractionId)
	if err != nil {
		return nil, err
	}
	if rec.Answer == nil {
		return GetInteractionResponse202JSONResponse{Body: s.toStatus(rec),
			Headers: GetInteractionResponse202ResponseHeaders{RetryAfter: retrySeconds}}, nil
	}
	return GetInteractionResponse200JSONResponse(toResponse(*rec.Answer)), nil
}

func (s *Server) read(ctx context.Context, session, id uuid.UUID) (synthesis.Record, error) {
	subject, err := caller(ctx)
	if err != nil {
		return synthesis.Record{}, err
	}
	rec, err := s.store.Interaction(ctx, subject, session, id)
	if err != nil {
		return synthesis.Record{}, fmt.Errorf("read an interaction: %w", err)
	}
	return rec, nil
}
