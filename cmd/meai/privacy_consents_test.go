package main_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
	"meai/api/client"
	"meai/internal/language/languagetest"
	"meai/internal/language/languagetest/script"
)

// TestNothingIsDoneThatAPersonDoesNotAgreeTo goes the whole way of somebody new: refused
// without consent, served with it, and left alone once it is taken back.
func TestNothingIsDoneThatAPersonDoesNotAgreeTo(t *testing.T) {
	model := languagetest.Start(t, script.Script{Answers: map[string]string{
		"answer": written, "emotions": `{"primary":"anxiety","secondary":[],"intensity":0.7,"confidence":0.9}`, "facts": `{"facts":[]}`,
	}})
	s := newSite(t, "MEAI_LANGUAGE_PROVIDER=openai", "MEAI_LANGUAGE_URL="+model.URL(), "MEAI_LANGUAGE_MODEL=served", "MEAI_LANGUAGE_API_KEY=key")
	_, base := s.serve(t, "up")
	p := signedIn(t, base, "person-"+uuid.NewString())
	begun, err := p.api.CreateSessionWithResponse(t.Context(), client.NewSession{})
	require.NoError(t, err)
	require.Equal(t, "consent_required", begun.ApplicationproblemJSON403.Code, "%s", begun.Body)
	require.Equal(t, "conversation", begun.ApplicationproblemJSON403.Purpose)
	require.Equal(t, map[string]client.ConsentState{
		"conversation": "none", "memory": "none", "vault": "none", "language_model": "none", "discovery": "none", "feedback": "none", "archive": "none",
	}, p.states(t))

	p.settles(t, "conversation", "given")
	p.begin(t)
	got := p.tell(t, worried)
	require.Equal(t, client.ResponseSourceComposed, got.Response.Source, "no language model without consent to it")
	require.Equal(t, []string{"consent_missing"}, got.Response.Degraded, "and no memory")
	require.Empty(t, model.Asked(t))
	require.Equal(t, "skipped", stepState(got, "memory_storage"))
	writes, err := p.api.ListMemoryWritesWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "ConsentMissing", writes.JSON200.Writes[0].Failure)
	stored, err := p.api.StoreMemoryWithResponse(t.Context(), &client.StoreMemoryParams{IdempotencyKey: "1"}, client.NewMemory{Text: "I live in Porto."})
	require.NoError(t, err)
	require.Equal(t, "memory", stored.ApplicationproblemJSON403.Purpose, "%s", stored.Body)

	p.settles(t, "memory", "given")
	p.settles(t, "language_model", "given")
	got = p.tell(t, worried)
	require.Equal(t, client.ResponseSourceGenerated, got.Response.Source)
	require.Empty(t, got.Response.Degraded)
	p.await(t, got.Id, within)
	retried, err := p.api.RetryMemoryWriteWithResponse(t.Context(), writes.JSON200.Writes[0].Id)
	require.NoError(t, err)
	require.Less(t, retried.StatusCode(), 300, "what was not remembered can be: %s", retried.Body)

	sell, err := p.api.SetDoNotSellWithResponse(t.Context(), client.NewDoNotSell{Enabled: true})
	require.NoError(t, err)
	require.True(t, sell.JSON200.Enabled, "%s", sell.Body)
	asked := len(model.Asked(t))
	require.Equal(t, client.ResponseSourceComposed, p.tell(t, worried).Response.Source, "nothing is shared")
	require.Len(t, model.Asked(t), asked)

	p.settles(t, "conversation", "withdrawn")
	said, err := p.say(t.Context(), uuid.NewString(), inDanger, "")
	require.NoError(t, err)
	require.Equal(t, "consent_required", said.ApplicationproblemJSON403.Code, "%s", said.Body)
	require.NotEmpty(t, said.ApplicationproblemJSON403.Safety.Text, "help needs no consent")
	danger, err := p.api.CheckCrisisWithResponse(t.Context(), client.AnalysisRequest{Text: inDanger})
	require.NoError(t, err)
	require.NotEmpty(t, danger.JSON200.Safety.Text, "%s", danger.Body)
	p.settles(t, "conversation", "given")
	t.Run("restricted", func(t *testing.T) { p.onlyStored(t) })

	history, err := p.api.ListConsentHistoryWithResponse(t.Context())
	require.NoError(t, err)
	require.Len(t, history.JSON200.Decisions, 6)
	require.Equal(t, client.ConsentReceiptDecisionGiven, history.JSON200.Decisions[0].Decision)
	require.Contains(t, history.JSON200.Decisions[0].Receipt, "purpose conversation")
	counts := s.run(t, "privacy", "consents")
	require.Regexp(t, `conversation +given +1\n`, counts)
	require.Regexp(t, `sharing +withdrawn +1\n`, counts)
	require.NotContains(t, counts, p.subject.String())
	require.Contains(t, s.run(t, "privacy", "consents", "--json"), `"restricted": 0`)
	s.run(t, "audit", "verify")
	s.run(t, "ledger", "verify")
}

