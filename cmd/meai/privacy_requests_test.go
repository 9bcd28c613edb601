package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/requests"
	"meai/api/client"
)

// agreed is an approval of two others to what a privacy officer asks for.
func agreed(t *testing.T, base string, act client.ApprovalAct, parameters map[string]string) uuid.UUID {
	t.Helper()
	asked := signedIn(t, base, "privacy_officer.pia").asks(t, act, parameters)
	for _, name := range []string{"admin.ada", "privacy_officer.petra"} {
		require.Equal(t, http.StatusOK, signedIn(t, base, name).decides(t, asked.Id, true).StatusCode())
	}
	return asked.Id
}

// placesHold has a privacy officer hold everything of a person, or a list, for a day.
func placesHold(t *testing.T, base string, subject uuid.UUID, items ...uuid.UUID) client.LegalHold {
	t.Helper()
	list := "all"
	if len(items) > 0 {
		list = requests.DigestOf(items)
	}
	approval := agreed(t, base, client.ApprovalActHold, map[string]string{
		"subject": subject.String(), "reason": "litigation", "until": time.Now().UTC().Add(24 * time.Hour).Format(time.RFC3339), "told": "yes", "items": list,
	})
	got, err := signedIn(t, base, "privacy_officer.pia").api.PlaceLegalHoldWithResponse(t.Context(), client.NewLegalHold{Approval: approval, Items: items})
	require.NoError(t, err)
	require.NotNil(t, got.JSON201, "%s", got.Body)
	return *got.JSON201
}

func (p *person) requests(t *testing.T) []client.PrivacyRequest {
	t.Helper()
	got, err := p.api.ListPrivacyRequestsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.NotNil(t, got.JSON200, "%s", got.Body)
	return got.JSON200.Requests
}

func (p *person) previews(t *testing.T, memory uuid.UUID) (status int, code string) {
	t.Helper()
	got, err := p.api.PreviewForgettingWithResponse(t.Context(), client.ForgettingSelection{Memories: []uuid.UUID{memory}})
	require.NoError(t, err)
	if got.ApplicationproblemJSON409 != nil {
		code = got.ApplicationproblemJSON409.Code
	}
	return got.StatusCode(), code
}

func TestWhatIsHeldStaysUntilTheHoldIsReleased(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	one, other := p.turnOf(t, p.stores(t, "I met Tom in Porto.")), p.turnOf(t, p.stores(t, "I planted tulips."))
	hold := placesHold(t, base, p.subject, one)
	require.Equal(t, 1, hold.Items)
	require.Equal(t, p.subject, hold.Subject)
	require.NotEmpty(t, hold.Note)

	own, err := p.api.ListLegalHoldsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, own.JSON200.Holds, 1)
	require.NotContains(t, string(own.Body), hold.Note)
	status, code := p.previews(t, one)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "legal_hold", code)
	status, _ = p.previews(t, other)
	require.Equal(t, http.StatusCreated, status)
	listed := s.run(t, "privacy", "holds")
	require.Contains(t, listed, hold.Id.String())
	require.NotContains(t, listed, p.subject.String())

	officer := signedIn(t, base, "privacy_officer.pia")
	wrong, err := officer.api.ReleaseLegalHoldWithResponse(t.Context(), hold.Id, client.HoldRelease{Approval: hold.Id})
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, wrong.StatusCode(), "the approval to place it does not end it")
	approval := agreed(t, base, client.ApprovalActReleaseHold, map[string]string{"hold": hold.Id.String()})
	for range 2 {
		released, err := officer.api.ReleaseLegalHoldWithResponse(t.Context(), hold.Id, client.HoldRelease{Approval: approval})
		require.NoError(t, err)
		require.NotNil(t, released.JSON200, "%s", released.Body)
		require.True(t, released.JSON200.Over)
	}
	status, _ = p.previews(t, one)
	require.Equal(t, http.StatusCreated, status)
	require.NotContains(t, s.run(t, "privacy", "holds"), hold.Id.String())
	require.Contains(t, s.run(t, "privacy", "holds", "--all"), hold.Id.String())
}

