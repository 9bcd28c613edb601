package api_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"meai/activities/failover"
	"meai/api"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/fence"
	"meai/workflows"
)

// twoRegions answers for the register and the control plane.
type twoRegions struct {
	overview failover.Overview
	all      []failover.History // oldest first, as they are read
	drills   []failover.Drilled
	started  []failover.Input
	approved map[uuid.UUID]uuid.UUID
	refused  []failover.Reason
	broken   error
}

func (r *twoRegions) Overview(context.Context) (failover.Overview, error) {
	return r.overview, r.broken
}
func (r *twoRegions) History(context.Context) ([]failover.History, error) {
	return append([]failover.History{}, r.all...), r.broken
}
func (r *twoRegions) Drilled(context.Context) ([]failover.Drilled, error) { return r.drills, r.broken }

func (r *twoRegions) Start(_ context.Context, in failover.Input) (client.WorkflowRun, error) {
	for _, before := range r.started {
		if before.ID == in.ID && before != in {
			return nil, failure.New(failure.IdempotencyConflict, "another one", nil)
		}
	}
	r.started = append(r.started, in)
	return nil, r.broken
}

func (r *twoRegions) Approve(_ context.Context, id, approval uuid.UUID, _ string) error {
	if len(r.refused) == 0 {
		return failure.New(failure.Decided, "nothing waits", nil)
	}
	r.approved, r.refused = map[uuid.UUID]uuid.UUID{id: approval}, nil
	return nil
}

func (r *twoRegions) Cancel(_ context.Context, id uuid.UUID) error {
	for i, h := range r.all {
		if h.ID == id && failover.Reversible(h.Next) {
			r.all[i].Next, r.all[i].Result = "", &failover.Result{State: failover.RolledBack, At: morning}
			return nil
		}
	}
	return failure.New(failure.Decided, "too late", failover.ErrCommitted)
}

func (r *twoRegions) Show(_ context.Context, id uuid.UUID) (workflows.Shown, error) {
	for _, h := range r.all {
		if h.ID == id {
			return workflows.Shown{History: h, Refused: r.refused}, r.broken
		}
	}
	for _, in := range r.started {
		if in.ID == id {
			return workflows.Shown{History: failover.History{ID: id, Next: "detect"}, Starting: true}, r.broken
		}
	}
	return workflows.Shown{}, failure.New(failure.NotFound, "no such failover", nil)
}

var morning = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// journalled is a failover of which some steps are done.
func journalled(steps ...string) failover.History {
	h := failover.History{ID: uuid.New(), Plan: failover.Plan{From: "a", To: "b", Epoch: 6, At: morning}}
	h.Plan.ID = h.ID
	for i, name := range failover.Steps() {
		if i == len(steps) {
			h.Next = name
			break
		}
		done := failover.Done{Step: name, BegunAt: morning, EndedAt: morning.Add(time.Second), Found: map[string]string{"gate": "passed"}}
		if name == "measure" {
			done.Measured = &failover.Measured{Writable: 9.5, Loss: failover.Unknown, Basis: "bound"}
		}
		h.Steps = append(h.Steps, done)
	}
	return h
}

func newRegions(t *testing.T) (*twoRegions, *person) {
	t.Helper()
	r := &twoRegions{}
	return r, newSite(t, func(o *api.Options) { o.Regions, o.Failovers = r, r }).operator()
}

