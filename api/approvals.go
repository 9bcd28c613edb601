package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/internal/authorization"
	"meai/internal/identity"
)

// Approvals keeps requests for the consent of others; [approval.Store] is the real one.
type Approvals interface {
	Ask(ctx context.Context, a approval.Asked) (approval.Approval, error)
	Approval(ctx context.Context, id uuid.UUID) (approval.Approval, error)
	Approvals(ctx context.Context, before uuid.UUID, limit int32) ([]approval.Approval, error)
	Sign(ctx context.Context, d approval.Decision) (approval.Decision, error)
}

const defaultApprovalHours = 24

// RequestApproval implements [StrictServerInterface].
func (s *Server) RequestApproval(ctx context.Context, r RequestApprovalRequestObject) (RequestApprovalResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	act := approval.Act(r.Body.Act)
	if err := s.may(who, "request", act); err != nil {
		return nil, err
	}
	if faults := approval.Check(act, r.Body.Parameters); len(faults) > 0 {
		return nil, fieldProblem(invalidRequest, each(faults, func(f approval.Fault) FieldError {
			return FieldError{In: FieldErrorInBody, Pointer: shortPointer(pointer("parameters", f.Parameter)), Reason: f.Reason}
		})...)
	}
	hours := r.Body.Hours
	if hours == 0 {
		hours = defaultApprovalHours
	}
	asked, err := s.approvals.Ask(ctx, approval.Asked{
		Key: r.Params.IdempotencyKey, Act: act, Parameters: r.Body.Parameters, Requester: who.Principal,
		Reason: r.Body.Reason, Lifetime: time.Duration(hours) * time.Hour, Role: who.FirstRole(),
	})
	if err != nil {
		return nil, fmt.Errorf("ask for an approval: %w", err)
	}
	if asked.State == approval.Pending {
		if err := s.engine.StartApproval(ctx, asked.ID); err != nil {
			return nil, fmt.Errorf("wait for an approval: %w", err)
		}
	}
	return RequestApproval201JSONResponse{
		Body: toApproval(asked), Headers: RequestApproval201ResponseHeaders{Location: "/v1/approvals/" + asked.ID.String()},
	}, nil
}

// DecideApproval implements [StrictServerInterface].
func (s *Server) DecideApproval(ctx context.Context, r DecideApprovalRequestObject) (DecideApprovalResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	found, err := s.approvals.Approval(ctx, r.ApprovalId)
	if err != nil {
		return nil, fmt.Errorf("read an approval: %w", err)
	}
	// Who was given a role for a time does not give roles to others with it.
	who.Roles = slices.DeleteFunc(slices.Clone(who.Roles), func(role identity.Role) bool { return slices.Contains(who.Granted, role) })
	if err := s.may(who, "agree", found.Act); err != nil {
		return nil, err
	}
	if found.Requester == who.Principal {
		return nil, &problem{code: forbidden, detail: "Nobody decides on what they asked for themselves."}
	}
	decision, err := s.approvals.Sign(ctx, approval.Decision{Approval: found.ID, Approver: who.Principal, Approves: r.Body.Approves})
	if err != nil {
		return nil, fmt.Errorf("sign a decision: %w", err)
	}
	if err := s.decide(ctx, found, decision); err != nil {
		return nil, err
	}
	if found, err = s.approvals.Approval(ctx, r.ApprovalId); err != nil {
		return nil, fmt.Errorf("read an approval: %w", err)
	}
	return DecideApproval200JSONResponse(toApproval(found)), nil
}

// decide brings a decision to its workflow. The rows say whether it counts:
// whatever became of the workflow, a decision that is there is there.
func (s *Server) decide(ctx context.Context, found approval.Approval, d approval.Decision) error {
	if made(found, d) {
		return nil
	}
	if found.State != approval.Pending {
		return &problem{code: alreadyDecided}
	}
	failed := s.engine.Decide(ctx, d)
	if failed == nil {
		return nil
	}
	newest, err := s.approvals.Approval(ctx, found.ID)
	switch {
	case err != nil:
		return fmt.Errorf("decide on an approval: %w", errors.Join(failed, err))
	case made(newest, d):
		return nil
	case newest.State != approval.Pending:
		return &problem{code: alreadyDecided, cause: failed}
	default:
		return fmt.Errorf("decide on an approval: %w", failed)
	}
}

// made reports whether this very decision is recorded.
func made(a approval.Approval, d approval.Decision) bool {
	return slices.ContainsFunc(a.Decisions, func(g approval.Given) bool { return g.Approver == d.Approver && g.Approves == d.Approves })
}

// GetApproval implements [StrictServerInterface].
func (s *Server) GetApproval(ctx context.Context, r GetApprovalRequestObject) (GetApprovalResponseObject, error) {
	found, err := s.approvals.Approval(ctx, r.ApprovalId)
	if err != nil {
		return nil, fmt.Errorf("read an approval: %w", err)
	}
	return GetApproval200JSONResponse(toApproval(found)), nil
}

// ListApprovals implements [StrictServerInterface].
func (s *Server) ListApprovals(ctx context.Context, r ListApprovalsRequestObject) (ListApprovalsResponseObject, error) {
	limit := defaultPage
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	list, err := s.approvals.Approvals(ctx, orZero(r.Params.Cursor), int32(limit))
	if err != nil {
		return nil, fmt.Errorf("list approvals: %w", err)
	}
	page := ApprovalPage{Approvals: each(list, toApproval)}
	if len(list) == limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListApprovals200JSONResponse(page), nil
}

// may asks the policies about one act.
func (s *Server) may(who identity.Caller, doing string, act approval.Act) error {
	question := authorization.Request{Caller: who, Action: doing + ":" + string(act), Scope: "approvals:write", Now: time.Now()}
	if s.policies.Decide(question) != authorization.Allowed {
		return &problem{code: forbidden, detail: "The caller's roles do not allow this act."}
	}
	return nil
}

func toApproval(a approval.Approval) Approval {
	return Approval{
		Id: a.ID, Act: as[ApprovalAct](a.Act), Parameters: a.Parameters, Requester: a.Requester, Reason: a.Reason,
		State: as[ApprovalState](a.State), Required: a.Required, Digest: a.Digest(),
		Decisions: each(a.Decisions, func(g approval.Given) Decision {
			return Decision{Approver: g.Approver, Approves: g.Approves, DecidedAt: g.DecidedAt.UTC()}
		}),
		CreatedAt: a.CreatedAt.UTC(), ExpiresAt: a.ExpiresAt.UTC(), DecidedAt: moment(a.DecidedAt), UsedAt: moment(a.UsedAt),
	}
}
