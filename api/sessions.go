package api

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/synthesis"
)

// CreateSession implements [StrictServerInterface].
func (s *Server) CreateSession(ctx context.Context, r CreateSessionRequestObject) (CreateSessionResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	var device string
	if r.Body != nil {
		device = r.Body.Device
	}
	session, err := s.store.CreateSession(ctx, subject, device, s.lifetime)
	if err != nil {
		return nil, fmt.Errorf("create a session: %w", err)
	}
	body := toSession(session)
	return CreateSession201JSONResponse{Body: body, Headers: CreateSession201ResponseHeaders{Location: body.Links.Self}}, nil
}

// GetSession implements [StrictServerInterface].
func (s *Server) GetSession(ctx context.Context, r GetSessionRequestObject) (GetSessionResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	session, err := s.store.Session(ctx, subject, r.SessionId)
	if err != nil {
		return nil, fmt.Errorf("read a session: %w", err)
	}
	return GetSession200JSONResponse(toSession(session)), nil
}

// EndSession implements [StrictServerInterface].
func (s *Server) EndSession(ctx context.Context, r EndSessionRequestObject) (EndSessionResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	session, err := s.store.EndSession(ctx, subject, r.SessionId)
	if err != nil {
		return nil, fmt.Errorf("end a session: %w", err)
	}
	return EndSession200JSONResponse(toSession(session)), nil
}

func toSession(s synthesis.Session) Session {
	self := sessionLink(s.ID)
	return Session{
		Id: s.ID, State: as[SessionState](s.State),
		CreatedAt: s.CreatedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(), EndedAt: moment(s.EndedAt),
		Device: s.Device, Interactions: s.Interactions, LastInteraction: orZero(s.LastInteraction),
		CurrentEmotion: s.CurrentEmotion,
		Links:          SessionLinks{Self: self, Interactions: self + "/interactions"},
	}
}

func sessionLink(id uuid.UUID) string { return "/v1/sessions/" + id.String() }

// moment is *t in UTC; zero, which JSON leaves out, without one.
func moment(t *time.Time) time.Time { return orZero(t).UTC() }

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
