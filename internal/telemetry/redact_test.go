package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	temporallog "go.temporal.io/sdk/log"

	"meai/internal/failure"
)

const secret = "Qorvexalith"

// logged returns what a JSON logger at the finest level writes.
func logged(t testing.TB, write func(*slog.Logger)) string {
	t.Helper()
	var out bytes.Buffer
	logger, err := newLogger(&out, Options{Service: "meai-test", LogLevel: "debug", LogFormat: "json"})
	require.NoError(t, err)
	write(logger)
	return out.String()
}

// confession is a value that tells its secret in every way that a logger may ask.
type confession struct{ Text string }

func (c confession) String() string                { return c.Text }
func (c confession) MarshalJSON() ([]byte, error)  { return json.Marshal(c.Text) }
func (c confession) MarshalText() ([]byte, error)  { return []byte(c.Text), nil }
func (c confession) Error() string                 { return "cannot read " + `"` + c.Text + `"` }
func (c confession) Format(s fmt.State, verb rune) { _, _ = io.WriteString(s, c.Text) }

type lazy struct{ value slog.Value }

func (l lazy) LogValue() slog.Value { return l.value }

type words string

func TestWordsDoNotGetIntoTheLog(t *testing.T) {
	quote := "I told " + secret + " that I am sad"
	for name, write := range map[string]func(*slog.Logger){
		"a new key":          func(l *slog.Logger) { l.Info("analysed", "input", secret) },
		"a new key, typed":   func(l *slog.Logger) { l.Info("analysed", slog.String("emotion", secret)) },
		"a string type":      func(l *slog.Logger) { l.Info("analysed", "theme", words(secret)) },
		"a struct":           func(l *slog.Logger) { l.Info("analysed", "step", struct{ Text string }{secret}) },
		"a pointer":          func(l *slog.Logger) { l.Info("analysed", "step", &confession{secret}) },
		"a stringer":         func(l *slog.Logger) { l.Info("analysed", "step", confession{secret}) },
		"bytes":              func(l *slog.Logger) { l.Info("analysed", "code", []byte(secret)) },
		"a slice":            func(l *slog.Logger) { l.Info("analysed", "code", []string{secret}) },
		"a map":              func(l *slog.Logger) { l.Info("analysed", "code", map[string]any{secret: secret}) },
		"raw JSON":           func(l *slog.Logger) { l.Info("analysed", "code", json.RawMessage(`"`+secret+`"`)) },
		"a value that waits": func(l *slog.Logger) { l.Info("analysed", "text", lazy{slog.StringValue(secret)}) },
		"a group":            func(l *slog.Logger) { l.Info("analysed", slog.Group("input", "text", secret)) },
		"a group that waits": func(l *slog.Logger) {
			l.Info("analysed", "x", lazy{slog.GroupValue(slog.String("text", secret))})
		},
		"a group in a group": func(l *slog.Logger) {
			l.Info("analysed", slog.Group("a", slog.Group("b", slog.Any("c", lazy{slog.AnyValue(confession{secret})}))))
		},
		"a logger's own":         func(l *slog.Logger) { l.With("person", secret).Info("analysed") },
		"a logger's group":       func(l *slog.Logger) { l.WithGroup("input").With("text", secret).Info("analysed", "more", secret) },
		"a key that is no key":   func(l *slog.Logger) { l.Info("analysed", []any{secret}...) },
		"a message that quotes":  func(l *slog.Logger) { l.Info(fmt.Sprintf("cannot read %q", secret)) },
		"a message of prose":     func(l *slog.Logger) { l.Info(quote) },
		"an error that quotes":   func(l *slog.Logger) { l.Warn("failed", "error", fmt.Errorf("parse %q: %w", secret, io.EOF)) },
		"an error of prose":      func(l *slog.Logger) { l.Warn("failed", "error", errors.New("cannot embed: "+quote)) },
		"an error under any key": func(l *slog.Logger) { l.Warn("failed", "route", confession{secret}) },
		"a provider's answer": func(l *slog.Logger) {
			l.Warn("failed", "error", errors.New(`400 Bad Request {"error": {"message": "cannot embed `+secret+`"}}`))
		},
		"a URL": func(l *slog.Logger) {
			l.Warn("failed", "error", errors.New("get http://host/search?q="+secret+": EOF"))
		},
		"an e-mail": func(l *slog.Logger) { l.Warn("failed", "error", errors.New("no account "+secret+"@example.org")) },
		"a typed error": func(l *slog.Logger) {
			l.Warn("failed", "error", failure.New(failure.InvalidInput, "bad “"+secret+"”", nil))
		},
		"joined errors":  func(l *slog.Logger) { l.Warn("failed", "error", errors.Join(io.EOF, errors.New(quote))) },
		"an open quote":  func(l *slog.Logger) { l.Warn("failed", "error", errors.New(`unexpected end of "`+secret)) },
		"quotes in turn": func(l *slog.Logger) { l.Warn("failed", "error", errors.New(`read "a \" `+secret+`" b`)) },
		"a panic's value": func(l *slog.Logger) {
			l.Error("panic", "stack", "panic: "+secret+" [recovered]\n\n"+secret+".x(1)\n"+string(debug.Stack()), "PanicError", quote)
		},
		"Temporal's logger": func(l *slog.Logger) {
			temporallog.NewStructuredLogger(l).Error("Activity panic.", "ActivityType", "mirror.Analyze", "PanicError", confession{secret}, "Payload", secret)
		},
		"Temporal's logger, with": func(l *slog.Logger) {
			temporallog.With(temporallog.NewStructuredLogger(l), "Input", secret).Warn("Activity error.", "Error", errors.New(quote))
		},
		"the HTTP server's log": func(l *slog.Logger) {
			slog.NewLogLogger(l.Handler(), slog.LevelDebug).Printf("http: panic serving 127.0.0.1:1: %s\n%s", quote, debug.Stack())
		},
	} {
		t.Run(name, func(t *testing.T) {
			line := logged(t, write)
			require.NotEmpty(t, line, "the line itself is kept")
			require.NotContains(t, line, secret)
		})
	}
}

