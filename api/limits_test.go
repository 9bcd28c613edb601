package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/truthfilter"
	"meai/api"
	"meai/internal/identity"
	"meai/internal/ratelimit"
	"meai/internal/ratelimit/ratelimittest"
)

// inDanger says what help has to answer.
const inDanger = "I want to kill myself tonight."

// limited is a site that holds its callers to few requests an hour, so that time
// gives nothing back within a test.
func limited(t testing.TB, change ...func(*api.Options)) (*site, *ratelimittest.Store) {
	t.Helper()
	store := &ratelimittest.Store{}
	limiter, err := ratelimit.New(ratelimit.Options{
		Store: store, Timeout: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
		Secret: func(context.Context) ([]byte, error) { return []byte("secret"), nil },
	})
	require.NoError(t, err)
	hourly := func(name string, quota int) ratelimit.Limit {
		return ratelimit.Limit{Name: name, Quota: quota, Window: time.Hour}
	}
	limits := func(o *api.Options) {
		o.Limits = &api.Limits{Limiter: limiter, Guesses: hourly("failed-logins", 3), Rates: []ratelimit.Limit{
			hourly("synthesis", 3), hourly("reading", 4), hourly("memory", 2), hourly("bridge", 2), hourly("mirror", 2), hourly("truthfilter", 2), hourly("account", 2)}}
	}
	return newSite(t, append([]func(*api.Options){limits}, change...)...), store
}

// TestEverySecuredOperationNamesItsLimit: a new one fails here until it does.
func TestEverySecuredOperationNamesItsLimit(t *testing.T) {
	doc, err := api.GetSpec()
	require.NoError(t, err)
	known := []string{"synthesis", "memory", "bridge", "mirror", "truthfilter", "reading", "account"}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			limit, named := op.Extensions["x-rate-limit"]
			if op.Security != nil && len(*op.Security) == 0 {
				require.False(t, named, "%s %s needs no token, so nobody is counted", method, path)
				continue
			}
			require.Contains(t, known, limit, "%s %s", method, path)
			require.Contains(t, op.Responses.Map(), "429", "%s %s", method, path)
		}
	}
}

func TestALimitThatTheContractNamesMustBeConfigured(t *testing.T) {
	s, _ := limited(t)
	require.NotNil(t, s)
	limiter, err := ratelimit.New(ratelimit.Options{Store: &ratelimittest.Store{}, Secret: func(context.Context) ([]byte, error) { return nil, nil }})
	require.NoError(t, err)
	_, err = api.New(api.Options{
		Store: newMemoryStore(), Engine: &engine{}, Auth: anyone{}, APIKeys: noKeys{}, Approvals: noApprovals{}, Escalations: noEscalations{}, Backups: &backupList{}, Feedback: noFeedback{}, Memories: noMemories{}, Graph: noGraph{}, Vault: noVault{}, Requests: noRequests{}, Exports: noExports{}, Erasures: noErasures{}, Consents: &agreeing{}, Resources: library{},
		Limits: &api.Limits{Limiter: limiter, Guesses: ratelimit.PerMinute("failed-logins", 1), Rates: []ratelimit.Limit{ratelimit.PerMinute("synthesis", 1)}},
	})
	require.ErrorContains(t, err, "has no rate")
}

func TestHeadersTellWhatIsLeft(t *testing.T) {
	s, _ := limited(t)
	p := s.person()
	for left := 2; left >= 0; left-- {
		w := p.do(t, post("/v1/sessions", ""))
		require.Equal(t, http.StatusCreated, w.Code)
		require.Equal(t, `"synthesis";q=3;w=3600`, w.Header().Get("RateLimit-Policy"))
		require.Regexp(t, regexp.MustCompile(`^"synthesis";r=`+strconv.Itoa(left)+`;t=1(200|19\d\d)$`), w.Header().Get("RateLimit"))
	}
	w := p.do(t, post("/v1/sessions", ""))
	refused(t, w, http.StatusTooManyRequests, "rate_limited")
	require.Regexp(t, `^"synthesis";r=0;t=(1200|11\d\d)$`, w.Header().Get("RateLimit"))
	wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, 1200, wait, 60)
	require.Len(t, s.store.sessions, 3, "nothing of it was stored")

	require.Equal(t, http.StatusCreated, s.person().do(t, post("/v1/sessions", "")).Code, "others are not concerned")
	require.Empty(t, p.do(t, get("/healthz")).Header().Get("RateLimit-Policy"))
}

