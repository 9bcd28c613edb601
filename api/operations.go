package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/failover"
	"meai/internal/audit"
	"meai/internal/fence"
	"meai/internal/identity"
	"meai/workflows"
)

// Regions shows two regions, of which one serves; [failover.Controller] is the real one.
type Regions interface {
	Overview(ctx context.Context) (failover.Overview, error)
	History(ctx context.Context) ([]failover.History, error)
	Drilled(ctx context.Context) ([]failover.Drilled, error)
}

// Failovers moves the product between them; [workflows.Failovers] is the real one.
type Failovers interface {
	Start(ctx context.Context, in failover.Input) (client.WorkflowRun, error)
	Approve(ctx context.Context, id, approval uuid.UUID, document string) error
	Cancel(ctx context.Context, id uuid.UUID) error
	Show(ctx context.Context, id uuid.UUID) (workflows.Shown, error)
}

// inRegions refuses what takes two regions where there is one.
func (s *Server) inRegions() error {
	if s.regions == nil || s.failovers == nil {
		return &problem{code: noRegions}
	}
	return nil
}

// GetReplication implements [StrictServerInterface].
func (s *Server) GetReplication(ctx context.Context, _ GetReplicationRequestObject) (GetReplicationResponseObject, error) {
	if err := s.inRegions(); err != nil {
		return nil, err
	}
	o, err := s.regions.Overview(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the regions: %w", err)
	}
	r := Replication{
		At: o.At, Serving: o.Serving, Epoch: o.Epoch, Mode: ReplicationMode(o.Mode), Primary: o.Primary,
		Agents: each(o.Agents, toAgent), Observers: list(o.Observers), Stale: o.Stale, Stores: []StoreCopy{}, RpoSeconds: known(o.RPO), Worst: o.Worst,
	}
	if id, err := uuid.Parse(o.Failover); err == nil {
		r.Failover = &id
	}
	if o.Measured != nil {
		r.MeasuredAt, r.Stores = o.Measured.At, each(o.Measured.Stores, toCopy)
	}
	return GetReplication200JSONResponse(r), nil
}

// known is a number that is negative while nobody knows it.
func known(n float64) *float64 {
	if n < 0 {
		return nil
	}
	return &n
}

func toAgent(a fence.AgentStatus) RegionAgent {
	return RegionAgent{
		Region: a.Region, Role: string(a.Role), Epoch: a.Epoch, Open: a.Open, Timeline: a.Timeline,
		Received: a.Received.String(), Replayed: a.Replayed.String(), LagSeconds: known(a.Lag), Since: a.Since, Message: a.Message,
	}
}

func toCopy(c failover.Copied) StoreCopy {
	return StoreCopy{
		Store: StoreCopyStore(c.Store), LagSeconds: known(c.Lag), Bytes: c.Bytes, Looked: c.Looked, Missing: c.Missing, Derived: c.Derived, Reason: c.Reason,
	}
}

// StartFailover implements [StrictServerInterface].
func (s *Server) StartFailover(ctx context.Context, r StartFailoverRequestObject) (StartFailoverResponseObject, error) {
	if err := s.inRegions(); err != nil {
		return nil, err
	}
	id, _, err := requested(ctx, r.Params.IdempotencyKey, "failover", nil)
	if err != nil {
		return nil, err
	}
	in := failover.Input{ID: id, To: r.Body.To, Planned: r.Body.Planned, Approval: r.Body.Approval}
	if _, err := s.failovers.Start(ctx, in); err != nil {
		return nil, fmt.Errorf("start a failover: %w", err)
	}
	s.moved(ctx, audit.FailoverRequested, id)
	shown, err := s.failover(ctx, id)
	location := "/v1/operations/failovers/" + id.String()
	return StartFailover202JSONResponse{Body: shown, Headers: StartFailover202ResponseHeaders{Location: location}}, err
}

// moved records who has done something about a failover, once it is done: the audit log is in
// the database, and nobody must be kept from moving away from one that is lost.
func (s *Server) moved(ctx context.Context, act audit.Act, id uuid.UUID) {
	who, _ := identity.FromContext(ctx)
	s.contract.trail.once(ctx, string(act)+" "+id.String(), who.Principal, audit.Entry{
		Role: who.FirstRole(), Act: act, Kind: audit.Workflow, Outcome: audit.Succeeded,
	}, id.String())
}

// ListFailovers implements [StrictServerInterface].
func (s *Server) ListFailovers(ctx context.Context, r ListFailoversRequestObject) (ListFailoversResponseObject, error) {
	if err := s.inRegions(); err != nil {
		return nil, err
	}
	all, err := s.regions.History(ctx)
	if err != nil {
		return nil, fmt.Errorf("list failovers: %w", err)
	}
	slices.Reverse(all)
	if r.Params.Cursor != nil {
		at := slices.IndexFunc(all, func(h failover.History) bool { return h.ID == *r.Params.Cursor })
		all = all[at+1:]
	}
	limit := defaultPage
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	page := FailoverPage{Failovers: []Failover{}}
	for _, h := range all[:min(limit, len(all))] {
		f := s.toFailover(workflows.Shown{History: h})
		f.Steps, f.Report = []FailoverStep{}, ""
		page.Failovers = append(page.Failovers, f)
	}
	if len(all) > limit {
		page.NextCursor = &all[limit-1].ID
	}
	return ListFailovers200JSONResponse(page), nil
}

