package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/approval"
	"meai/activities/privacy/requests"
	"meai/api"
	"meai/internal/failure"
)

func (e *engine) LegalHold(_ context.Context, in requests.HoldInput) (requests.HoldRef, error) {
	return e.hold(in)
}

// register is a register in memory, newest first.
type register struct {
	list    []requests.Request
	seen    []requests.Seen
	holds   []requests.ListedHold
	asked   []string
	extends error
}

func (r *register) note(format string, args ...any) {
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
}

func (r *register) OfPerson(_ context.Context, subject, _ uuid.UUID, limit int32) ([]requests.Request, error) {
	var own []requests.Request
	for _, one := range r.list {
		if one.Subject == subject {
			own = append(own, one)
		}
	}
	return own[:min(len(own), int(limit))], nil
}

func (r *register) Accesses(_ context.Context, _ uuid.UUID, before time.Time, limit int) ([]requests.Seen, error) {
	var list []requests.Seen
	for _, s := range r.seen {
		if s.At.Before(before) {
			list = append(list, s)
		}
	}
	return list[:min(len(list), limit)], nil
}

func (r *register) Register(_ context.Context, who requests.Who, standing requests.Standing, _ uuid.UUID, limit int32) ([]requests.Request, error) {
	r.note("register %s by %s", standing, who.Role)
	return r.list[:min(len(r.list), int(limit))], nil
}

func (r *register) Extend(_ context.Context, _ requests.Who, id uuid.UUID, reason string) (requests.Request, error) {
	r.note("extend for %s", reason)
	return requests.Request{ID: id, Kind: requests.Access, Law: requests.GDPR, State: requests.Open, DueAt: time.Now().Add(time.Hour), Reason: reason}, r.extends
}

func (r *register) AllHolds(context.Context, requests.Who, uuid.UUID, int32) ([]requests.ListedHold, error) {
	return r.holds, nil
}

func (r *register) ToldHolds(context.Context, uuid.UUID) ([]requests.Hold, error) {
	var told []requests.Hold
	for _, h := range r.holds {
		if h.Told {
			told = append(told, h.Hold)
		}
	}
	return told, nil
}

func (r *register) Hold(_ context.Context, id uuid.UUID) (requests.ListedHold, error) {
	for _, h := range r.holds {
		if h.ID == id {
			return h, nil
		}
	}
	return requests.ListedHold{}, failure.New(failure.NotFound, "no such hold", nil)
}

func (r *register) View(_ context.Context, who requests.Who, subject uuid.UUID, everything bool) (requests.Person, error) {
	r.note("view by %s, everything %t", who.Role, everything)
	p := requests.Person{Subject: subject, State: "active", CreatedAt: time.Now(), Counts: map[string]int{"messages": 3}, Requests: r.list}
	if everything {
		p.Holds = r.holds
	}
	return p, nil
}

// oneApproval is a database with one approval.
type oneApproval struct {
	noApprovals
	found approval.Approval
}

func (o *oneApproval) Approval(context.Context, uuid.UUID) (approval.Approval, error) {
	return o.found, nil
}

func (s *site) officer() *person { return &person{site: s, subject: newID(), role: ".privacy_officer"} }

func (s *site) support() *person { return &person{site: s, subject: newID(), role: ".support"} }

// newRegister is a site with a register and one approval.
func newRegister(t *testing.T) (*site, *register, *oneApproval) {
	t.Helper()
	r, a := &register{}, &oneApproval{}
	return newSite(t, func(o *api.Options) { o.Requests, o.Approvals = r, a }), r, a
}

func request(subject uuid.UUID) requests.Request {
	now := time.Now().UTC().Truncate(time.Second)
	return requests.Request{
		ID: newID(), Subject: subject, Kind: requests.Erasure, Law: requests.CCPA, State: requests.Open,
		ReceivedAt: now, ConfirmBy: now.Add(time.Hour), DueAt: now.Add(-time.Hour), PromisedAt: now.Add(time.Hour),
	}
}

