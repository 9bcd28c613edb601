package api

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/activities/privacy/requests"
	"meai/internal/identity"
)

// PrivacyRequests keeps the register of what people ask for by right, and shows holds and
// accesses; [requests.Store] is the real one.
type PrivacyRequests interface {
	OfPerson(ctx context.Context, subject, before uuid.UUID, limit int32) ([]requests.Request, error)
	Accesses(ctx context.Context, subject uuid.UUID, before time.Time, limit int) ([]requests.Seen, error)
	Register(ctx context.Context, who requests.Who, standing requests.Standing, before uuid.UUID, limit int32) ([]requests.Request, error)
	Extend(ctx context.Context, who requests.Who, id uuid.UUID, reason string) (requests.Request, error)
	AllHolds(ctx context.Context, who requests.Who, before uuid.UUID, limit int32) ([]requests.ListedHold, error)
	ToldHolds(ctx context.Context, subject uuid.UUID) ([]requests.Hold, error)
	Hold(ctx context.Context, id uuid.UUID) (requests.ListedHold, error)
	View(ctx context.Context, who requests.Who, subject uuid.UUID, everything bool) (requests.Person, error)
}

// ListPrivacyRequests implements [StrictServerInterface].
func (s *Server) ListPrivacyRequests(ctx context.Context, r ListPrivacyRequestsRequestObject) (ListPrivacyRequestsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	limit := or(r.Params.Limit, defaultPage)
	list, err := s.requests.OfPerson(ctx, subject, orZero(r.Params.Cursor), int32(limit)+1)
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	page := PrivacyRequestPage{Requests: each(list[:min(limit, len(list))], toPrivacyRequest)}
	if len(list) > limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListPrivacyRequests200JSONResponse(page), nil
}

// ListPrivacyAccesses implements [StrictServerInterface].
func (s *Server) ListPrivacyAccesses(ctx context.Context, r ListPrivacyAccessesRequestObject) (ListPrivacyAccessesResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	before := orZero(r.Params.Before)
	if before.IsZero() {
		before = time.Now().Add(time.Hour) // another machine's clock may be ahead
	}
	limit := or(r.Params.Limit, defaultPage)
	list, err := s.requests.Accesses(ctx, subject, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list accesses: %w", err)
	}
	page := PrivacyAccessPage{Accesses: each(list, func(a requests.Seen) PrivacyAccess {
		return PrivacyAccess{At: a.At, Act: a.Act, Role: a.Role, Outcome: as[PrivacyAccessOutcome](a.Outcome), Yourself: a.Self, Approved: a.Approved}
	})}
	if len(list) >= limit {
		page.Next = list[len(list)-1].At
	}
	return ListPrivacyAccesses200JSONResponse(page), nil
}

// ListPrivacyRegister implements [StrictServerInterface].
func (s *Server) ListPrivacyRegister(ctx context.Context, r ListPrivacyRegisterRequestObject) (ListPrivacyRegisterResponseObject, error) {
	limit := or(r.Params.Limit, defaultPage)
	list, err := s.requests.Register(ctx, officer(ctx), as[requests.Standing](orZero(r.Params.Standing)), orZero(r.Params.Cursor), int32(limit)+1)
	if err != nil {
		return nil, fmt.Errorf("list the register: %w", err)
	}
	page := PrivacyRegisterPage{Requests: each(list[:min(limit, len(list))], toRegistered)}
	if len(list) > limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListPrivacyRegister200JSONResponse(page), nil
}

// ExtendPrivacyRequest implements [StrictServerInterface].
func (s *Server) ExtendPrivacyRequest(ctx context.Context, r ExtendPrivacyRequestRequestObject) (ExtendPrivacyRequestResponseObject, error) {
	extended, err := s.requests.Extend(ctx, officer(ctx), r.RequestId, string(r.Body.Reason))
	if err != nil {
		return nil, fmt.Errorf("extend a request: %w", err)
	}
	return ExtendPrivacyRequest200JSONResponse(toRegistered(extended)), nil
}

// PlaceLegalHold implements [StrictServerInterface].
func (s *Server) PlaceLegalHold(ctx context.Context, r PlaceLegalHoldRequestObject) (PlaceLegalHoldResponseObject, error) {
	hold, err := s.carryHold(ctx, approval.Hold, r.Body.Approval, uuid.Nil, r.Body.Items)
	if err != nil {
		return nil, err
	}
	return PlaceLegalHold201JSONResponse{Body: toHold(hold), Headers: PlaceLegalHold201ResponseHeaders{Location: "/v1/privacy/holds"}}, nil
}

// ReleaseLegalHold implements [StrictServerInterface].
func (s *Server) ReleaseLegalHold(ctx context.Context, r ReleaseLegalHoldRequestObject) (ReleaseLegalHoldResponseObject, error) {
	if _, err := s.requests.Hold(ctx, r.HoldId); err != nil {
		return nil, fmt.Errorf("read a hold: %w", err)
	}
	hold, err := s.carryHold(ctx, approval.ReleaseHold, r.Body.Approval, r.HoldId, nil)
	if err != nil {
		return nil, err
	}
	return ReleaseLegalHold200JSONResponse(toHold(hold)), nil
}

