package main_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	sdk "go.temporal.io/sdk/client"

	"meai/activities/failover"
	"meai/api/client"
	"meai/cmd/meai/internal/drill"
)

// regions is a lab of two regions in which the product runs, as its operators reach it.
type regions struct {
	*drill.Lab
	temporal sdk.Client // the control plane's
}

// newRegions starts a lab, which takes a minute, and ends it with the test.
func newRegions(t *testing.T, settings ...string) *regions {
	t.Helper()
	dir, err := os.MkdirTemp("", "regions")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711)) // PostgreSQL's account has to get through
	ready := filepath.Join(dir, "ready")
	log := &journal{}
	up := exec.Command(filepath.Join("..", "..", ".local", "bin", "meai-local"), "up", "--regions", "2", "--data", filepath.Join(dir, "lab"), "--ready-file", ready)
	up.Stdout, up.Stderr, up.SysProcAttr = log, log, diesWithParent()
	require.NoError(t, up.Start())
	t.Cleanup(func() {
		require.NoError(t, up.Process.Signal(os.Interrupt))
		_ = up.Wait() // it ends by a signal
		require.NoError(t, os.RemoveAll(dir))
	})
	var file []byte
	require.Eventually(t, func() bool {
		file, err = os.ReadFile(ready)
		return err == nil && len(file) > 0
	}, 3*time.Minute, 100*time.Millisecond, "the lab does not get ready:\n%s", log.tail(2000))
	lab, err := drill.OpenLab(t.Context(), filepath.Join(dir, "lab", "lab.json"))
	require.NoError(t, err)
	products := &journal{}
	lab.Program, lab.Log, lab.Settings = binary, products, settings
	t.Cleanup(func() {
		lab.Stop()
		if t.Failed() {
			t.Logf("the end of the product's log:\n%s", products.tail(6000))
		}
	})
	require.NoError(t, lab.Begin(t.Context(), drill.A))
	temporal, err := sdk.NewLazyClient(sdk.Options{HostPort: lab.ControlTemporal[drill.A], Namespace: lab.ControlNamespace})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return &regions{Lab: lab, temporal: temporal}
}

// measured waits until a region's API knows what would be lost.
func (r *regions) measured(t *testing.T, olga *person, serving string) (got client.Replication) {
	t.Helper()
	require.Eventually(t, func() bool {
		answer, err := olga.api.GetReplicationWithResponse(t.Context())
		if err != nil || answer.JSON200 == nil {
			return false
		}
		got = *answer.JSON200
		return got.Serving == serving && !got.Stale && len(got.Agents) == 2 && len(got.Observers) == 3 && len(got.Stores) > 0 && got.Stores[0].LagSeconds != nil
	}, 2*time.Minute, 100*time.Millisecond)
	return got
}

// waits waits until a failover waits for two persons.
func (r *regions) waits(t *testing.T, olga *person, id uuid.UUID) client.Failover {
	t.Helper()
	return r.comesTo(t, olga, id, time.Minute, func(f client.Failover) bool { return f.State == client.FailoverStateWaiting })
}

// ends waits until a failover has ended.
func (r *regions) ends(t *testing.T, olga *person, id uuid.UUID) client.Failover {
	t.Helper()
	return r.comesTo(t, olga, id, 3*time.Minute, func(f client.Failover) bool { return !f.EndedAt.IsZero() })
}

// comesTo asks for a failover until it is as it should be. What the API said last is in the
// failure.
func (r *regions) comesTo(t *testing.T, olga *person, id uuid.UUID, within time.Duration, is func(client.Failover) bool) (f client.Failover) {
	t.Helper()
	said := "nothing"
	for begun := time.Now(); time.Since(begun) < within; time.Sleep(50 * time.Millisecond) {
		answer, err := olga.api.GetFailoverWithResponse(t.Context(), id)
		if err != nil {
			said = err.Error()
			continue
		}
		said = answer.Status() + " " + string(answer.Body)
		if answer.JSON200 != nil && is(*answer.JSON200) {
			return *answer.JSON200
		}
	}
	require.Fail(t, "the failover does not get there", "%s", said)
	return f
}