func TestOperatorsStillLearnWhatTheyNeed(t *testing.T) {
	id := uuid.MustParse("0198c3a4-7d11-7c5e-9d2a-111111111111")
	for name, c := range map[string]struct {
		write func(*slog.Logger)
		want  string
	}{
		"a code":       {func(l *slog.Logger) { l.Info("request", "code", "idempotency_conflict") }, `"code":"idempotency_conflict"`},
		"a route":      {func(l *slog.Logger) { l.Info("request", "route", "/v1/sessions/:session_id") }, `"route":"/v1/sessions/:session_id"`},
		"an id":        {func(l *slog.Logger) { l.Info("request", "anything", id) }, `"anything":"` + id.String() + `"`},
		"a text id":    {func(l *slog.Logger) { l.Info("request", "anything", id.String()) }, `"anything":"` + id.String() + `"`},
		"a number":     {func(l *slog.Logger) { l.Info("request", "anything", 7, "more", 1.5) }, `"anything":7,"more":1.5`},
		"a duration":   {func(l *slog.Logger) { l.Info("request", "anything", time.Second) }, `"anything":1000000000`},
		"an enum":      {func(l *slog.Logger) { l.Info("request", "anything", slog.LevelWarn) }, `"anything":"WARN"`},
		"a withheld":   {func(l *slog.Logger) { l.Info("request", "mood", "glad") }, `"mood":"[withheld: 4 bytes]"`},
		"a withheld T": {func(l *slog.Logger) { l.Info("request", "mood", []string{"glad"}) }, `"mood":"[withheld: []string]"`},
		"an error": {func(l *slog.Logger) {
			l.Warn("recall goes by words alone", "error", fmt.Errorf("embedding 2 texts with openai:x: %w", errors.New("dial tcp 127.0.0.1:80: connect: connection refused")))
		}, `"error":"embedding 2 texts with openai:x: dial tcp 127.0.0.1:80: connect: connection refused"`},
		"a database's error": {func(l *slog.Logger) {
			l.Warn("failed", "error", errors.New(`ERROR: duplicate key value violates unique constraint "sessions_pkey" (SQLSTATE 23505)`))
		}, `"error":"ERROR: duplicate key value violates unique constraint [withheld] (SQLSTATE 23505)"`},
		"an apostrophe": {func(l *slog.Logger) { l.Warn("the bucket doesn't answer; isn't it there") }, `"msg":"the bucket doesn't answer; isn't it there"`},
		"Temporal's": {func(l *slog.Logger) {
			temporallog.NewStructuredLogger(l).Info("Started Worker", "Namespace", "meai", "TaskQueue", "mirror", "WorkerID", "1@host@", "Attempt", 1)
		}, `"Namespace":"meai","TaskQueue":"mirror","WorkerID":"1@host@","Attempt":1`},
		"a stack": {func(l *slog.Logger) { l.Error("panic", "stack", string(debug.Stack())) }, "TestOperatorsStillLearnWhatTheyNeed"},
	} {
		t.Run(name, func(t *testing.T) { require.Contains(t, logged(t, c.write), c.want) })
	}
}

