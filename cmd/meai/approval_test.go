package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/activities/approval"
	"meai/api/client"
	"meai/internal/audit"
	"meai/internal/config"
)

// asks asks for an approval.
func (p *person) asks(t *testing.T, act client.ApprovalAct, parameters map[string]string) client.Approval {
	t.Helper()
	got, err := p.api.RequestApprovalWithResponse(t.Context(), &client.RequestApprovalParams{IdempotencyKey: uuid.NewString()},
		client.NewApproval{Act: act, Parameters: parameters, Reason: "The alarm of last night."})
	require.NoError(t, err)
	require.NotNil(t, got.JSON201, "%s", got.Body)
	return *got.JSON201
}

func (p *person) decides(t *testing.T, id uuid.UUID, approves bool) *client.DecideApprovalResponse {
	t.Helper()
	got, err := p.api.DecideApprovalWithResponse(t.Context(), id, client.NewDecision{Approves: approves})
	require.NoError(t, err)
	return got
}

func (p *person) readsTheLog(t *testing.T) int {
	t.Helper()
	got, err := p.api.ListAuditEntriesWithResponse(t.Context(), nil)
	require.NoError(t, err)
	return got.StatusCode()
}

func TestARoleForATimeNeedsASecondPerson(t *testing.T) {
	s := newSite(t)
	up, base := s.serve(t, "up")
	olga, ada, sam := signedIn(t, base, "operator.olga"), signedIn(t, base, "admin.ada"), signedIn(t, base, "support.sam")
	require.Equal(t, http.StatusForbidden, olga.readsTheLog(t))
	asked := olga.asks(t, client.ApprovalActElevate, map[string]string{"role": "auditor", "minutes": "30"})
	require.Equal(t, client.ApprovalStatePending, asked.State)

	require.Equal(t, http.StatusForbidden, olga.decides(t, asked.Id, true).StatusCode(), "not oneself")
	require.Equal(t, http.StatusForbidden, sam.decides(t, asked.Id, true).StatusCode(), "not in that role")

	// Between asking and deciding everything of MeAi's is killed.
	up.kill()
	_, base = s.serve(t, "up")
	agreed := ada.decides(t, asked.Id, true)
	require.NotNil(t, agreed.JSON200, "%s", agreed.Body)
	require.Equal(t, asked.Digest, agreed.JSON200.Digest)
	// What was running when everything was killed is tried again after its time is over.
	require.Eventually(t, func() bool {
		got, err := ada.api.GetApprovalWithResponse(t.Context(), asked.Id)
		return err == nil && got.JSON200 != nil && got.JSON200.State == client.ApprovalStateApproved
	}, time.Minute, 100*time.Millisecond)
	require.Equal(t, http.StatusOK, ada.decides(t, asked.Id, true).StatusCode(), "a repeat")
	require.Equal(t, http.StatusConflict, signedIn(t, base, "privacy_officer.petra").decides(t, asked.Id, false).StatusCode(), "too late")

	begun := time.Now()
	require.Eventually(t, func() bool { return olga.readsTheLog(t) == http.StatusOK }, 5*time.Second, 100*time.Millisecond)
	require.Contains(t, s.acts(t), audit.ElevationGranted)
	t.Logf("the role works after %v", time.Since(begun).Round(time.Millisecond))
	key, err := olga.api.CreateAPIKeyWithResponse(t.Context(), client.NewAPIKey{Roles: []client.Role{"auditor"}, Scopes: []client.Scope{"audit"}, Days: 300})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, key.StatusCode(), "no key outlives the role")

	for range 2 { // a repeat is harmless
		require.Contains(t, s.run(t, "revoke", "role_grant", asked.Id.String()), "revoked")
	}
	require.Eventually(t, func() bool { return olga.readsTheLog(t) == http.StatusForbidden }, 5*time.Second, 100*time.Millisecond)
}

func TestTwoOthersDecideAndTemporalAloneCannot(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	olga, ada := signedIn(t, base, "operator.olga"), signedIn(t, base, "admin.ada")
	asked := olga.asks(t, client.ApprovalActRestore, map[string]string{"backup": "2026-11-25"})
	require.Equal(t, 2, asked.Required)

	// Somebody with access to Temporal, and no key of MeAi's, decides in two names.
	stack, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	cli, err := sdk.Dial(sdk.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace})
	require.NoError(t, err)
	defer cli.Close()
	for range 2 {
		handle, err := cli.UpdateWorkflow(t.Context(), sdk.UpdateWorkflowOptions{
			WorkflowID: "approval/" + asked.Id.String(), UpdateName: "decide", WaitForStage: sdk.WorkflowUpdateStageCompleted,
			Args: []any{approval.Decision{Approval: asked.Id, Approver: uuid.New(), Approves: true, MAC: make([]byte, 32)}},
		})
		if err == nil {
			err = handle.Get(t.Context(), nil)
		}
		require.Error(t, err)
	}
	read, err := olga.api.GetApprovalWithResponse(t.Context(), asked.Id)
	require.NoError(t, err)
	require.Equal(t, client.ApprovalStatePending, read.JSON200.State)
	require.Empty(t, read.JSON200.Decisions)

	require.Equal(t, client.ApprovalStatePending, ada.decides(t, asked.Id, true).JSON200.State, "one is not enough")
	second := signedIn(t, base, "operator.otto").decides(t, asked.Id, true)
	require.NotNil(t, second.JSON200, "%s", second.Body)
	require.Equal(t, client.ApprovalStateApproved, second.JSON200.State)
	require.Contains(t, s.run(t, "ledger", "show"), "approval.given")

	refused := olga.asks(t, client.ApprovalActOverrideFailover, map[string]string{"region": "north"})
	require.Equal(t, client.ApprovalStateRefused, ada.decides(t, refused.Id, false).JSON200.State)
}

func TestApprovalsWithoutAnyEngine(t *testing.T) {
	dir := t.TempDir()
	nowhere := site{config: filepath.Join(dir, "none.yaml")}
	require.NoError(t, os.WriteFile(nowhere.config, nil, 0o600))
	in := func(name string) string { return filepath.Join(dir, name) }
	var approvers strings.Builder
	for _, name := range []string{"ada", "petra"} {
		approvers.WriteString(nowhere.run(t, "approval", "keygen", uuid.NewString(), "--private", in(name)))
		info, err := os.Stat(in(name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.NoError(t, os.WriteFile(in("approvers"), []byte(approvers.String()), 0o600))
	document := nowhere.run(t, "approval", "request", "override_failover", "--requester", uuid.NewString(), "--parameter", "region=north")
	verify := []string{"approval", "verify", in("document"), "--approvers", in("approvers"), "--act", "override_failover", "--parameter", "region=north"}
	for _, name := range []string{"ada", "petra"} {
		require.NoError(t, os.WriteFile(in("document"), []byte(document), 0o600))
		out, err := nowhere.command(verify...).CombinedOutput()
		require.Error(t, err, "%s", out)
		document = nowhere.run(t, "approval", "sign", in("document"), "--private", in(name))
	}
	require.NoError(t, os.WriteFile(in("document"), []byte(document), 0o600))
	require.Contains(t, nowhere.run(t, verify...), "approved")
}