func TestReplicationIsShownAsItIsKnown(t *testing.T) {
	r, olga := newRegions(t)
	r.overview = failover.Overview{
		At: morning, Serving: "a", Epoch: 7, Mode: failover.Asynchronous, Primary: true, Observers: []string{"a", "c"}, Failover: uuid.NewString(),
		Agents:   []fence.AgentStatus{{Region: "a", Role: fence.RolePrimary, Epoch: 7, Open: true, Received: 1 << 33, Since: morning}, {Region: "b", Role: fence.RoleStandby, Lag: -1}},
		Measured: &failover.Replication{At: morning, Stores: []failover.Copied{{Store: "postgres", Lag: 0.5, Bytes: 17}, {Store: "objects", Lag: -1, Reason: "not_copied"}}},
		RPO:      failover.Unknown, Worst: "objects",
	}
	w := olga.do(t, get("/v1/operations/replication"))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.Replication](t, w)
	require.Nil(t, got.RpoSeconds, "no number stands for what is not known")
	require.Equal(t, "objects", got.Worst)
	require.Equal(t, r.overview.Failover, got.Failover.String())
	require.InDelta(t, 0.5, *got.Stores[0].LagSeconds, 0)
	require.Nil(t, got.Stores[1].LagSeconds)
	require.Equal(t, "2/0", got.Agents[0].Received)
	require.Nil(t, got.Agents[1].LagSeconds)

	r.overview = failover.Overview{At: morning, Serving: "a", Epoch: 7, Mode: failover.Synchronous, Stale: true, RPO: 0}
	got = decode[api.Replication](t, olga.do(t, get("/v1/operations/replication")))
	require.True(t, got.MeasuredAt.IsZero())
	require.Empty(t, got.Stores)
	require.InDelta(t, 0, *got.RpoSeconds, 0, "none is not unknown")
}

func TestAFailoverIsStartedOnceForAKey(t *testing.T) {
	r, olga := newRegions(t)
	start := post("/v1/operations/failovers", `{"planned":true,"to":"b"}`).with("Idempotency-Key", "tuesday")
	w := olga.do(t, start)
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	first := decode[api.Failover](t, w)
	require.Equal(t, api.FailoverStateStarting, first.State)
	require.Equal(t, "/v1/operations/failovers/"+first.Id.String(), w.Header().Get("Location"))
	require.Equal(t, first.Id, decode[api.Failover](t, olga.do(t, start)).Id)
	require.Equal(t, failover.Input{ID: first.Id, To: "b", Planned: true}, r.started[0])
	refused(t, olga.do(t, post("/v1/operations/failovers", `{}`).with("Idempotency-Key", "tuesday")), http.StatusConflict, "idempotency_conflict")
	refused(t, olga.do(t, post("/v1/operations/failovers", `{"to":"B"}`).with("Idempotency-Key", "other")), http.StatusUnprocessableEntity, "invalid_request")
	require.NotEqual(t, first.Id, decode[api.Failover](t, olga.site.operator().do(t, start)).Id, "a key is its caller's")

	r.broken = failure.New(failure.Decided, "another one is under way", failover.ErrUnderWay)
	refused(t, olga.do(t, post("/v1/operations/failovers", `{}`).with("Idempotency-Key", "third")), http.StatusConflict, "already_decided")
}

func TestAFailoverIsWatchedApprovedAndTakenBack(t *testing.T) {
	r, olga := newRegions(t)
	waits, over := journalled("detect", "gate"), journalled(failover.Steps()...)
	over.Result, over.Note = &failover.Result{State: failover.Completed, At: morning.Add(time.Minute)}, "signed"
	r.all, r.refused = []failover.History{over, waits}, []failover.Reason{failover.ReasonLag}
	at := "/v1/operations/failovers/" + waits.ID.String()
	shown := decode[api.Failover](t, olga.do(t, get(at)))
	require.Equal(t, api.FailoverStateWaiting, shown.State)
	require.Equal(t, []string{"lag"}, shown.Refused)
	require.Equal(t, "approve", shown.Step)
	require.False(t, shown.Committed)
	require.EqualValues(t, 7, shown.Epoch)

	approval := uuid.New()
	approve := post(at+"/approve", `{"approval":"`+approval.String()+`"}`)
	require.Equal(t, api.FailoverStateRunning, decode[api.Failover](t, olga.do(t, approve)).State)
	require.Equal(t, map[uuid.UUID]uuid.UUID{waits.ID: approval}, r.approved)
	refused(t, olga.do(t, approve), http.StatusConflict, "already_decided")

	require.Equal(t, api.FailoverStateRolledBack, decode[api.Failover](t, olga.do(t, post(at+"/cancel", ""))).State)
	refused(t, olga.do(t, post("/v1/operations/failovers/"+over.ID.String()+"/cancel", "")), http.StatusConflict, "already_decided")
	done := decode[api.Failover](t, olga.do(t, get("/v1/operations/failovers/"+over.ID.String())))
	require.True(t, done.Committed)
	require.Equal(t, "signed", done.Report)
	require.InDelta(t, 9.5, *done.WritableSeconds, 0)
	require.Nil(t, done.LostSeconds)
	require.Len(t, done.Steps, len(failover.Steps()))
	refused(t, olga.do(t, get("/v1/operations/failovers/"+uuid.NewString())), http.StatusNotFound, "not_found")
}

