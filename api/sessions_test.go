package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/api"
	"meai/internal/failure"
)

func TestSessionLives(t *testing.T) {
	p := newSite(t, func(o *api.Options) { o.SessionLifetime = 30 * time.Minute }).person()

	w := p.do(t, post("/v1/sessions", `{"device":"phone"}`))
	require.Equal(t, http.StatusCreated, w.Code)
	session := decode[api.Session](t, w)
	require.Equal(t, "/v1/sessions/"+session.Id.String(), w.Header().Get("Location"))
	require.Equal(t, "phone", session.Device)
	require.Equal(t, api.SessionStateActive, session.State)
	require.Equal(t, 30*time.Minute, session.ExpiresAt.Sub(session.CreatedAt))
	require.Equal(t, time.UTC, session.CreatedAt.Location())
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"), "personal responses are not kept by anyone")

	w = p.do(t, get(session.Links.Self))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, session.Id, decode[api.Session](t, w).Id)

	first := decode[api.Session](t, p.do(t, post(session.Links.Self+"/end", "")))
	require.Equal(t, api.SessionStateEnded, first.State)
	again := decode[api.Session](t, p.do(t, post(session.Links.Self+"/end", "")))
	require.Equal(t, first.EndedAt, again.EndedAt, "ending twice changes nothing")
}

func TestSomebodyElsesSessionDoesNotExist(t *testing.T) {
	s := newSite(t)
	anna, ben := s.person(), s.person()
	session := anna.begin(t)
	said := anna.accepted(t, session, "Only for me.")
	for _, c := range []call{
		get("/v1/sessions/" + session.String()),
		post("/v1/sessions/"+session.String()+"/end", ""),
		get("/v1/sessions/" + session.String() + "/interactions"),
		message(session, "k", "hello"),
		get(said.Links.Self), get(said.Links.Status), get(said.Links.Response), get(said.Links.Events),
	} {
		refused(t, ben.do(t, c), http.StatusNotFound, "not_found")
	}
	require.Equal(t, 1, s.store.count())
}

func TestErasureRefusesEverything(t *testing.T) {
	p := newSite(t).person()
	p.store.breaks(failure.New(failure.SubjectInactive, "erasure began", nil))
	refused(t, p.do(t, post("/v1/sessions", "")), http.StatusForbidden, "person_erased")
	p.store.breaks(failure.New(failure.KeyDestroyed, "gone", nil))
	refused(t, p.do(t, get("/v1/sessions/"+newID().String())), http.StatusForbidden, "person_erased")
}
