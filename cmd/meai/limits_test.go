package main_test

import (
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
	"meai/internal/enginetest"
)

const desperate = "I want to kill myself tonight."

// refusal sends a message that is refused and returns the problem.
func (p *person) refusal(t *testing.T, text string, status int) client.Problem {
	t.Helper()
	got, err := p.say(t.Context(), uuid.NewString(), text, "")
	require.NoError(t, err)
	require.Equal(t, status, got.StatusCode(), "%s", got.Body)
	wait, err := strconv.Atoi(got.HTTPResponse.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
	switch status {
	case http.StatusTooManyRequests:
		return *got.ApplicationproblemJSON429
	default:
		return *got.ApplicationproblemJSON503
	}
}

func TestProcessesShareTheLimits(t *testing.T) {
	for name, store := range map[string]func(t *testing.T) string{
		"in PostgreSQL": func(*testing.T) string { return "" },
		"in Redis":      func(t *testing.T) string { return enginetest.NewRedis(t).URL },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "MEAI_LIMITS_SYNTHESIS=5", "MEAI_LIMITS_REDIS_URL="+store(t))
			_, one := s.serve(t, "api")
			_, two := s.beside(t, one, "api")
			p := newPerson(t, one)
			p.begin(t)
			both, accepted := []*person{p, p.at(t, two)}, 0
			begin := time.Now()
			for n := range 20 {
				got, err := both[n%2].say(t.Context(), uuid.NewString(), "I feel calm.", "")
				require.NoError(t, err)
				if got.StatusCode() == http.StatusAccepted {
					accepted++
				}
			}
			givenBack := int(time.Since(begin)/(12*time.Second)) + 1
			require.LessOrEqual(t, accepted, 4+givenBack, "one of five is the session")
			require.GreaterOrEqual(t, accepted, 4)

			problem := both[1].refusal(t, desperate, http.StatusTooManyRequests)
			require.Equal(t, "rate_limited", problem.Code)
			require.NotEmpty(t, problem.Safety.Text, "help comes all the same")
			q, err := p.api.GetSessionWithResponse(t.Context(), p.session)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, q.StatusCode(), "reading has a limit of its own")
		})
	}
}

func TestAnOutageOfTheLimiterAlone(t *testing.T) {
	redis := enginetest.NewRedis(t)
	_, base := newSite(t, "MEAI_LIMITS_REDIS_URL="+redis.URL).serve(t, "api")
	p := newPerson(t, base)
	p.begin(t)
	require.Regexp(t, `meai_rate_limit_decisions_total\{[^}]*limit="synthesis"[^}]*outcome="allowed"[^}]*\} 1\n`, page(t, base+"/metrics"))

	redis.Kill(t)
	got, err := p.api.GetSessionWithResponse(t.Context(), p.session)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.StatusCode(), "reads go through")
	problem := p.refusal(t, desperate, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", problem.Code)
	require.NotEmpty(t, problem.Safety.Text)
	metrics := page(t, base+"/metrics")
	require.Regexp(t, `meai_rate_limit_decisions_total\{[^}]*limit="reading"[^}]*outcome="failed_open"[^}]*\} 1\n`, metrics)
	require.Regexp(t, `meai_rate_limit_decisions_total\{[^}]*limit="synthesis"[^}]*outcome="failed_closed"[^}]*\} 1\n`, metrics)

	redis.Start(t)
	require.Eventually(t, func() bool {
		got, err := p.say(t.Context(), uuid.NewString(), "I feel calm.", "")
		return err == nil && got.StatusCode() == http.StatusAccepted
	}, within, 50*time.Millisecond, "it connects again by itself")
}

func page(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body)
}