func TestAStackKeepsItsFrames(t *testing.T) {
	all := string(debug.Stack())
	require.Equal(t, all, frames(all))
}

// TestQuotedTextNeverPasses quotes random texts, with everything in them that
// opens, closes or escapes.
func TestQuotedTextNeverPasses(t *testing.T) {
	alphabet := []rune("ab '`{}()[]<>“”«»‘’„:;.,?!@=/é\n\t")
	source := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var inside strings.Builder
		for range source.IntN(30) {
			inside.WriteRune(alphabet[source.IntN(len(alphabet))])
		}
		quoted := secret + inside.String()
		for _, text := range []string{"read %q: EOF", "a 'b' %q {c}", `{"x": %q}`, "it's %q"} {
			require.NotContains(t, scrub(fmt.Sprintf(text, quoted)), secret, "%q in %s", quoted, text)
		}
		once := scrub(inside.String())
		if clean(inside.String()) {
			require.Equal(t, inside.String(), once, "what is called clean is passed as it is")
		}
	}
}

func TestSpansLeaveWithoutWords(t *testing.T) {
	memory := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(safeExporter{memory}))
	_, span := tracers.Tracer("test").Start(context.Background(), "POST /v1/sessions")
	span.SetAttributes(attribute.String("url.path", "/v1/"+secret), attribute.String("user_agent.original", secret),
		attribute.String("http.route", "/v1/sessions"), attribute.Int("http.response.status_code", 404))
	span.RecordError(fmt.Errorf("parse %q: %w", secret, io.EOF))
	span.AddEvent("seen", trace.WithAttributes(attribute.String("text", secret)))
	span.SetStatus(codes.Error, `cannot read "`+secret+`"`)
	span.End()

	spans := memory.GetSpans()
	require.Len(t, spans, 1)
	require.NotContains(t, fmt.Sprintf("%+v", spans), secret)
	require.ElementsMatch(t, []attribute.KeyValue{
		attribute.String("http.route", "/v1/sessions"), attribute.Int("http.response.status_code", 404),
	}, spans[0].Attributes)
	require.Equal(t, "cannot read [withheld]", spans[0].Status.Description)
	require.Contains(t, spans[0].Events[0].Attributes, attribute.String("exception.message", "parse [withheld]: EOF"))
}

func BenchmarkLog(b *testing.B) {
	line := func(l *slog.Logger) {
		l.LogAttrs(context.Background(), slog.LevelInfo, "request",
			slog.String("method", "POST"), slog.String("route", "/v1/sessions/:session_id/interactions"),
			slog.Int("status", 201), slog.Int64("bytes", 2048), slog.Float64("ms", 12.5),
			slog.String("request_id", "0198c3a4-7d11-7c5e-9d2a-111111111111"))
	}
	failed := errors.New("dial tcp 127.0.0.1:80: connect: connection refused")
	for name, h := range map[string]slog.Handler{
		"bare": slog.NewJSONHandler(io.Discard, nil), "redacted": redacted{slog.NewJSONHandler(io.Discard, nil)},
	} {
		l := slog.New(h)
		b.Run("request/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				line(l)
			}
		})
		b.Run("error/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Warn("dependency is down", "dependency", "weaviate", "error", failed)
			}
		})
	}
}