// carryHold does what others have approved, and reads what became of the hold. An approval
// that is not given, or for something else, starts nothing.
func (s *Server) carryHold(ctx context.Context, act approval.Act, agreed, hold uuid.UUID, items []uuid.UUID) (requests.ListedHold, error) {
	found, err := s.approvals.Approval(ctx, agreed)
	if err != nil {
		return requests.ListedHold{}, fmt.Errorf("read an approval: %w", err)
	}
	switch {
	case found.Act != act || act == approval.ReleaseHold && found.Parameters["hold"] != hold.String():
		return requests.ListedHold{}, &problem{code: forbidden, detail: "The approval is for another act."}
	case found.State != approval.Approved:
		return requests.ListedHold{}, &problem{code: alreadyDecided, detail: "The approval is " + string(found.State) + "."}
	}
	done, err := s.engine.LegalHold(ctx, requests.HoldInput{Approval: agreed, Items: items})
	if err != nil {
		return requests.ListedHold{}, fmt.Errorf("carry a hold out: %w", err)
	}
	listed, err := s.requests.Hold(ctx, done.ID)
	if err != nil {
		return requests.ListedHold{}, fmt.Errorf("read a hold: %w", err)
	}
	return listed, nil
}

// ListLegalHolds implements [StrictServerInterface].
func (s *Server) ListLegalHolds(ctx context.Context, r ListLegalHoldsRequestObject) (ListLegalHoldsResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	if !who.Has(identity.PrivacyOfficer) {
		return s.ownHolds(ctx)
	}
	limit := or(r.Params.Limit, defaultPage)
	list, err := s.requests.AllHolds(ctx, officer(ctx), orZero(r.Params.Cursor), int32(limit)+1)
	if err != nil {
		return nil, fmt.Errorf("list holds: %w", err)
	}
	page := LegalHoldPage{Holds: each(list[:min(limit, len(list))], toHold)}
	if len(list) > limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListLegalHolds200JSONResponse(page), nil
}

// ownHolds are those that the person may know of.
func (s *Server) ownHolds(ctx context.Context) (ListLegalHoldsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.requests.ToldHolds(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("list holds: %w", err)
	}
	return ListLegalHolds200JSONResponse{Holds: each(list, func(h requests.Hold) LegalHold {
		return LegalHold{Id: h.ID, Reason: h.Reason, PlacedAt: h.PlacedAt, ExpiresAt: h.ExpiresAt, Over: !time.Now().Before(h.ExpiresAt)}
	})}, nil
}

// ViewPerson implements [StrictServerInterface].
func (s *Server) ViewPerson(ctx context.Context, r ViewPersonRequestObject) (ViewPersonResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	p, err := s.requests.View(ctx, officer(ctx), r.PersonId, who.Has(identity.PrivacyOfficer))
	if err != nil {
		return nil, fmt.Errorf("look at a person: %w", err)
	}
	return ViewPerson200JSONResponse{
		Subject: p.Subject, State: PersonViewState(p.State), CreatedAt: p.CreatedAt, RestrictedAt: p.RestrictedAt, LastMessageAt: p.LastMessageAt,
		Counts: p.Counts, Requests: each(p.Requests, toPrivacyRequest), Held: p.Held, Holds: each(p.Holds, toHold),
	}, nil
}

// officer is who acts, for the audit log.
func officer(ctx context.Context) requests.Who {
	who, _ := identity.FromContext(ctx)
	return requests.Who{ID: who.Principal, Role: who.FirstRole()}
}

func toPrivacyRequest(r requests.Request) PrivacyRequest {
	return PrivacyRequest{
		Id: r.ID, Kind: as[PrivacyRight](r.Kind), Law: as[PrivacyRequestLaw](r.Law), State: as[PrivacyRequestState](r.State),
		ReceivedAt: r.ReceivedAt, ConfirmedAt: r.ConfirmedAt, DueAt: r.DueAt, PromisedAt: r.PromisedAt, ExtendedAt: r.ExtendedAt,
		Reason: r.Reason, EndedAt: r.EndedAt,
	}
}

func toRegistered(r requests.Request) RegisteredRequest {
	body := RegisteredRequest{Request: toPrivacyRequest(r), Subject: r.Subject, Alias: r.Alias.String(), Standing: RegisteredRequestStandingEnded}
	if standing := r.StandingAt(time.Now()); standing != requests.Any {
		body.Standing = as[RegisteredRequestStanding](standing)
	}
	if r.ConfirmedAt.IsZero() {
		body.ConfirmBy = r.ConfirmBy
	}
	return body
}

func toHold(h requests.ListedHold) LegalHold {
	return LegalHold{
		Id: h.ID, Reason: h.Reason, PlacedAt: h.PlacedAt, ExpiresAt: h.ExpiresAt, Over: h.Over(time.Now()), ReleasedAt: h.ReleasedAt,
		Subject: h.Subject, Everything: h.Everything, Items: h.Items, Unlisted: h.Unlisted, Told: h.Told, Note: h.Note,
	}
}
