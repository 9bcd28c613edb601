package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/api"
	"meai/api/client"
	"meai/internal/failure"
	"meai/internal/identity"
	"meai/workflows"
)

func TestMistakesAndOutages(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"no such column":         {&pgconn.PgError{Code: "42703"}, 500, "internal_error"},
		"constraint broken":      {&pgconn.PgError{Code: "23505"}, 500, "internal_error"},
		"keys of a known person": {failure.New(failure.KeyMissing, "lost", nil), 500, "internal_error"},
		"shutting down":          {&pgconn.PgError{Code: "57P01"}, 503, "unavailable"},
		"serialization failure":  {&pgconn.PgError{Code: "40001"}, 503, "unavailable"},
		"refused":                {errDown, 503, "unavailable"},
		"cut off":                {io.ErrUnexpectedEOF, 503, "unavailable"},
		"too slow":               {context.DeadlineExceeded, 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			p := newSite(t, func(o *api.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }).person()
			p.store.breaks(fmt.Errorf("read: %w", c.err))
			w := p.do(t, get("/v1/sessions/"+newID().String()))
			refused(t, w, c.status, c.code)
			require.NotContains(t, w.Body.String(), c.err.Error(), "the cause is for the log")
			require.Equal(t, 1, strings.Count(log.String(), c.err.Error()), "and there once")
		})
	}
}

// provider is an identity provider that does not answer.
type provider struct{}

func (provider) Authenticate(*http.Request) (identity.Caller, error) {
	return identity.Caller{}, errDown
}

func TestIdentityProviderDownIsNotTheCallersMistake(t *testing.T) {
	p := newSite(t, func(o *api.Options) { o.Auth = provider{} }).person()
	refused(t, p.do(t, post("/v1/sessions", "")), http.StatusServiceUnavailable, "unavailable")
}

func TestClientsThatHangUpAreNoFailures(t *testing.T) {
	var log bytes.Buffer
	p := newSite(t, func(o *api.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }).person()
	p.store.breaks(context.Canceled)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	p.server.ServeHTTP(httptest.NewRecorder(), p.request(get("/v1/sessions/"+newID().String())).WithContext(ctx))
	require.Contains(t, log.String(), `"status":499`)
	require.NotContains(t, log.String(), `"level":"ERROR"`)
}

func TestAcceptanceNeedsNoNote(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	p.store.failConfirm = errDown
	w := p.do(t, message(session, "k", calm))
	require.Equal(t, http.StatusAccepted, w.Code, "the start is durable, noted or not")
	said := decode[api.Interaction](t, w)
	require.Equal(t, api.InteractionStateAccepted, said.State)

	require.Equal(t, interaction.Received, p.store.state(said.Id))
	p.store.failConfirm = nil
	p.do(t, message(session, "k", calm))
	require.Equal(t, 2, p.engine.starts(), "without the note it is started again, which changes nothing")
	require.Equal(t, interaction.Accepted, p.store.state(said.Id))
}

func TestAnswerThatCannotBeReadBackIsReadLater(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	p.engine.wait = func(_ context.Context, in workflows.InteractionInput, _ time.Duration) (bool, error) {
		p.store.deliver(in.Ref.Interaction, in.Words, fullAnswer())
		return true, nil
	}
	p.store.failRead = errDown
	w := p.do(t, message(session, "k", calm).with("Prefer", "wait=1"))
	require.Equal(t, http.StatusAccepted, w.Code)
	said := decode[api.Interaction](t, w)
	p.store.failRead = nil
	require.Equal(t, http.StatusOK, p.do(t, get(said.Links.Response)).Code)
}

func TestClientTellsRefusalsApart(t *testing.T) {
	p := newSite(t).person()
	c := p.listen(t)
	unknown, err := c.GetSessionWithResponse(t.Context(), newID())
	require.NoError(t, err)
	var refusal *client.Refusal
	require.ErrorAs(t, client.Check(unknown.HTTPResponse, unknown.Body), &refusal)
	require.Equal(t, "not_found", refusal.Code)

	session, err := c.CreateSessionWithResponse(t.Context(), client.NewSession{})
	require.NoError(t, err)
	require.NoError(t, client.Check(session.HTTPResponse, session.Body))
	empty, err := c.AnalyzeEmotionWithResponse(t.Context(), client.AnalysisRequest{})
	require.NoError(t, err)
	err = client.Check(empty.HTTPResponse, empty.Body)
	require.ErrorContains(t, err, "422 invalid_request")
	require.ErrorContains(t, err, "body /text must have at least 1 character(s)")

	stream, err := c.StreamInteraction(t.Context(), session.JSON201.Id, newID(), &client.StreamInteractionParams{})
	require.NoError(t, err)
	for _, err := range client.Follow(stream) {
		require.ErrorAs(t, err, &refusal)
	}
	require.Equal(t, http.StatusNotFound, refusal.Status)
	plain := &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}}
	require.EqualError(t, client.Check(plain, []byte("<html>")), "status 502")
	require.False(t, errors.As(client.Check(plain, nil), &refusal))
}
