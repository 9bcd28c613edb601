package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/runtime/types"

	"meai/activities/privacy/retention"
)

// Retention shows what runs of retention did, what is to come, and what was found of
// encryption; [retention.Store] is the real one.
type Retention interface {
	Report(ctx context.Context, id uuid.UUID) (retention.Report, error)
	Reports(ctx context.Context, before uuid.UUID, limit int) ([]retention.Report, error)
	Simulate(ctx context.Context, days int) (retention.Simulation, error)
	Verification(ctx context.Context, id uuid.UUID) (retention.Verification, error)
	Verifications(ctx context.Context, before uuid.UUID, limit int) ([]retention.Verification, error)
}

// noRetention stands in where none is given.
type noRetention struct{}

var errNoRetention = errors.New("this server has no reports on retention and encryption")

func (noRetention) Report(context.Context, uuid.UUID) (retention.Report, error) {
	return retention.Report{}, errNoRetention
}

func (noRetention) Reports(context.Context, uuid.UUID, int) ([]retention.Report, error) {
	return nil, errNoRetention
}

func (noRetention) Simulate(context.Context, int) (retention.Simulation, error) {
	return retention.Simulation{}, errNoRetention
}

func (noRetention) Verification(context.Context, uuid.UUID) (retention.Verification, error) {
	return retention.Verification{}, errNoRetention
}

func (noRetention) Verifications(context.Context, uuid.UUID, int) ([]retention.Verification, error) {
	return nil, errNoRetention
}

// ListRetentionReports implements [StrictServerInterface].
func (s *Server) ListRetentionReports(ctx context.Context, r ListRetentionReportsRequestObject) (ListRetentionReportsResponseObject, error) {
	limit := pageOf(r.Params.Limit)
	list, err := s.retention.Reports(ctx, orZero(r.Params.Cursor), limit)
	if err != nil {
		return nil, fmt.Errorf("list reports of retention: %w", err)
	}
	page := RetentionReportPage{Reports: each(list, toRetentionReport)}
	if len(list) == limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListRetentionReports200JSONResponse(page), nil
}

// GetRetentionReport implements [StrictServerInterface].
func (s *Server) GetRetentionReport(ctx context.Context, r GetRetentionReportRequestObject) (GetRetentionReportResponseObject, error) {
	found, err := s.retention.Report(ctx, r.ReportId)
	if err != nil {
		return nil, fmt.Errorf("read a report of retention: %w", err)
	}
	return GetRetentionReport200JSONResponse(toRetentionReport(found)), nil
}

// defaultAhead is how many days are looked ahead when none are named.
const defaultAhead = 30

// SimulateRetention implements [StrictServerInterface].
func (s *Server) SimulateRetention(ctx context.Context, r SimulateRetentionRequestObject) (SimulateRetentionResponseObject, error) {
	days := defaultAhead
	if r.Params.Days != nil {
		days = *r.Params.Days
	}
	sim, err := s.retention.Simulate(ctx, days)
	if err != nil {
		return nil, fmt.Errorf("look ahead at retention: %w", err)
	}
	return SimulateRetention200JSONResponse{
		From: dateOf(sim.From), Days: sim.Days, Rules: each(sim.Rules, toForecast), Conflicts: each(sim.Conflicts, toConflict),
	}, nil
}

// ListEncryptionReports implements [StrictServerInterface].
func (s *Server) ListEncryptionReports(ctx context.Context, r ListEncryptionReportsRequestObject) (ListEncryptionReportsResponseObject, error) {
	limit := pageOf(r.Params.Limit)
	list, err := s.retention.Verifications(ctx, orZero(r.Params.Cursor), limit)
	if err != nil {
		return nil, fmt.Errorf("list reports on encryption: %w", err)
	}
	page := EncryptionReportPage{Reports: each(list, toEncryptionReport)}
	if len(list) == limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListEncryptionReports200JSONResponse(page), nil
}

// GetEncryptionReport implements [StrictServerInterface].
func (s *Server) GetEncryptionReport(ctx context.Context, r GetEncryptionReportRequestObject) (GetEncryptionReportResponseObject, error) {
	found, err := s.retention.Verification(ctx, r.ReportId)
	if err != nil {
		return nil, fmt.Errorf("read a report on encryption: %w", err)
	}
	return GetEncryptionReport200JSONResponse(toEncryptionReport(found)), nil
}

// pageOf is how many to show.
func pageOf(limit *int) int {
	if limit == nil {
		return defaultPage
	}
	return *limit
}

func toRetentionReport(r retention.Report) RetentionReport {
	return RetentionReport{
		Id: r.ID, DryRun: r.DryRun, State: RetentionReportState(r.State), BeganAt: r.BeganAt, EndedAt: r.EndedAt,
		People: r.People, Inactive: r.Inactive, Failed: r.Failed, Note: r.Note,
		Partitions: RetentionPartitions{Dropped: r.Partitions.Dropped, Kept: r.Partitions.Kept, Busy: r.Partitions.Busy},
		Rules: each(r.Rules, func(t retention.Result) RetentionResult {
			kept := CountsByReason{}
			for why, n := range t.Kept {
				kept[string(why)] = n
			}
			return RetentionResult{Rule: t.Rule, Category: t.Category, Days: t.Days, Deleted: t.Deleted, Kept: kept}
		}),
		Elsewhere: each(r.Elsewhere, func(e retention.Elsewhere) RetainedElsewhere {
			return RetainedElsewhere{Store: e.Store, Category: e.Category, Days: e.Days, Reason: e.Reason}
		}),
	}
}

func toForecast(f retention.Forecast) RetentionForecast {
	return RetentionForecast{
		Rule: f.Rule, Category: f.Category, KeptDays: f.Kept,
		Days: each(f.Days, func(d retention.Due) RowsDue { return RowsDue{Day: dateOf(d.Day), Rows: d.Rows} }),
	}
}

func toConflict(c retention.Conflict) RetentionConflict {
	shown := RetentionConflict{
		Code: RetentionConflictCode(c.Code), Rule: c.Rule, Category: c.Category, Reason: string(c.Reason), From: dateOf(c.From), Count: c.Count, Says: c.String(),
	}
	if !c.Until.IsZero() {
		until := dateOf(c.Until)
		shown.Until = &until
	}
	return shown
}

func toEncryptionReport(v retention.Verification) EncryptionReport {
	return EncryptionReport{
		Id: v.ID, State: EncryptionReportState(v.State), BeganAt: v.BeganAt, EndedAt: v.EndedAt, Note: v.Note,
		Looked: EncryptionLooked{
			People: v.Looked.People, Values: v.Looked.Values, Columns: v.Looked.Columns, Rows: v.Looked.Rows, Objects: v.Looked.Objects, Links: v.Looked.Links,
		},
		Findings: each(v.Findings, func(f retention.Finding) EncryptionFinding {
			return EncryptionFinding{Problem: EncryptionFindingProblem(f.Problem), Store: f.Store, Column: f.Column, Count: f.Count}
		}),
	}
}

func dateOf(t time.Time) types.Date { return types.Date{Time: t} }