func TestAPersonSeesWhoSawTheirDataAndWhatTheyHaveAskedFor(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	prefer, until := "wait=60", client.CorrectMemoryParamsWaitSearchable
	corrected, err := p.api.CorrectMemoryWithResponse(t.Context(), p.turnOf(t, p.stores(t, "I live in Oslo.")),
		&client.CorrectMemoryParams{IdempotencyKey: uuid.NewString(), Prefer: &prefer, Wait: &until}, client.MemoryCorrection{Text: "I live in Porto."})
	require.NoError(t, err)
	require.NotNil(t, corrected.JSON202, "%s", corrected.Body)
	mine := p.requests(t)
	require.Len(t, mine, 1)
	require.Equal(t, client.PrivacyRightRectification, mine[0].Kind)
	require.Equal(t, client.PrivacyRequestStateCompleted, mine[0].State)

	sue, pia := signedIn(t, base, "support.sue"), signedIn(t, base, "privacy_officer.pia")
	for _, who := range []*person{sue, pia} {
		seen, err := who.api.ViewPersonWithResponse(t.Context(), p.subject)
		require.NoError(t, err)
		require.NotNil(t, seen.JSON200, "%s", seen.Body)
		require.Equal(t, 1, seen.JSON200.Counts["memories"], "the corrected one is none any more")
		require.NotContains(t, string(seen.Body), "Porto")
	}
	decrypt := pia.asks(t, client.ApprovalActDecrypt, map[string]string{"subject": p.subject.String(), "minutes": "5"})
	for _, name := range []string{"admin.ada", "privacy_officer.petra"} {
		require.Equal(t, http.StatusOK, signedIn(t, base, name).decides(t, decrypt.Id, true).StatusCode())
	}
	got, err := p.api.ListPrivacyAccessesWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.NotNil(t, got.JSON200, "%s", got.Body)
	var seen []string
	for _, a := range got.JSON200.Accesses {
		if a.Yourself { // their own consents
			continue
		}
		seen = append(seen, a.Act+" "+a.Role)
	}
	require.Equal(t, []string{"approval.given approver", "person.viewed privacy_officer", "person.viewed support"}, seen)

	me, err := pia.api.GetMeWithResponse(t.Context())
	require.NoError(t, err)
	require.NotContains(t, string(got.Body), me.JSON200.Principal.String(), "a role, not a name")
	stranger := newPerson(t, base)
	none, err := stranger.api.ListPrivacyAccessesWithResponse(t.Context(), nil)
	require.NoError(t, err)
	for _, a := range none.JSON200.Accesses {
		require.True(t, a.Yourself, "%+v", a)
	}
	require.Empty(t, stranger.requests(t))
}

func TestLettersAreKeptInTheRegister(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	out := s.run(t, "privacy", "requests", "receive", p.subject.String(), "--kind", "access", "--law", "ccpa", "--received", time.Now().AddDate(0, 0, -60).Format("2006-01-02"))
	require.Contains(t, out, "overdue")
	require.NotContains(t, out, p.subject.String())
	id := p.requests(t)[0].Id.String()
	require.Contains(t, s.run(t, "privacy", "requests", "--standing", "overdue"), id)
	s.run(t, "privacy", "requests", "confirm", id)
	s.run(t, "privacy", "requests", "finish", id, "--outcome", "refused", "--reason", "unfounded")
	require.NotContains(t, s.run(t, "privacy", "requests", "list", "--standing", "open"), id)
	require.Contains(t, s.run(t, "privacy", "requests"), "unfounded")
	ended := p.requests(t)[0]
	require.Equal(t, client.PrivacyRequestStateRefused, ended.State)
	require.False(t, ended.ConfirmedAt.IsZero())
	require.False(t, strings.Contains(out, "unfounded"))
}