func TestAPersonSeesTheirOwnRequests(t *testing.T) {
	s, r, _ := newRegister(t)
	anna := s.person()
	r.list = []requests.Request{request(anna.subject), request(newID()), request(anna.subject)}
	w := anna.do(t, get("/v1/privacy/requests?limit=1"))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	page := decode[api.PrivacyRequestPage](t, w)
	require.Len(t, page.Requests, 1)
	require.Equal(t, page.Requests[0].Id, *page.NextCursor)
	require.NotContains(t, w.Body.String(), "alias")
	require.Nil(t, decode[api.PrivacyRequestPage](t, anna.do(t, get("/v1/privacy/requests"))).NextCursor)
	for _, staff := range []*person{s.officer(), s.support(), s.operator()} {
		refused(t, staff.do(t, get("/v1/privacy/requests")), http.StatusForbidden, "forbidden")
		refused(t, staff.do(t, get("/v1/privacy/accesses")), http.StatusForbidden, "forbidden")
	}
}

func TestThePagesOfAccessesEndBetweenMoments(t *testing.T) {
	s, r, _ := newRegister(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i := range 3 {
		r.seen = append(r.seen, requests.Seen{At: now.Add(-time.Duration(i) * time.Second), Act: "payload.decoded", Role: "privacy_officer", Outcome: "succeeded", Approved: true})
	}
	anna := s.person()
	first := decode[api.PrivacyAccessPage](t, anna.do(t, get("/v1/privacy/accesses?limit=2")))
	require.Len(t, first.Accesses, 2)
	require.Equal(t, api.PrivacyAccess{At: now, Act: "payload.decoded", Role: "privacy_officer", Outcome: "succeeded", Approved: true}, first.Accesses[0])
	rest := decode[api.PrivacyAccessPage](t, anna.do(t, get("/v1/privacy/accesses?limit=2&before="+first.Next.Format(time.RFC3339Nano))))
	require.Len(t, rest.Accesses, 1)
	require.Zero(t, rest.Next)
}

func TestOfficersKeepTheRegister(t *testing.T) {
	s, r, _ := newRegister(t)
	r.list = []requests.Request{request(newID())}
	officer := s.officer()
	page := decode[api.PrivacyRegisterPage](t, officer.do(t, get("/v1/privacy/register?standing=overdue")))
	require.Equal(t, api.RegisteredRequestStandingOverdue, page.Requests[0].Standing)
	require.Equal(t, r.list[0].Subject, page.Requests[0].Subject)
	require.False(t, page.Requests[0].ConfirmBy.IsZero())
	extension := "/v1/privacy/register/" + newID().String() + "/extension"
	require.Equal(t, http.StatusOK, officer.do(t, post(extension, `{"reason":"complexity"}`)).Code)
	refused(t, officer.do(t, post(extension, `{"reason":"we are on holiday"}`)), http.StatusUnprocessableEntity, "invalid_request")
	r.extends = failure.New(failure.Decided, "too late", nil)
	refused(t, officer.do(t, post(extension, `{"reason":"complexity"}`)), http.StatusConflict, "already_decided")
	require.Equal(t, []string{"register overdue by privacy_officer", "extend for complexity", "extend for complexity"}, r.asked)
	for _, other := range []*person{s.person(), s.support(), s.auditor(), s.operator()} {
		refused(t, other.do(t, get("/v1/privacy/register")), http.StatusForbidden, "forbidden")
		refused(t, other.do(t, post(extension, `{"reason":"complexity"}`)), http.StatusForbidden, "forbidden")
	}
}

func TestAHoldIsCarriedOutAsItWasApproved(t *testing.T) {
	s, r, agreed := newRegister(t)
	officer, id := s.officer(), newID()
	r.holds = []requests.ListedHold{{Hold: requests.Hold{ID: id, Reason: "litigation", PlacedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}, Everything: true, Note: "The court wrote."}}
	var carried []requests.HoldInput
	s.engine.hold = func(in requests.HoldInput) (requests.HoldRef, error) {
		carried = append(carried, in)
		return requests.HoldRef{ID: id}, nil
	}
	item := newID()
	place := func() int {
		return officer.do(t, post("/v1/privacy/holds", fmt.Sprintf(`{"approval":"%s","items":["%s"]}`, id, item))).Code
	}
	release := func(hold uuid.UUID) int {
		return officer.do(t, post("/v1/privacy/holds/"+hold.String()+"/release", fmt.Sprintf(`{"approval":"%s"}`, id))).Code
	}
	agreed.found = approval.Approval{Request: approval.Request{ID: id, Act: approval.Hold}, State: approval.Pending}
	require.Equal(t, http.StatusConflict, place(), "two have not agreed yet")
	require.Equal(t, http.StatusForbidden, release(id), "it is for another act")
	agreed.found.State = approval.Approved
	require.Equal(t, http.StatusCreated, place())
	agreed.found = approval.Approval{Request: approval.Request{ID: id, Act: approval.ReleaseHold, Parameters: map[string]string{"hold": newID().String()}}, State: approval.Approved}
	require.Equal(t, http.StatusForbidden, place())
	require.Equal(t, http.StatusForbidden, release(id), "it is for another hold")
	require.Equal(t, http.StatusNotFound, release(newID()))
	agreed.found.Parameters["hold"] = id.String()
	require.Equal(t, http.StatusOK, release(id))
	require.Equal(t, []requests.HoldInput{{Approval: id, Items: []uuid.UUID{item}}, {Approval: id}}, carried)
	refused(t, s.support().do(t, post("/v1/privacy/holds", fmt.Sprintf(`{"approval":"%s"}`, id))), http.StatusForbidden, "forbidden")
}

func TestAPersonIsToldOfHoldsWithoutTheirNotes(t *testing.T) {
	s, r, _ := newRegister(t)
	hold := requests.ListedHold{
		Hold: requests.Hold{ID: newID(), Reason: "litigation", PlacedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Told: true}, Subject: newID(), Note: "The court wrote.",
	}
	secret := hold
	secret.ID, secret.Told = newID(), false
	r.holds = []requests.ListedHold{hold, secret}
	own := s.person().do(t, get("/v1/privacy/holds"))
	require.Len(t, decode[api.LegalHoldPage](t, own).Holds, 1)
	for _, word := range []string{"court", "subject", secret.ID.String()} {
		require.NotContains(t, own.Body.String(), word)
	}
	all := decode[api.LegalHoldPage](t, s.officer().do(t, get("/v1/privacy/holds")))
	require.Len(t, all.Holds, 2)
	require.Equal(t, "The court wrote.", all.Holds[0].Note)
	refused(t, s.support().do(t, get("/v1/privacy/holds")), http.StatusForbidden, "forbidden")
}

func TestSupportSeesLessThanOfficers(t *testing.T) {
	s, r, _ := newRegister(t)
	r.holds = []requests.ListedHold{{Hold: requests.Hold{ID: newID(), Reason: "litigation"}}}
	path := "/v1/privacy/people/" + newID().String()
	seen := decode[api.PersonView](t, s.support().do(t, get(path)))
	require.Equal(t, map[string]int{"messages": 3}, seen.Counts)
	require.Empty(t, seen.Holds)
	require.Len(t, decode[api.PersonView](t, s.officer().do(t, get(path))).Holds, 1)
	require.Equal(t, []string{"view by support, everything false", "view by privacy_officer, everything true"}, r.asked)
	for _, other := range []*person{s.person(), s.operator(), s.auditor()} {
		refused(t, other.do(t, get(path)), http.StatusForbidden, "forbidden")
	}
}
