package main_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
	"meai/internal/config"
)

// TestFeedbackMovesThePolicy goes the whole way: people rate an answer, the night adopts a
// policy, texts are judged by it, and an operator takes it back.
func TestFeedbackMovesThePolicy(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	const people = 6
	var last *person
	for range people {
		last = newPerson(t, base)
		last.begin(t)
		said := last.await(t, last.tell(t, "I went for a walk with my dog.").Id, within)
		for range 2 {
			given, err := last.api.GiveFeedbackWithResponse(t.Context(), client.NewFeedback{
				About: client.FeedbackThing{InteractionId: said.Id}, Rating: client.FeedbackRatingUnsafe,
			})
			require.NoError(t, err)
			require.NotNil(t, given.JSON200, "%s", given.Body)
		}
	}
	mine, err := last.api.GetAdjustmentsWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, &client.Adjustments{Policy: "1", Adjusted: []client.Adjustment{{Layer: "safety", By: 0.02, Because: "1 × unsafe in 7 days"}}}, mine.JSON200)
	require.Equal(t, 1, s.count(t, last.subject, "select count(*) from filter_feedback where policy = '1' and scores ? 'safety'"))

	stack, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	temporal, err := sdk.Dial(sdk.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace})
	require.NoError(t, err)
	defer temporal.Close()
	run, err := temporal.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: "filter-policy-by-hand", TaskQueue: "batch"}, "FilterPolicy", map[string]any{})
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	require.Regexp(t, `\* 1\.1 +1 +adopted +feedback`, s.run(t, "filter", "policies"))

	kind := newPerson(t, base)
	kind.begin(t)
	assessed, err := kind.api.AssessTextWithResponse(t.Context(), client.AssessmentRequest{Text: "Just get over it, it was only a dog.", About: "My dog died.", Kind: client.AssessmentRequestKindDraft})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, assessed.StatusCode(), "%s", assessed.Body)
	require.Equal(t, client.JudgementVerdictReject, assessed.JSON200.Judgement.Verdict)
	require.Contains(t, []string{"1", "1.1"}, assessed.JSON200.Judgement.Policy, "a worker may know the one before for a minute")
	require.Empty(t, assessed.JSON200.Judgement.Adjusted, "what others said of theirs is not this person's")
	require.NotEmpty(t, assessed.JSON200.Fallback)
	require.Empty(t, assessed.JSON200.Degraded)

	require.Equal(t, "withdrawn 1.1\n", s.run(t, "filter", "withdraw", "1.1"))
	require.Regexp(t, `\* 1 +written`, s.run(t, "filter", "policies"))
	reset, err := last.api.ResetAdjustmentsWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, reset.StatusCode())
	mine, err = last.api.GetAdjustmentsWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, &client.Adjustments{Policy: "1", Adjusted: []client.Adjustment{}}, mine.JSON200)
}

// TestWhatAPersonWantsToBeSpared is kept from them by every worker, and goes into no other
// person's judgement.
func TestWhatAPersonWantsToBeSpared(t *testing.T) {
	s := newSite(t)
	up, base := s.serve(t, "up")
	name := "person-" + uuid.NewString()
	anna := signedIn(t, base, name)
	spared := func(p *person, words ...string) *client.SetTriggersResponse {
		t.Helper()
		got, err := p.api.SetTriggersWithResponse(t.Context(), client.Triggers{Triggers: words})
		require.NoError(t, err)
		return got
	}
	require.Equal(t, http.StatusForbidden, spared(anna, "breathing").StatusCode(), "they have not agreed to anything yet")
	anna.agree(t)
	require.Equal(t, http.StatusOK, spared(anna, "breathing").StatusCode(), "who has agreed needs no session")
	anna.begin(t)
	require.Equal(t, http.StatusOK, spared(anna, "breathing", "zebras").StatusCode())

	up.kill()
	_, base = s.serve(t, "up")
	anna = signedIn(t, base, name)
	ben := newPerson(t, base)
	ben.begin(t)
	kept, err := anna.api.GetTriggersWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, &client.Triggers{Triggers: []string{"breathing", "zebras"}}, kept.JSON200)

	reminded := func(p *person) bool {
		t.Helper()
		got, err := p.api.AssessTextWithResponse(t.Context(), client.AssessmentRequest{Text: "You have seen a zebra then.", Kind: client.AssessmentRequestKindDraft})
		require.NoError(t, err)
		require.NotNil(t, got.JSON200, "%s", got.Body)
		return slices.ContainsFunc(got.JSON200.Judgement.Layers, func(l client.LayerScore) bool {
			return slices.ContainsFunc(l.Reasons, func(r client.Reason) bool { return r.Code == "trigger" && r.Against == "zebras" })
		})
	}
	require.True(t, reminded(anna))
	require.False(t, reminded(ben))
	offered := func(p *person) string {
		t.Helper()
		got, err := p.api.SearchResourcesWithResponse(t.Context(), client.ResourceSearch{Topic: "something that calms me before an exam"})
		require.NoError(t, err)
		require.NotNil(t, got.JSON200, "%s", got.Body)
		return string(got.Body)
	}
	require.Regexp(t, "(?i)breath", offered(ben))
	require.NotRegexp(t, "(?i)breathing", offered(anna))
}