// TestWhoMovesRegionsIsRecorded: and is not kept from it where that cannot be.
func TestWhoMovesRegionsIsRecorded(t *testing.T) {
	log, waits := &unwritable{}, journalled("detect", "gate")
	r := &twoRegions{all: []failover.History{waits}, refused: []failover.Reason{failover.ReasonLag}}
	olga := newSite(t, func(o *api.Options) { o.Regions, o.Failovers, o.Audit = r, r, log }).operator()
	at := "/v1/operations/failovers/" + waits.ID.String()
	for _, c := range []call{
		post("/v1/operations/failovers", `{"to":"b"}`).with("Idempotency-Key", "one"), post(at+"/approve", `{"approval":"`+uuid.NewString()+`"}`), post(at+"/cancel", ""),
	} {
		require.Less(t, olga.do(t, c).Code, http.StatusMultipleChoices)
	}
	refused(t, olga.do(t, post(at+"/approve", `{"approval":"`+uuid.NewString()+`"}`)), http.StatusConflict, "already_decided")
	acts := slices.DeleteFunc(log.tries, func(a audit.Act) bool { return !strings.HasPrefix(string(a), "failover.") })
	require.Equal(t, []audit.Act{audit.FailoverRequested, audit.FailoverApproved, audit.FailoverCancelled}, acts)
}

func TestFailoversAndDrillsAreListedNewestFirst(t *testing.T) {
	r, olga := newRegions(t)
	for range 3 {
		r.all = append(r.all, journalled("detect"))
	}
	var seen []uuid.UUID
	for path := "/v1/operations/failovers?limit=2"; path != ""; {
		page := decode[api.FailoverPage](t, olga.do(t, get(path)))
		for _, f := range page.Failovers {
			seen = append(seen, f.Id)
			require.Empty(t, f.Steps)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/v1/operations/failovers?limit=2&cursor=" + page.NextCursor.String()
		}
	}
	require.Equal(t, []uuid.UUID{r.all[2].ID, r.all[1].ID, r.all[0].ID}, seen)

	r.drills = []failover.Drilled{{ID: uuid.New(), Kind: failover.Handover, State: failover.Completed, BeganAt: morning, Pause: 6, Missed: []string{"pause"}}}
	drills := decode[api.Drills](t, olga.do(t, get("/v1/operations/drills"))).Drills
	require.Len(t, drills, 1)
	require.InDelta(t, 0, *drills[0].LostSeconds, 0)
	require.Equal(t, []api.DrillMissed{"pause"}, drills[0].Missed)
}

func TestWhereThereIsOneRegionThatIsSaid(t *testing.T) {
	olga, id := newSite(t).operator(), uuid.NewString()
	for _, c := range []call{
		get("/v1/operations/replication"), get("/v1/operations/failovers"), get("/v1/operations/failovers/" + id), get("/v1/operations/drills"),
		post("/v1/operations/failovers", `{}`).with("Idempotency-Key", "one"), post("/v1/operations/failovers/"+id+"/cancel", ""),
		post("/v1/operations/failovers/"+id+"/approve", `{"approval":"`+id+`"}`),
	} {
		refused(t, olga.do(t, c), http.StatusConflict, "regions_not_configured")
	}
	auditor := olga.site.auditor()
	refused(t, auditor.do(t, get("/v1/operations/replication")), http.StatusForbidden, "forbidden")
}
