package api_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/retention"
	"meai/api"
	"meai/internal/failure"
)

// retained are reports in memory, newest first.
type retained struct {
	reports []retention.Report
	looks   []retention.Verification
	asked   int // days
	broken  error
}

func (r *retained) Report(_ context.Context, id uuid.UUID) (retention.Report, error) {
	for _, report := range r.reports {
		if report.ID == id {
			return report, r.broken
		}
	}
	return retention.Report{}, failure.New(failure.NotFound, "there is no such report", nil)
}

func (r *retained) Reports(_ context.Context, before uuid.UUID, limit int) ([]retention.Report, error) {
	at := slices.IndexFunc(r.reports, func(report retention.Report) bool { return report.ID == before })
	page := r.reports[at+1:]
	return page[:min(len(page), limit)], r.broken
}

func (r *retained) Simulate(_ context.Context, days int) (retention.Simulation, error) {
	r.asked = days
	from := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	return retention.Simulation{
		From: from, Days: days,
		Rules: []retention.Forecast{{Rule: "interactions", Category: "words", Kept: 2557, Days: []retention.Due{{Day: from.AddDate(0, 0, 2), Rows: 3}}}},
		Conflicts: []retention.Conflict{
			{Code: retention.Stays, Rule: "interactions", Category: "words", Reason: retention.LegalHold, From: from, Count: 2},
			{Code: retention.BackupsOutlive, Category: "words", From: from, Until: from.AddDate(0, 0, 32), Count: 3},
		},
	}, r.broken
}

func (r *retained) Verification(_ context.Context, id uuid.UUID) (retention.Verification, error) {
	for _, look := range r.looks {
		if look.ID == id {
			return look, r.broken
		}
	}
	return retention.Verification{}, failure.New(failure.NotFound, "there is no such report", nil)
}

func (r *retained) Verifications(_ context.Context, before uuid.UUID, limit int) ([]retention.Verification, error) {
	at := slices.IndexFunc(r.looks, func(look retention.Verification) bool { return look.ID == before })
	page := r.looks[at+1:]
	return page[:min(len(page), limit)], r.broken
}

func newRetained(t *testing.T) (*retained, *site) {
	t.Helper()
	r := &retained{}
	began := time.Date(2026, 11, 27, 3, 50, 0, 0, time.UTC)
	for n := range 3 {
		r.reports = append(r.reports, retention.Report{
			ID: uuid.New(), State: retention.Completed, BeganAt: began.AddDate(0, 0, -n), EndedAt: began.AddDate(0, 0, -n).Add(time.Minute), People: 5, Note: "signed",
			Rules: []retention.Result{
				{Rule: "interactions", Category: "words", Days: 2557, Tally: retention.Tally{Deleted: 7, Kept: map[retention.Reason]int64{retention.LegalHold: 2}}},
				{Rule: "sessions", Category: "words", Days: 2557},
			},
			Elsewhere: []retention.Elsewhere{{Store: "logs", Category: "operations", Days: 30, Reason: "ended_by_the_log_store"}},
		})
		r.looks = append(r.looks, retention.Verification{
			ID: uuid.New(), State: retention.Unsound, BeganAt: began, EndedAt: began, Looked: retention.Looked{People: 2, Values: 9}, Note: "signed",
			Findings: []retention.Finding{{Problem: retention.NotSealed, Store: "sessions", Column: "device_sealed", Count: 2}, {Problem: retention.InTheOpen, Store: "postgres", Count: 1}},
		})
	}
	return r, newSite(t, func(o *api.Options) { o.Retention = r })
}