func TestLimitsAreApart(t *testing.T) {
	s, _ := limited(t)
	p := s.person()
	session := p.begin(t)
	p.engine.mirror = mirror.Analysis{Kind: mirror.Expression, Crisis: crisis.Assessment{Severity: crisis.None}}
	calls := map[string]call{
		"memory":      post("/v1/memory/query", `{"query":"a"}`),
		"bridge":      post("/v1/bridge/resources/search", `{"topic":"a"}`),
		"mirror":      post("/v1/mirror/emotional-analysis", `{"text":"a"}`),
		"truthfilter": post("/v1/truthfilter/assessments", `{"text":"a"}`),
	}
	p.engine.judged.Judgement.Verdict = truthfilter.Pass
	for name, c := range calls {
		for range 2 {
			w := p.do(t, c)
			require.Equal(t, http.StatusOK, w.Code, "%s %s", name, w.Body)
			require.Equal(t, `"`+name+`";q=2;w=3600`, w.Header().Get("RateLimit-Policy"))
		}
		refused(t, p.do(t, c), http.StatusTooManyRequests, "rate_limited")
	}
	require.Equal(t, http.StatusOK, p.do(t, get("/v1/sessions/"+session.String())).Code)
}

func TestWhatIsRefusedOrRepeatedCounts(t *testing.T) {
	s, _ := limited(t)
	p := s.person()
	session := p.begin(t)
	require.Equal(t, http.StatusAccepted, p.do(t, message(session, "k", calm)).Code)
	require.Equal(t, http.StatusAccepted, p.do(t, message(session, "k", calm)).Code, "the same again")
	refused(t, p.do(t, message(session, "k", calm)), http.StatusTooManyRequests, "rate_limited")

	p = s.person()
	for range 2 {
		require.Equal(t, http.StatusBadRequest, p.do(t, post("/v1/memory/query", "{")).Code)
	}
	refused(t, p.do(t, post("/v1/memory/query", "{")), http.StatusTooManyRequests, "rate_limited")
}

func TestInDangerHelpComesWithARefusalToo(t *testing.T) {
	s, store := limited(t)
	p := s.person()
	session := p.begin(t)
	p.do(t, message(session, "1", calm))
	p.do(t, message(session, "2", calm))
	problem := refused(t, p.do(t, message(session, "3", inDanger)), http.StatusTooManyRequests, "rate_limited")
	require.NotNil(t, problem.Safety)
	require.NotEmpty(t, problem.Safety.Text)
	require.Nil(t, refused(t, p.do(t, message(session, "3", calm)), http.StatusTooManyRequests, "rate_limited").Safety)

	// What is wrong with the message besides takes nothing away.
	broken := message(session, "4", inDanger)
	broken.body += "{"
	require.NotNil(t, refused(t, p.do(t, broken), http.StatusTooManyRequests, "rate_limited").Safety)

	store.Breaks(errDown)
	problem = refused(t, s.person().do(t, message(session, "5", inDanger)), http.StatusServiceUnavailable, "unavailable")
	require.NotNil(t, problem.Safety)
}

func TestAFloodIsNotLookedThrough(t *testing.T) {
	s, _ := limited(t)
	p := s.person()
	session := p.begin(t)
	p.do(t, message(session, "1", calm))
	p.do(t, message(session, "2", calm))
	helped := 0
	for range 50 {
		if refused(t, p.do(t, message(session, "3", inDanger)), http.StatusTooManyRequests, "rate_limited").Safety != nil {
			helped++
		}
	}
	require.GreaterOrEqual(t, helped, 10)
	require.LessOrEqual(t, helped, 20, "one more every three seconds")

	other := s.person()
	session = other.begin(t)
	other.do(t, message(session, "1", calm))
	other.do(t, message(session, "2", calm))
	problem := refused(t, other.do(t, message(session, "3", inDanger)), http.StatusTooManyRequests, "rate_limited")
	require.NotNil(t, problem.Safety, "others are not concerned")
}

