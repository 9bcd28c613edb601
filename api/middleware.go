package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// responseTimeout bounds a whole response other than an event stream: the longest
// wait and some time to write.
const responseTimeout = maxWait + 30*time.Second

// telemetry wraps the server in a span and the metrics of each request.
func telemetry(next http.Handler, o Options) http.Handler {
	options := []otelhttp.Option{
		// The Host header is the caller's to choose and must not become a label.
		otelhttp.WithServerName("meai:80"),
		otelhttp.WithFilter(func(r *http.Request) bool { return !probe(r.URL.Path) }),
	}
	if o.TracerProvider != nil {
		options = append(options, otelhttp.WithTracerProvider(o.TracerProvider))
	}
	if o.MeterProvider != nil {
		options = append(options, otelhttp.WithMeterProvider(o.MeterProvider))
	}
	return otelhttp.NewHandler(next, "http", options...)
}

// probe reports whether machines ask for this address every few seconds.
func probe(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/metrics"
}

// nameRoute tells the span and the metrics which route this is; ids stay out of names.
func nameRoute(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Path() != "" {
			r := c.Request()
			r.Pattern = c.Path() // otelhttp reads it afterwards
			trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("http.route", r.Pattern))
			noteWait(r)
		}
		return next(c)
	}
}

// noteWait marks the metrics of a request that takes long because it was asked to: its
// duration says how long a person's answer took, or how long a stream was open, and nothing
// of the API.
func noteWait(r *http.Request) {
	prefer := r.Header.Get("Prefer")
	if preferredWait(&prefer) == 0 && !strings.HasSuffix(r.Pattern, "/events") {
		return
	}
	if labeler, found := otelhttp.LabelerFromContext(r.Context()); found {
		labeler.Add(attribute.Bool("waited", true))
	}
}

// route is the address as registered, never as asked for.
func route(c echo.Context) string {
	if path := c.Path(); path != "" {
		return path
	}
	return "unmatched"
}

// assignRequestID gives each request an id of our own; a caller's could hold anything.
func assignRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make a request id: %w", err)
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id.String())
		return next(c)
	}
}

// logAccess writes one line for each request: no addresses as asked for, no
// queries, no bodies. It has errors answered first, so that the status is known.
func logAccess(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			begin := time.Now()
			if err := next(c); err != nil {
				c.Error(err)
			}
			level := slog.LevelInfo
			if probe(c.Path()) {
				level = slog.LevelDebug
			}
			line := []slog.Attr{
				slog.String("method", c.Request().Method), slog.String("route", route(c)),
				slog.Int("status", c.Response().Status), slog.Int64("bytes", c.Response().Size),
				slog.Float64("ms", float64(time.Since(begin).Microseconds())/1000),
				slog.String("request_id", c.Response().Header().Get(echo.HeaderXRequestID)),
			}
			switch c.Response().Status {
			case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
				line = append(line, slog.String("stream", "security")) // kept apart, and longer
			}
			log.LogAttrs(c.Request().Context(), level, "request", line...)
			return nil
		}
	}
}

// answerErrors is the one place where an error becomes a response.
func answerErrors(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		ctx, p := c.Request().Context(), problemOf(err, c.Request())
		if p.status() >= http.StatusInternalServerError {
			log.LogAttrs(ctx, slog.LevelError, "request failed",
				slog.String("route", route(c)), slog.String("code", string(p.code)), slog.Any("error", err))
		}
		if c.Response().Committed {
			return
		}
		if err := p.write(c.Response(), c.Request()); err != nil {
			log.LogAttrs(ctx, slog.LevelDebug, "problem not delivered", slog.Any("error", err))
		}
	}
}

// recoverPanics answers a panic with a 500. Of the panic's value only a runtime
// error is logged: others might quote the request.
func recoverPanics(log *slog.Logger) echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisableStackAll: true, DisableErrorHandler: true, StackSize: 16 << 10,
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			value := fmt.Sprintf("%T", err)
			if fault, ok := err.(runtime.Error); ok {
				value = fault.Error()
			}
			log.LogAttrs(c.Request().Context(), slog.LevelError, "panic",
				slog.String("route", route(c)), slog.String("value", value), slog.String("stack", string(stack)))
			return &problem{code: internalError}
		},
	})
}

// secureHeaders forbids browsers everything that an API needs not.
func secureHeaders() echo.MiddlewareFunc {
	return middleware.SecureWithConfig(middleware.SecureConfig{
		ContentTypeNosniff: "nosniff", XFrameOptions: "DENY", ReferrerPolicy: "no-referrer",
		ContentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
	})
}

// boundResponse ends a response that the client does not take. Event streams set
// their own deadline with every event.
func boundResponse(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := setWriteDeadline(c.Response(), responseTimeout); err != nil {
			return err
		}
		return next(c)
	}
}

// allowOrigins lets pages of exactly these origins call the API from a browser,
// with a token that they hold themselves: cookies mean nothing here. Without
// origins browsers allow no page to.
func allowOrigins(origins []string) echo.MiddlewareFunc {
	if len(origins) == 0 {
		return func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	}
	return middleware.CORSWithConfig(middleware.CORSConfig{
		// A function, since a list would take patterns.
		AllowOriginFunc: func(origin string) (bool, error) { return slices.Contains(origins, origin), nil },
		AllowMethods:    []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowHeaders:    []string{echo.HeaderAuthorization, echo.HeaderContentType, "Idempotency-Key", "Prefer", "Last-Event-ID"},
		ExposeHeaders: []string{echo.HeaderLocation, echo.HeaderRetryAfter, "RateLimit", "RateLimit-Policy",
			"Idempotency-Replayed", "Preference-Applied", echo.HeaderXRequestID},
		MaxAge: 600,
	})
}
