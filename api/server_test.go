package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"meai/api"
	"meai/workflows"
)

func TestRequiredOptions(t *testing.T) {
	_, err := api.New(api.Options{Store: newMemoryStore(), Engine: &engine{}})
	require.ErrorContains(t, err, "Auth")
}

func TestPanicIsAProblemAndKeepsItsValue(t *testing.T) {
	var log bytes.Buffer
	p := newSite(t, func(o *api.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }).person()
	session := p.begin(t)
	p.engine.wait = func(context.Context, workflows.InteractionInput, time.Duration) (bool, error) {
		panic("somebody's secret words")
	}
	w := p.do(t, message(session, "k", calm).with("Prefer", "wait=1"))
	refused(t, w, http.StatusInternalServerError, "internal_error")
	require.NotContains(t, w.Body.String(), "secret")
	require.NotContains(t, log.String(), "secret")
	require.Contains(t, log.String(), "TestPanicIsAProblem", "the stack is logged")
}

func TestLogsTracesAndMetricsNameRoutesOnly(t *testing.T) {
	var log bytes.Buffer
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	p := newSite(t, func(o *api.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		o.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	}).person()
	session := p.begin(t)
	p.do(t, message(session, "private-key", calm).with("Host", "attacker.example"))
	p.do(t, get("/v1/sessions/"+session.String()+"/interactions?limit=private"))
	w := p.do(t, get("/private/address"))
	p.do(t, get("/healthz"))

	var names []string
	for _, span := range spans.Ended() {
		names = append(names, span.Name())
	}
	require.Equal(t, []string{
		"POST /v1/sessions", "POST /v1/sessions/:session_id/interactions",
		"GET /v1/sessions/:session_id/interactions", "GET",
	}, names, "probes are not traced")
	last := spans.Ended()[3].SpanContext().TraceID().String()
	require.Equal(t, last, decode[api.Problem](t, w).TraceId)

	for _, secret := range []string{calm, "private", session.String(), p.subject.String(), "dev-"} {
		require.NotContains(t, log.String(), secret)
	}
	require.Equal(t, 5, strings.Count(log.String(), `"msg":"request"`))
	require.Contains(t, log.String(), `"route":"/v1/sessions/:session_id/interactions","status":202`)

	var metrics metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &metrics))
	encoded, err := json.Marshal(metrics)
	require.NoError(t, err)
	require.Contains(t, string(encoded), "http.server.request.duration")
	for _, label := range labels(metrics) {
		require.NotContains(t, label.Value.AsString(), "attacker")
		require.NotContains(t, label.Value.AsString(), session.String())
		require.NotContains(t, []attribute.Key{"url.path", "client.address", "server.port"}, label.Key)
	}
}

// TestRequestsThatWaitAreApart: they take as long as they are asked to.
func TestRequestsThatWaitAreApart(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	p := newSite(t, func(o *api.Options) {
		o.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	}).person()
	session := p.begin(t)
	marked := func() bool {
		var metrics metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(t.Context(), &metrics))
		return slices.Contains(labels(metrics), attribute.Bool("waited", true))
	}
	p.do(t, message(session, "at-once", calm))
	require.False(t, marked())
	p.do(t, message(session, "waits", calm).with("Prefer", "wait=1"))
	require.True(t, marked())
}

// labels is every label of the request durations.
func labels(metrics metricdata.ResourceMetrics) []attribute.KeyValue {
	var all []attribute.KeyValue
	for _, scope := range metrics.ScopeMetrics {
		for _, m := range scope.Metrics {
			if histogram, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for _, point := range histogram.DataPoints {
					all = append(all, point.Attributes.ToSlice()...)
				}
			}
		}
	}
	return all
}

func TestEveryResponseIsClosedToBrowsers(t *testing.T) {
	p := newSite(t).person()
	for _, path := range []string{"/healthz", "/nowhere", "/docs", "/openapi.yaml"} {
		h := p.do(t, get(path)).Header()
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), path)
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotEmpty(t, h.Get("X-Request-Id"), path)
	}
}

// serve runs the server as production does, on a free port.
func (s *site) serve(t *testing.T) (address string, stop func(context.Context) error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := s.server.HTTP(listener.Addr().String())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return listener.Addr().String(), server.Shutdown
}

func TestShutdownLeavesNobodyWaiting(t *testing.T) {
	s := newSite(t)
	p := s.person()
	session := p.begin(t)
	waiting := make(chan struct{})
	s.engine.wait = func(ctx context.Context, _ workflows.InteractionInput, _ time.Duration) (bool, error) {
		close(waiting)
		<-ctx.Done() // as the real one does, it gives up waiting and starts durably
		return false, nil
	}
	address, shutdown := s.serve(t)
	answered := make(chan int, 1)
	go func() {
		r := p.request(message(session, "k", calm).with("Prefer", "wait=60"))
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", address, ""
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- 0
			return
		}
		answered <- response.StatusCode
		if err := response.Body.Close(); err != nil {
			answered <- 0
		}
	}()
	<-waiting
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, shutdown(ctx))
	require.Equal(t, http.StatusAccepted, <-answered)
}