func TestWithoutTheLimiterReadsGoOnAndWritesWait(t *testing.T) {
	for name, outage := range map[string]func(*ratelimittest.Store){
		"failing": func(m *ratelimittest.Store) { m.Breaks(errDown) },
		"hanging": (*ratelimittest.Store).Hangs,
	} {
		t.Run(name, func(t *testing.T) {
			s, store := limited(t)
			p := s.person()
			session := p.begin(t)
			outage(store)
			w := p.do(t, get("/v1/sessions/"+session.String()))
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, `"reading";q=4;w=3600`, w.Header().Get("RateLimit-Policy"))
			require.Empty(t, w.Header().Get("RateLimit"), "what is left is not known")
			w = p.do(t, message(session, "k", calm))
			refused(t, w, http.StatusServiceUnavailable, "unavailable")
			require.Equal(t, "1", w.Header().Get("Retry-After"))
			require.Zero(t, p.engine.starts())
		})
	}
}

func TestAKeyOfItsOwnLimitCountsInBoth(t *testing.T) {
	own := ratelimit.Limit{Name: "key", Quota: 2, Window: time.Hour}
	s, _ := limited(t, func(o *api.Options) {
		o.Limits.Counts = func(c identity.Caller, l ratelimit.Limit) []api.Count {
			return []api.Count{{ID: []byte("this key"), Limit: own}, {ID: c.Subject[:], Limit: l}}
		}
	})
	p := s.person()
	w := p.do(t, post("/v1/sessions", ""))
	require.Equal(t, `"key";q=2;w=3600, "synthesis";q=3;w=3600`, w.Header().Get("RateLimit-Policy"))
	require.Regexp(t, `^"key";r=1;t=\d+, "synthesis";r=2;t=\d+$`, w.Header().Get("RateLimit"))
	p.do(t, post("/v1/sessions", ""))
	w = p.do(t, post("/v1/sessions", ""))
	refused(t, w, http.StatusTooManyRequests, "rate_limited")
	require.Regexp(t, `^"key";r=0;t=\d+$`, w.Header().Get("RateLimit"), "the one that is used up")
}

// from sends a request from an address.
func (p *person) from(address string, c call) *httptest.ResponseRecorder {
	r := p.request(c)
	r.RemoteAddr = address
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	return w
}

func TestGuessingTokensIsStopped(t *testing.T) {
	s, store := limited(t)
	p := s.person()
	session := p.begin(t)
	guess := post("/v1/sessions", `{}`).with("Authorization", "Bearer guess")
	for range 3 {
		refused(t, p.from("192.0.2.1:1000", guess), http.StatusUnauthorized, "unauthenticated")
	}
	w := p.from("192.0.2.1:1001", guess)
	refused(t, w, http.StatusTooManyRequests, "too_many_failed_logins")
	require.NotEmpty(t, w.Header().Get("Retry-After"))

	asked := store.Taken()
	refused(t, p.from("192.0.2.1:1002", guess), http.StatusTooManyRequests, "too_many_failed_logins")
	refused(t, p.from("192.0.2.1:1003", post("/v1/sessions", "{}")), http.StatusTooManyRequests, "too_many_failed_logins")
	require.Equal(t, asked, store.Taken(), "neither the token nor the limiter's store is looked at")

	// A neighbour in danger, whose token would have been fine, gets help.
	blocked := p.from("192.0.2.1:1004", message(session, "k", inDanger))
	require.NotNil(t, refused(t, blocked, http.StatusTooManyRequests, "too_many_failed_logins").Safety)

	require.Equal(t, http.StatusCreated, p.from("192.0.2.2:1000", post("/v1/sessions", "{}")).Code, "other addresses are not concerned")
	require.Equal(t, http.StatusOK, p.from("192.0.2.1:1005", get("/healthz")).Code)
}

