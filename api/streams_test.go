package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/api"
	"meai/api/client"
)

func TestStreamsAreCapped(t *testing.T) {
	s := newSite(t, func(o *api.Options) { o.Streams = api.StreamLimits{Process: 3, Person: 2} })
	s.server.Quicken(time.Millisecond, time.Hour, time.Hour)
	anna, bert := s.person(), s.person()
	follow := func(p *person) (session, id uuid.UUID, c *client.ClientWithResponses) {
		session = p.begin(t)
		return session, p.accepted(t, session, calm).Id, p.listen(t)
	}
	open := func(c *client.ClientWithResponses, session, id uuid.UUID) (int, context.CancelFunc) {
		ctx, hangUp := context.WithCancel(t.Context())
		response, err := c.StreamInteraction(ctx, session, id, &client.StreamInteractionParams{})
		require.NoError(t, err)
		return response.StatusCode, func() { hangUp(); _ = response.Body.Close() } // the error is ours
	}
	session, id, c := follow(anna)
	status, hangUp := open(c, session, id)
	require.Equal(t, http.StatusOK, status)
	status, _ = open(c, session, id)
	require.Equal(t, http.StatusOK, status)
	path := "/v1/sessions/" + session.String() + "/interactions/" + id.String() + "/events"
	w := anna.do(t, get(path))
	refused(t, w, http.StatusTooManyRequests, "too_many_streams")
	require.NotEmpty(t, w.Header().Get("Retry-After"))

	theirs, said, other := follow(bert)
	status, _ = open(other, theirs, said)
	require.Equal(t, http.StatusOK, status, "others are not concerned")
	w = bert.do(t, get("/v1/sessions/"+theirs.String()+"/interactions/"+said.String()+"/events"))
	refused(t, w, http.StatusServiceUnavailable, "unavailable")
	require.NotEmpty(t, w.Header().Get("Retry-After"))

	hangUp()
	require.Eventually(t, func() bool {
		status, _ := open(c, session, id)
		return status == http.StatusOK
	}, 10*time.Second, 5*time.Millisecond, "a stream that ended leaves its place")
}

func TestAStreamRestsWhileNothingHappens(t *testing.T) {
	p := newSite(t).person()
	p.server.Quicken(10*time.Millisecond, time.Hour, time.Hour)
	p.server.Rest(10 * time.Second)
	session := p.begin(t)
	id := p.accepted(t, session, calm).Id
	events := follow(t, p.listen(t), session, id, -1)

	looks := p.store.watch()
	gap := func() time.Duration {
		at := <-looks
		return (<-looks).Sub(at)
	}
	require.Eventually(t, func() bool { return gap() > 150*time.Millisecond }, 30*time.Second, time.Millisecond, "it looks less and less often")
	p.store.step(id, interaction.EmotionalAnalysis, interaction.Started)
	nextStep(t, events)
	require.Eventually(t, func() bool { return gap() < 100*time.Millisecond }, time.Second, time.Millisecond, "and often again")
}

// watch tells the time of every look at an interaction from now on.
func (m *memoryStore) watch() <-chan time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	looks := make(chan time.Time, 10_000)
	m.looked = func() { looks <- time.Now() }
	return looks
}

func TestBrowsersMayCallFromKnownPagesOnly(t *testing.T) {
	preflight := func(origin string) call {
		return call{method: http.MethodOptions, path: "/v1/sessions"}.with("Origin", origin).
			with("Access-Control-Request-Method", "POST").with("Access-Control-Request-Headers", "authorization,content-type,idempotency-key").with("Authorization", "")
	}
	const app = "https://app.example"

	closed := newSite(t).person()
	require.Empty(t, closed.do(t, preflight(app)).Header().Get("Access-Control-Allow-Origin"), "off by default")
	require.Empty(t, closed.do(t, post("/v1/sessions", "").with("Origin", app)).Header().Get("Access-Control-Allow-Origin"))

	p := newSite(t, func(o *api.Options) { o.CORSOrigins = []string{app, "http://localhost:3000"} }).person()
	w := p.do(t, preflight(app))
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, app, w.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "Idempotency-Key")
	require.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "POST")
	require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"), "no cookies")
	require.Contains(t, w.Header().Values("Vary"), "Origin")

	w = p.do(t, post("/v1/sessions", "").with("Origin", app))
	require.Equal(t, http.StatusCreated, w.Code)
	require.Equal(t, app, w.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, w.Header().Get("Access-Control-Expose-Headers"), "RateLimit-Policy")

	for _, origin := range []string{"https://evil.example", "https://app.example.evil.example", "http://app.example", "https://app.example:444", "null", "HTTPS://APP.EXAMPLE"} {
		require.Empty(t, p.do(t, preflight(origin)).Header().Get("Access-Control-Allow-Origin"), origin)
		require.Empty(t, p.do(t, get("/healthz").with("Origin", origin)).Header().Get("Access-Control-Allow-Origin"), origin)
	}
	w = p.do(t, post("/v1/sessions", "").with("Origin", app).with("Authorization", ""))
	require.Equal(t, app, w.Header().Get("Access-Control-Allow-Origin"), "the page may read a problem, too")
}