// onlyStored restricts the person's data and lifts that again.
func (p *person) onlyStored(t *testing.T) {
	t.Helper()
	placed, err := p.api.PlaceRestrictionWithResponse(t.Context())
	require.NoError(t, err)
	require.True(t, placed.JSON200.Restricted, "%s", placed.Body)
	said, err := p.say(t.Context(), uuid.NewString(), "I went for a walk.", "")
	require.NoError(t, err)
	require.Equal(t, "processing_restricted", said.ApplicationproblemJSON403.Code, "%s", said.Body)
	asked, err := p.api.QueryMemoryWithResponse(t.Context(), client.MemoryQuery{Query: "my brother"})
	require.NoError(t, err)
	require.Equal(t, "processing_restricted", asked.ApplicationproblemJSON403.Code, "%s", asked.Body)
	page, err := p.api.ListInteractionsWithResponse(t.Context(), p.session, nil)
	require.NoError(t, err)
	require.Len(t, page.JSON200.Interactions, 3, "what is stored can be read")
	require.NotEmpty(t, p.graph(t, nil).Memories)
	register, err := p.api.ListPrivacyRequestsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	var met []client.PrivacyRight
	for _, request := range register.JSON200.Requests {
		require.Equal(t, client.PrivacyRequestStateCompleted, request.State)
		met = append(met, request.Kind)
	}
	require.Equal(t, []client.PrivacyRight{client.PrivacyRightRestriction, client.PrivacyRightOptOut}, met, "%s", register.Body)
	lifted, err := p.api.LiftRestrictionWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, lifted.StatusCode(), "%s", lifted.Body)
	p.tell(t, "I went for a walk.")
}

// settles decides one thing about one purpose.
func (p *person) settles(t *testing.T, purpose client.Purpose, d client.NewConsentDecision) {
	t.Helper()
	text, known := consent.Defined(consent.Purpose(purpose))
	require.True(t, known)
	said := client.NewConsent{Decision: d, TextVersion: text.Current().Number, Language: "en"}
	if d == client.NewConsentDecisionWithdrawn {
		said = client.NewConsent{Decision: d}
	}
	got, err := p.api.DecideConsentWithResponse(t.Context(), purpose, said)
	require.NoError(t, err)
	require.NotNil(t, got.JSON200, "%s", got.Body)
	require.Equal(t, client.ConsentState(d), p.states(t)[string(purpose)])
}

func (p *person) states(t *testing.T) map[string]client.ConsentState {
	t.Helper()
	got, err := p.api.ListConsentsWithResponse(t.Context())
	require.NoError(t, err)
	require.NotNil(t, got.JSON200, "%s", got.Body)
	states := map[string]client.ConsentState{}
	for _, c := range got.JSON200.Consents {
		states[string(c.Purpose)] = c.State
	}
	return states
}
