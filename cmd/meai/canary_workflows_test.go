package main_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
	"meai/workers"
)

// runEveryWorkflow runs what nobody has asked for yet and compares what ran with
// what is registered: whoever adds a workflow runs it here.
func (w *watch) runEveryWorkflow(t *testing.T) {
	t.Helper()
	for range 11 { // more people than one run of the consolidation takes pages
		newPerson(t, w.base).begin(t)
	}
	temporal, err := sdk.Dial(sdk.Options{HostPort: w.config.Temporal.Address, Namespace: w.config.Temporal.Namespace})
	require.NoError(t, err)
	defer temporal.Close()
	w.approve(t)
	w.escalate(t)
	w.runByHand(t, temporal, "operations", "EscalationSweep", map[string]any{})
	w.runByHand(t, temporal, "operations", "PrivacyDeadlines", map[string]any{})
	held := newPerson(t, w.base)
	held.begin(t)
	placesHold(t, w.base, held.subject)
	for name, input := range map[string]map[string]any{"Consolidation": {"page_size": 1}, "RepairIndex": {"page_size": 1}, "Upkeep": {}, "LibraryReview": {}, "FilterPolicy": {}, "Retention": {}, "VerifyEncryption": {}} {
		w.runByHand(t, temporal, "batch", name, input)
	}
	patterned := newPerson(t, w.base)
	patterned.begin(t)
	w.runByHand(t, temporal, "batch", "ConsolidateSubject", map[string]any{"subject": patterned.subject})
	erased := newPerson(t, w.base)
	erased.begin(t)
	erased.tell(t, "Forget that "+w.spoken()+" was here.")
	for _, name := range []string{"Rekey", "Rewrap", "RetireKeys"} {
		w.runByHand(t, temporal, "privacy", name, map[string]any{})
	}
	for _, name := range []string{"SweepErased", "SettleErasures"} {
		w.runByHand(t, temporal, "privacy", name, map[string]any{})
	}
	erased.erases(t, temporal)
	w.export(t)
	w.backUp(t, temporal)
	// Only the version before starts it; it takes and gives what Recollection does.
	started := slices.DeleteFunc(workers.Workflows(), func(name string) bool { return name == "MemoryQuery" })
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.ElementsMatch(c, started, ranIn(t.Context(), temporal), "the canary scenario runs every workflow")
	}, within, 200*time.Millisecond)
}

// runByHand starts a workflow with plain JSON, as the temporal CLI does, and waits for it.
func (w *watch) runByHand(t *testing.T, temporal sdk.Client, queue, name string, input map[string]any) {
	t.Helper()
	run, err := temporal.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: name + "-by-hand", TaskQueue: queue}, name, input)
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil), name)
}

// approve asks for the consent of others, with a reason in words, and gets it.
func (w *watch) approve(t *testing.T) {
	t.Helper()
	const op = "RequestApproval"
	asks, agrees := signedIn(t, w.base, "operator."+w.canaries.word(outsideContract)), signedIn(t, w.base, "admin.ada")
	asked, err := asks.api.RequestApprovalWithResponse(t.Context(), &client.RequestApprovalParams{IdempotencyKey: w.canaries.word(op + " Idempotency-Key")}, client.NewApproval{
		Act: client.ApprovalActElevate, Parameters: map[string]string{"role": "auditor", "minutes": "5"},
		Reason: "Because of " + w.canaries.word(op+" /reason") + ", as agreed.",
	})
	require.NoError(t, err)
	require.NotNil(t, asked.JSON201, "%s", asked.Body)
	refused, err := asks.api.RequestApprovalWithResponse(t.Context(), &client.RequestApprovalParams{IdempotencyKey: w.canaries.word(op + " Idempotency-Key")}, client.NewApproval{
		Act: client.ApprovalActRestore, Parameters: map[string]string{"backup": "of " + w.canaries.word(op+" /parameters/*")}, Reason: "No reason at all.",
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, refused.StatusCode(), "parameters take no words")
	object := w.canaries.word("ListAuditEntries object")
	read, err := signedIn(t, w.base, "auditor.otto").api.ListAuditEntriesWithResponse(t.Context(), &client.ListAuditEntriesParams{Object: &object})
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, read.StatusCode(), "an HMAC, not a word")
	agreed, err := agrees.api.DecideApprovalWithResponse(t.Context(), asked.JSON201.Id, client.NewDecision{Approves: true})
	require.NoError(t, err)
	require.NotNil(t, agreed.JSON200, "%s", agreed.Body)
	require.Equal(t, client.ApprovalStateApproved, agreed.JSON200.State)
}

// escalate has somebody on call take care of a person in danger.
func (w *watch) escalate(t *testing.T) {
	t.Helper()
	p, duty := newPerson(t, w.base), signedIn(t, w.base, "support.sue")
	p.begin(t)
	p.tell(t, "I want to kill myself since "+w.spoken()+" is gone.")
	id := raised(t, duty).Id
	taken, err := duty.api.AcknowledgeEscalationWithResponse(t.Context(), id)
	require.NoError(t, err)
	require.NotNil(t, taken.JSON200, "%s", taken.Body)
	closed, err := duty.api.CloseEscalationWithResponse(t.Context(), id, client.NewOutcome{Outcome: client.EscalationOutcomeHandled})
	require.NoError(t, err)
	require.NotNil(t, closed.JSON200, "%s", closed.Body)
}

// ranIn lists the types of all workflows that a namespace has seen, but for the
// scheduler's own.
func ranIn(ctx context.Context, temporal sdk.Client) []string {
	seen := map[string]bool{}
	request := &workflowservice.ListWorkflowExecutionsRequest{}
	for {
		page, err := temporal.ListWorkflow(ctx, request)
		if err != nil {
			return []string{err.Error()}
		}
		for _, e := range page.Executions {
			if name := e.GetType().GetName(); !strings.HasPrefix(name, "temporal-sys-") {
				seen[name] = true
			}
		}
		if request.NextPageToken = page.NextPageToken; len(request.NextPageToken) == 0 {
			break
		}
	}
	return sorted(seen)
}