// GetFailover implements [StrictServerInterface].
func (s *Server) GetFailover(ctx context.Context, r GetFailoverRequestObject) (GetFailoverResponseObject, error) {
	if err := s.inRegions(); err != nil {
		return nil, err
	}
	shown, err := s.failover(ctx, r.FailoverId)
	return GetFailover200JSONResponse(shown), err
}

// ApproveFailover implements [StrictServerInterface].
func (s *Server) ApproveFailover(ctx context.Context, r ApproveFailoverRequestObject) (ApproveFailoverResponseObject, error) {
	if err := s.inRegions(); err != nil {
		return nil, err
	}
	if err := s.failovers.Approve(ctx, r.FailoverId, r.Body.Approval, ""); err != nil {
		return nil, fmt.Errorf("override the gate of a failover: %w", err)
	}
	s.moved(ctx, audit.FailoverApproved, r.FailoverId)
	shown, err := s.failover(ctx, r.FailoverId)
	return ApproveFailover200JSONResponse(shown), err
}

// CancelFailover implements [StrictServerInterface].
func (s *Server) CancelFailover(ctx context.Context, r CancelFailoverRequestObject) (CancelFailoverResponseObject, error) {
	if err := s.inRegions(); err != nil {
		return nil, err
	}
	if err := s.failovers.Cancel(ctx, r.FailoverId); err != nil {
		return nil, fmt.Errorf("take a failover back: %w", err)
	}
	s.moved(ctx, audit.FailoverCancelled, r.FailoverId)
	shown, err := s.failover(ctx, r.FailoverId)
	return CancelFailover200JSONResponse(shown), err
}

// ListDrills implements [StrictServerInterface].
func (s *Server) ListDrills(ctx context.Context, _ ListDrillsRequestObject) (ListDrillsResponseObject, error) {
	if err := s.inRegions(); err != nil {
		return nil, err
	}
	all, err := s.regions.Drilled(ctx)
	if err != nil {
		return nil, fmt.Errorf("list drills: %w", err)
	}
	return ListDrills200JSONResponse(Drills{Drills: each(all, toDrill)}), nil
}

func toDrill(d failover.Drilled) Drill {
	return Drill{
		Id: d.ID, Kind: DrillKind(d.Kind), State: DrillState(d.State), BeganAt: d.BeganAt, EndedAt: d.EndedAt, From: d.From, To: d.To,
		PauseSeconds: d.Pause, LostSeconds: known(d.Loss), Missing: d.Missing, Reasons: d.Reasons,
		Missed: each(d.Missed, func(target string) DrillMissed { return DrillMissed(target) }),
	}
}

func (s *Server) failover(ctx context.Context, id uuid.UUID) (Failover, error) {
	shown, err := s.failovers.Show(ctx, id)
	if err != nil {
		return Failover{}, fmt.Errorf("look at a failover: %w", err)
	}
	return s.toFailover(shown), nil
}

func (s *Server) toFailover(h workflows.Shown) Failover {
	f := Failover{
		Id: h.ID, State: stateOf(h), Planned: h.Plan.Planned, From: h.Plan.From, To: h.Plan.To, BegunAt: h.Plan.At, Step: h.Next,
		Committed: h.Next == "" && h.Result != nil && h.Result.State != failover.RolledBack || !failover.Reversible(h.Next) && h.Next != "",
		Failing:   h.Failing, Steps: []FailoverStep{}, Report: h.Note,
	}
	if h.Plan.Epoch > 0 {
		f.Epoch = h.Plan.Epoch + 1
	}
	if h.Approval != uuid.Nil {
		f.Approval = &h.Approval
	}
	reasons := h.Refused
	if h.Result != nil {
		f.EndedAt, reasons = h.Result.At, h.Result.Reasons
	}
	f.Refused = each(reasons, func(r failover.Reason) string { return string(r) })
	for _, d := range h.Steps {
		f.Steps = append(f.Steps, FailoverStep{Name: d.Step, BegunAt: d.BegunAt, EndedAt: d.EndedAt, Found: d.Found})
		if m := d.Measured; m != nil {
			f.WritableSeconds, f.LostSeconds, f.LossBasis, f.Missing = &m.Writable, known(m.Loss), m.Basis, m.Missing.Count
		}
	}
	return f
}

func stateOf(h workflows.Shown) FailoverState {
	switch {
	case h.Result != nil:
		return FailoverState(h.Result.State)
	case h.Starting:
		return FailoverStateStarting
	case len(h.Refused) > 0:
		return FailoverStateWaiting
	default:
		return FailoverStateRunning
	}
}