// TestOperatorsMoveTheProductByTheAPI has one and the same two regions measured, failed
// over, taken back and rehearsed, over the API and over the commands.
func TestOperatorsMoveTheProductByTheAPI(t *testing.T) {
	r := newRegions(t, "MEAI_DRILLS_ALLOWED=true", "MEAI_DRILLS_SCHEDULE=0 10 1 1 *")
	olga := signedIn(t, r.Base(drill.A), "operator.olga")
	got := r.measured(t, olga, drill.A)
	require.True(t, got.Primary)
	require.EqualValues(t, 1, got.Epoch)
	require.Nil(t, got.Failover)
	var said failover.Overview
	require.NoError(t, r.Ask(t.Context(), drill.B, &said, "region", "status", "--json"), "whom no API answers asks the register")
	require.Equal(t, drill.A, said.Serving)
	require.Len(t, said.Agents, 2)

	t.Run("one that is not planned waits for two persons, and is taken back", func(t *testing.T) { r.testTakenBack(t, olga) })
	t.Run("a planned one", func(t *testing.T) { r.testHandover(t, olga) })
	oskar := signedIn(t, r.Base(drill.B), "operator.oskar")
	r.measured(t, oskar, drill.B)
	t.Run("a drill brings it back and is kept", func(t *testing.T) { r.testDrill(t) })
	t.Run("one that two persons have approved", r.testOverridden)
	t.Run("without the safety switch there is no schedule", r.testNoSchedule)
}

func (r *regions) testTakenBack(t *testing.T, olga *person) {
	ctx, key := t.Context(), &client.StartFailoverParams{IdempotencyKey: "taken-back"}
	begun, err := olga.api.StartFailoverWithResponse(ctx, key, client.NewFailover{})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, begun.StatusCode(), "%s", begun.Body)
	id := begun.JSON202.Id
	again, err := olga.api.StartFailoverWithResponse(ctx, key, client.NewFailover{})
	require.NoError(t, err)
	require.Equal(t, id, again.JSON202.Id)
	other, err := olga.api.StartFailoverWithResponse(ctx, key, client.NewFailover{Planned: true})
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, other.StatusCode(), "%s", other.Body)

	require.Contains(t, r.waits(t, olga, id).Refused, "unconfirmed", "the primary is well")
	beside, err := olga.api.StartFailoverWithResponse(ctx, &client.StartFailoverParams{IdempotencyKey: "beside"}, client.NewFailover{Planned: true})
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, beside.StatusCode(), "one at a time: %s", beside.Body)

	// What was not given overrides nothing, and it goes on waiting.
	approved, err := olga.api.ApproveFailoverWithResponse(ctx, id, client.FailoverApproval{Approval: uuid.New()})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, approved.StatusCode(), "%s", approved.Body)
	r.waits(t, olga, id)

	cancelled, err := olga.api.CancelFailoverWithResponse(ctx, id)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, cancelled.StatusCode(), "%s", cancelled.Body)
	require.Equal(t, client.FailoverStateRolledBack, r.ends(t, olga, id).State)
	require.EqualValues(t, 1, r.measured(t, olga, drill.A).Epoch)
}

func (r *regions) testHandover(t *testing.T, olga *person) {
	begun, err := olga.api.StartFailoverWithResponse(t.Context(), &client.StartFailoverParams{IdempotencyKey: "handover"}, client.NewFailover{Planned: true, To: drill.B})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, begun.StatusCode(), "%s", begun.Body)
	require.NoError(t, r.Healthy(t.Context(), drill.B))
	// Whoever asks the region that serves now sees the same.
	oskar := signedIn(t, r.Base(drill.B), "operator.oskar")
	f := r.ends(t, oskar, begun.JSON202.Id)
	require.Equal(t, client.FailoverStateCompleted, f.State)
	require.NotNil(t, f.LostSeconds)
	require.Zero(t, *f.LostSeconds)
	require.Contains(t, f.Report, f.Id.String())
	t.Logf("the product took no writes for %.1f s", *f.WritableSeconds)
	late, err := oskar.api.CancelFailoverWithResponse(t.Context(), f.Id)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, late.StatusCode(), "%s", late.Body)
	page, err := oskar.api.ListFailoversWithResponse(t.Context(), &client.ListFailoversParams{})
	require.NoError(t, err)
	require.Len(t, page.JSON200.Failovers, 2)
	require.Equal(t, f.Id, page.JSON200.Failovers[0].Id, "the newest first")
}