func TestWhatIsNoGuess(t *testing.T) {
	s, _ := limited(t)
	p := s.person()
	for range 5 {
		refused(t, p.from("192.0.2.1:1", post("/v1/sessions", "{}").with("Authorization", "")), http.StatusUnauthorized, "unauthenticated")
		p.from("192.0.2.1:1", post("/v1/memory/query", "{"))
	}
	require.Equal(t, http.StatusCreated, p.from("192.0.2.1:1", post("/v1/sessions", "{}")).Code)

	down, store := limited(t, func(o *api.Options) { o.Auth = brokenProvider{} })
	for range 5 {
		refused(t, down.person().from("192.0.2.1:1", post("/v1/sessions", "{}")), http.StatusServiceUnavailable, "unavailable")
	}
	require.Zero(t, store.Taken(), "an identity provider that does not answer is not the caller's guess")
}

type brokenProvider struct{}

func (brokenProvider) Authenticate(*http.Request) (identity.Caller, error) {
	return identity.Caller{}, errors.New("connection refused")
}

func TestWhoseAddressCounts(t *testing.T) {
	proxies := func(networks ...string) func(*api.Options) {
		return func(o *api.Options) {
			for _, n := range networks {
				o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(n))
			}
		}
	}
	for name, c := range map[string]struct {
		trusted      []string
		first, other string // peers
		forwarded    [2]string
		same         bool
	}{
		"ports do not matter":                      {first: "192.0.2.1:1", other: "192.0.2.1:2", same: true},
		"addresses do":                             {first: "192.0.2.1:1", other: "192.0.2.2:1"},
		"one customer has a /64":                   {first: "[2001:db8::1]:1", other: "[2001:db8::ffff:2]:1", same: true},
		"the next /64 is somebody else's":          {first: "[2001:db8::1]:1", other: "[2001:db8:0:1::1]:1"},
		"IPv4 in IPv6 is IPv4":                     {first: "192.0.2.1:1", other: "[::ffff:192.0.2.1]:1", same: true},
		"the header of a stranger is ignored":      {first: "192.0.2.1:1", other: "192.0.2.1:1", forwarded: [2]string{"203.0.113.1", "203.0.113.2"}, same: true},
		"the header of a private peer is as well":  {trusted: []string{"198.51.100.0/24"}, first: "10.0.0.1:1", other: "10.0.0.1:1", forwarded: [2]string{"203.0.113.1", "203.0.113.2"}, same: true},
		"a trusted proxy names the client":         {trusted: []string{"10.0.0.0/8"}, first: "10.0.0.1:1", other: "10.0.0.1:1", forwarded: [2]string{"203.0.113.1", "203.0.113.2"}},
		"by what it has added itself":              {trusted: []string{"10.0.0.0/8"}, first: "10.0.0.1:1", other: "10.0.0.2:1", forwarded: [2]string{"1.1.1.1, 203.0.113.1", "2.2.2.2, 203.0.113.1"}, same: true},
		"through several, each of them trusted":    {trusted: []string{"10.0.0.0/8"}, first: "10.0.0.1:1", other: "10.0.0.1:1", forwarded: [2]string{"203.0.113.1, 10.9.9.9", "203.0.113.2, 10.9.9.9"}},
		"a header that is no address says nothing": {trusted: []string{"10.0.0.0/8"}, first: "10.0.0.1:1", other: "10.0.0.1:1", forwarded: [2]string{"x", "y"}, same: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := limited(t, proxies(c.trusted...))
			p := s.person()
			guess := get("/v1/sessions/x").with("Authorization", "Bearer guess").with("X-Forwarded-For", c.forwarded[0])
			for range 4 {
				p.from(c.first, guess)
			}
			guess.headers.Set("X-Forwarded-For", c.forwarded[1])
			w := p.from(c.other, guess)
			require.Equal(t, c.same, w.Code == http.StatusTooManyRequests, "%d %s", w.Code, w.Body)
		})
	}
}