func TestReportsOfRetentionAreListedAndRead(t *testing.T) {
	r, s := newRetained(t)
	auditor := s.auditor()
	var seen []uuid.UUID
	for path := "/v1/privacy/retention/reports?limit=2"; path != ""; {
		w := auditor.do(t, get(path))
		require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
		page := decode[api.RetentionReportPage](t, w)
		for _, report := range page.Reports {
			seen = append(seen, report.Id)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/v1/privacy/retention/reports?limit=2&cursor=" + page.NextCursor.String()
		}
	}
	require.Equal(t, []uuid.UUID{r.reports[0].ID, r.reports[1].ID, r.reports[2].ID}, seen)

	w := auditor.do(t, get("/v1/privacy/retention/reports/"+r.reports[1].ID.String()))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	report := decode[api.RetentionReport](t, w)
	require.Equal(t, "signed", report.Note)
	require.Equal(t, api.CountsByReason{"legal_hold": 2}, report.Rules[0].Kept)
	require.Equal(t, int64(7), report.Rules[0].Deleted)
	require.Empty(t, report.Rules[1].Kept)
	refused(t, auditor.do(t, get("/v1/privacy/retention/reports/"+uuid.NewString())), http.StatusNotFound, "not_found")
}

func TestTheSimulationIsShownWithItsConflicts(t *testing.T) {
	r, s := newRetained(t)
	w := s.auditor().do(t, get("/v1/privacy/retention/simulation"))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, 30, r.asked)
	w = s.auditor().do(t, get("/v1/privacy/retention/simulation?days=90"))
	require.Equal(t, 90, r.asked)
	sim := decode[api.RetentionSimulation](t, w)
	require.Equal(t, "2026-11-29", sim.Rules[0].Days[0].Day.String())
	require.Equal(t, api.RetentionConflictCodeStays, sim.Conflicts[0].Code)
	require.Nil(t, sim.Conflicts[0].Until)
	require.Equal(t, "2026-12-29", sim.Conflicts[1].Until.String())
	require.Contains(t, sim.Conflicts[0].Says, "a legal hold says so")
	for _, days := range []string{"0", "3661", "many"} {
		require.Equal(t, http.StatusBadRequest, s.auditor().do(t, get("/v1/privacy/retention/simulation?days="+days)).Code, days)
	}
}

func TestReportsOnEncryptionAreListedAndRead(t *testing.T) {
	r, s := newRetained(t)
	w := s.auditor().do(t, get("/v1/privacy/encryption/reports"))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Len(t, decode[api.EncryptionReportPage](t, w).Reports, 3)
	w = s.auditor().do(t, get("/v1/privacy/encryption/reports/"+r.looks[2].ID.String()))
	look := decode[api.EncryptionReport](t, w)
	require.Equal(t, api.EncryptionReportStateUnsound, look.State)
	require.Equal(t, []api.EncryptionFinding{
		{Problem: api.EncryptionFindingProblemNotSealed, Store: "sessions", Column: "device_sealed", Count: 2},
		{Problem: api.EncryptionFindingProblemConnectionInTheOpen, Store: "postgres", Count: 1},
	}, look.Findings)
	refused(t, s.auditor().do(t, get("/v1/privacy/encryption/reports/"+uuid.NewString())), http.StatusNotFound, "not_found")
}

func TestReportsAreNotForEverybody(t *testing.T) {
	r, s := newRetained(t)
	paths := []string{
		"/v1/privacy/retention/reports", "/v1/privacy/retention/reports/" + r.reports[0].ID.String(), "/v1/privacy/retention/simulation",
		"/v1/privacy/encryption/reports", "/v1/privacy/encryption/reports/" + r.looks[0].ID.String(),
	}
	for _, path := range paths {
		for _, who := range []*person{s.person(), s.operator()} {
			refused(t, who.do(t, get(path)), http.StatusForbidden, "forbidden")
		}
	}
	r.broken = errors.New("postgres: dial tcp 10.1.1.1: no route")
	for _, path := range paths {
		w := s.auditor().do(t, get(path))
		require.Equal(t, http.StatusServiceUnavailable, w.Code, path)
		require.NotContains(t, w.Body.String(), "10.1.1.1")
	}
	none := newSite(t)
	for _, path := range paths {
		require.Equal(t, http.StatusServiceUnavailable, none.auditor().do(t, get(path)).Code, path)
	}
}