func (r *regions) testDrill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	schedule := r.temporal.ScheduleClient().GetHandle(ctx, "handover-drill")
	require.NoError(t, schedule.Trigger(ctx, sdk.ScheduleTriggerOptions{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP}))
	var kept []client.Drill
	require.NoError(t, r.Healthy(ctx, drill.A))
	olga := signedIn(t, r.Base(drill.A), "operator.olga")
	require.Eventually(t, func() bool {
		answer, err := olga.api.ListDrillsWithResponse(ctx)
		if err == nil && answer.JSON200 != nil {
			kept = answer.JSON200.Drills
		}
		return len(kept) == 1
	}, 3*time.Minute, 200*time.Millisecond)
	require.Equal(t, client.DrillStateCompleted, kept[0].State, "%+v", kept[0])
	require.Equal(t, "ba", kept[0].From+kept[0].To)
	require.Zero(t, *kept[0].LostSeconds)
	t.Logf("the drill: %+v", kept[0])

	var listed []map[string]any
	require.NoError(t, r.Ask(ctx, drill.Control, &listed, "drill", "list", "--kept", "--json"))
	require.Len(t, listed, 1)
	require.Equal(t, kept[0].Id.String(), listed[0]["id"])
}

// testOverridden fails over although the primary is well, as two persons have approved.
func (r *regions) testOverridden(t *testing.T) {
	base, ctx := r.Base(drill.A), t.Context()
	olga, ada, otto := signedIn(t, base, "operator.olga"), signedIn(t, base, "admin.ada"), signedIn(t, base, "privacy_officer.otto")
	r.measured(t, olga, drill.A)
	asked := olga.asks(t, client.ApprovalActOverrideFailover, map[string]string{"region": drill.B})
	begun, err := olga.api.StartFailoverWithResponse(ctx, &client.StartFailoverParams{IdempotencyKey: "overridden"}, client.NewFailover{To: drill.B})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, begun.StatusCode(), "%s", begun.Body)
	id := begun.JSON202.Id
	r.waits(t, olga, id)
	require.Equal(t, http.StatusOK, ada.decides(t, asked.Id, true).StatusCode())
	require.Equal(t, http.StatusOK, otto.decides(t, asked.Id, true).StatusCode())
	approved, err := olga.api.ApproveFailoverWithResponse(ctx, id, client.FailoverApproval{Approval: asked.Id})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, approved.StatusCode(), "%s", approved.Body)
	require.NoError(t, r.Healthy(ctx, drill.B))
	f := r.ends(t, signedIn(t, r.Base(drill.B), "operator.oskar"), id)
	require.Equal(t, client.FailoverStateCompleted, f.State)
	require.Equal(t, asked.Id, *f.Approval)
	require.False(t, f.Planned)
}

// testNoSchedule starts a control worker that allows no drills.
func (r *regions) testNoSchedule(t *testing.T) {
	schedule := r.temporal.ScheduleClient().GetHandle(t.Context(), "handover-drill")
	_, err := schedule.Describe(t.Context())
	require.NoError(t, err)
	r.Settings = []string{"MEAI_DRILLS_ALLOWED=false"}
	require.NoError(t, r.Run(drill.Control, "region", "worker"))
	require.Eventually(t, func() bool {
		var none *serviceerror.NotFound
		_, err := schedule.Describe(t.Context())
		return errors.As(err, &none)
	}, time.Minute, 100*time.Millisecond)
}