func TestSlowSenderIsCutOff(t *testing.T) {
	s := newSite(t)
	s.server.HurryBodies(50 * time.Millisecond)
	address, _ := s.serve(t)
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	_, err = io.WriteString(connection, "POST /v1/sessions HTTP/1.1\r\nHost: meai\r\nAuthorization: Bearer dev-"+newID().String()+
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(10*time.Second)))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	require.NoError(t, response.Body.Close())
}

func TestWaitingOutlastsTheTimeForBodies(t *testing.T) {
	s := newSite(t)
	p := s.person()
	s.server.HurryBodies(50 * time.Millisecond)
	session := p.begin(t)
	s.engine.wait = func(ctx context.Context, in workflows.InteractionInput, _ time.Duration) (bool, error) {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(200 * time.Millisecond):
			p.store.deliver(in.Ref.Interaction, in.Words, fullAnswer())
			return true, nil
		}
	}
	address, _ := s.serve(t)
	r := p.request(message(session, "k", calm).with("Prefer", "wait=5"))
	r.URL.Scheme, r.URL.Host, r.RequestURI = "http", address, ""
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusCreated, response.StatusCode)
}

func TestHangingUpLeavesNothingUnstarted(t *testing.T) {
	s := newSite(t)
	p := s.person()
	session := p.begin(t)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	r := p.request(message(session, "k", calm)).WithContext(ctx)
	p.server.ServeHTTP(&bin{}, r)
	require.Equal(t, 1, s.engine.starts(), "the message is there, so it is started")
}

// bin takes a response that nobody reads.
type bin struct{ header http.Header }

func (b *bin) Header() http.Header {
	if b.header == nil {
		b.header = http.Header{}
	}
	return b.header
}
func (b *bin) Write(p []byte) (int, error) { return len(p), nil }
func (b *bin) WriteHeader(int)             {}

func TestHealth(t *testing.T) {
	check := func(name string, required bool, err error) api.ReadyCheck {
		return api.ReadyCheck{Name: name, Required: required, Check: func(context.Context) error { return err }}
	}
	for name, c := range map[string]struct {
		ready  []api.ReadyCheck
		status int
		want   api.ReadinessStatus
	}{
		"all up":         {[]api.ReadyCheck{check("postgresql", true, nil), check("weaviate", false, nil)}, 200, "ready"},
		"optional down":  {[]api.ReadyCheck{check("postgresql", true, nil), check("weaviate", false, errDown)}, 200, "degraded"},
		"required down":  {[]api.ReadyCheck{check("weaviate", false, errDown), check("postgresql", true, errDown)}, 503, "unavailable"},
		"nothing to ask": {nil, 200, "ready"},
		"one that hangs": {[]api.ReadyCheck{{Name: "temporal", Required: true, Check: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}}, 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newSite(t, func(o *api.Options) { o.Ready = c.ready }).person()
			w := p.do(t, get("/readyz").with("Authorization", ""))
			require.Equal(t, c.status, w.Code)
			report := decode[api.Readiness](t, w)
			require.Equal(t, c.want, report.Status)
			require.Len(t, report.Checks, len(c.ready))
			require.NotContains(t, w.Body.String(), errDown.Error(), "why is for the log")
		})
	}
	p := newSite(t).person()
	health := decode[api.Health](t, p.do(t, get("/healthz").with("Authorization", "")))
	require.Equal(t, api.Health{Status: api.HealthStatusUp, Version: "test"}, health)
}

func TestPages(t *testing.T) {
	p := newSite(t, func(o *api.Options) {
		o.MetricsHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	}).person()
	require.Equal(t, "up 1\n", p.do(t, get("/metrics")).Body.String())

	source, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	require.Equal(t, string(source), p.do(t, get("/openapi.yaml")).Body.String())
	require.True(t, json.Valid(p.do(t, get("/openapi.json")).Body.Bytes()))

	docs := p.do(t, get("/docs"))
	require.Equal(t, http.StatusOK, docs.Code)
	require.Contains(t, docs.Body.String(), "swagger-ui-bundle.js")
	policy := docs.Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "script-src 'self' 'sha256-")
	require.Contains(t, policy, "style-src 'self' 'sha256-")
	require.NotContains(t, policy, "unsafe", "nothing inline but what is known by its hash")
	require.NotRegexp(t, `(src|href)="(https?:)?//`, docs.Body.String(), "nothing is loaded from elsewhere")
	require.Equal(t, http.StatusOK, p.do(t, get("/docs/swagger-ui-bundle.js")).Code)

	guide, err := os.ReadFile(filepath.Join("..", "docs", "api.md"))
	require.NoError(t, err)
	codes := api.Codes()
	slices.Sort(codes)
	for _, code := range codes {
		page := p.do(t, get("/problems/"+strings.ReplaceAll(code, "_", "-")))
		require.Equal(t, http.StatusOK, page.Code, code)
		require.Contains(t, page.Body.String(), "<code>"+code+"</code>")
		require.Contains(t, string(guide), "`"+code+"`", "docs/api.md explains every code")
	}
}
