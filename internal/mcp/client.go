// Package mcp asks servers of the Model Context Protocol.
//
// A server is not trusted. Only tools of an allow-list are called, with arguments
// that their schema takes; what a server says of a tool is pinned, and never read
// by a model or a person. Everything else that the protocol knows, a client of this
// package does not: it declares no capability and refuses what it is asked.
package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	nometrics "go.opentelemetry.io/otel/metric/noop"

	"meai/internal/guard"
)

var (
	// ErrUnavailable: the server does not answer, broke off, or did so a moment ago.
	ErrUnavailable = errors.New("server unavailable")
	// ErrTimeout: there was no answer in time.
	ErrTimeout = errors.New("server too slow")
	// ErrOverloaded: too many calls are under way.
	ErrOverloaded = errors.New("server overloaded")
	// ErrNotAllowed: the tool is not in the allow-list.
	ErrNotAllowed = errors.New("tool is not allowed")
	// ErrMissing: the server has no such tool.
	ErrMissing = errors.New("tool is missing")
	// ErrChanged: what the server says of the tool is not what is pinned.
	ErrChanged = errors.New("tool changed")
	// ErrArguments: the tool's input schema does not take the arguments.
	ErrArguments = errors.New("tool does not take the arguments")
	// ErrRefused: the server or the tool answered with an error, or asked back.
	ErrRefused = errors.New("tool refused")
	// ErrTooLarge: the result is longer than allowed.
	ErrTooLarge = errors.New("result too large")
)

// spare is how long before its context's deadline a call ends, so that it is this
// server that was too slow.
const spare = 10 * time.Millisecond

// Options are what a client works with besides its server.
type Options struct {
	// Logger and Meters are the process's; nil discards.
	Logger *slog.Logger
	Meters metric.MeterProvider
	// After BreakerFailures failures in a row a server is left alone for
	// BreakerDelay; 0 means 5 and 15 s.
	BreakerFailures int
	BreakerDelay    time.Duration
	// Relist is how old a list of tools may be; 0 means a minute.
	Relist time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Meters == nil {
		o.Meters = nometrics.NewMeterProvider()
	}
	if o.BreakerFailures == 0 {
		o.BreakerFailures = 5
	}
	if o.BreakerDelay == 0 {
		o.BreakerDelay = 15 * time.Second
	}
	if o.Relist == 0 {
		o.Relist = time.Minute
	}
	return o
}

// Result is what a tool said. All of it is foreign.
type Result struct {
	// Structured is JSON, nil when there is none.
	Structured json.RawMessage
	Texts      []string
	Links      []Link
}

// Link is a resource that a tool points to.
type Link struct{ URI, Title, Description string }

// Client asks one server. It connects when it is first needed, and again after the
// server broke off. It is safe for concurrent use.
type Client struct {
	server   Server
	options  Options
	log      *slog.Logger
	guard    guard.Guard[Result]
	http     *http.Client
	duration metric.Float64Histogram
	// life ends with Close.
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	current *session
	opening *opening
	pins    map[string]string
	spoiled map[string]bool
}

// New returns a client of a server that was validated. It does not connect.
func New(s Server, o Options) (*Client, error) {
	s, o = s.WithDefaults(), o.withDefaults()
	duration, err := o.Meters.Meter("meai/internal/mcp").Float64Histogram("meai.mcp.duration", metric.WithUnit("s"),
		metric.WithDescription("How long calls of tools took, by server, tool and outcome."))
	if err != nil {
		return nil, fmt.Errorf("measure the MCP servers: %w", err)
	}
	c := &Client{
		server: s, options: o, http: newHTTP(s), duration: duration, log: o.Logger.With("dependency", "mcp", "server", s.Name),
		pins: map[string]string{}, spoiled: map[string]bool{},
	}
	c.life, c.end = context.WithCancel(context.Background())
	for _, t := range s.Tools {
		if t.Pin != "" {
			c.pins[t.Name] = t.Pin
		}
	}
	c.guard = guard.New[Result](guard.Options{
		Concurrency: s.Concurrency, Failures: o.BreakerFailures, Delay: o.BreakerDelay, Spare: spare,
		Outage: func(err error) bool { return errors.Is(err, ErrUnavailable) },
		OnRest: func() {
			c.log.Warn("the server is left alone for a while")
			c.drop(nil)
		},
		OnReturn: func() { c.log.Info("the server answers again") },
	})
	return c, nil
}

// Call calls a tool once. The tool gets the arguments that it must take, and those
// that it may take as far as its schema names them. Errors are one of this package's
// Err values, wrapped, and never hold what the server said.
func (c *Client) Call(ctx context.Context, tool string, must, may map[string]any) (Result, error) {
	if !slices.ContainsFunc(c.server.Tools, func(t Tool) bool { return t.Name == tool }) {
		return Result{}, ErrNotAllowed
	}
	begun := time.Now()
	result, err := c.guard.Call(ctx, c.server.Timeout, func(ctx context.Context) (Result, error) {
		return c.call(ctx, tool, must, may)
	})
	err = guarded(err)
	c.duration.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(
		attribute.String("server", c.server.Name), attribute.String("tool", tool), attribute.String("outcome", outcomeOf(err))))
	if err != nil {
		err = fmt.Errorf("call %s of %s: %w", tool, c.server.Name, err)
		c.log.WarnContext(ctx, "the tool is done without", "tool", tool, "reason", outcomeOf(err), "error", err)
		return Result{}, err
	}
	return result, nil
}

func (c *Client) call(ctx context.Context, name string, must, may map[string]any) (Result, error) {
	s, err := c.session(ctx)
	if err != nil {
		return Result{}, err
	}
	t, err := s.tool(ctx, name)
	if err != nil {
		return Result{}, c.judge(ctx, s, err)
	}
	arguments, err := t.fit(must, may)
	if err != nil {
		return Result{}, err
	}
	s.renew()
	answer, err := s.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		return Result{}, c.judge(ctx, s, err)
	}
	if answer.IsError || answer.NeedsInput() {
		return Result{}, ErrRefused
	}
	return c.read(answer)
}

// judge reduces what went wrong to what is safe to log, and gives up a session that
// is of no more use: the next call makes another.
func (c *Client) judge(ctx context.Context, s *session, err error) error {
	var wire *jsonrpc.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrMissing), errors.Is(err, ErrChanged), errors.Is(err, ErrArguments):
		return err
	case !errors.Is(err, mcp.ErrConnectionClosed) && errors.As(err, &wire) && !slices.Contains(broken, wire.Code):
		return fmt.Errorf("%w: code %d", ErrRefused, wire.Code)
	default:
		c.drop(s)
		return fmt.Errorf("%w: the connection or the answer broke", ErrUnavailable)
	}
}

// broken are the codes that the SDK gives to failures of the connection, instead of a
// server: one that is closing, and a request that did not arrive.
var broken = []int64{-32003, -32004, -32005}

// read takes out of an answer what is used of it.
func (c *Client) read(answer *mcp.CallToolResult) (Result, error) {
	var result Result
	if answer.StructuredContent != nil {
		raw, err := json.Marshal(answer.StructuredContent)
		if err != nil {
			return Result{}, fmt.Errorf("%w: its content cannot be read", ErrRefused)
		}
		result.Structured = raw
	}
	size := len(result.Structured)
	for _, content := range answer.Content {
		switch part := content.(type) {
		case *mcp.TextContent:
			result.Texts = append(result.Texts, part.Text)
			size = max(size, len(part.Text))
		case *mcp.ResourceLink:
			link := Link{URI: part.URI, Title: part.Title, Description: part.Description}
			if link.Title == "" {
				link.Title = part.Name
			}
			result.Links = append(result.Links, link)
			size = max(size, len(link.URI)+len(link.Title)+len(link.Description))
		}
		// Pictures, sounds and embedded files are of no use here.
	}
	if size > c.server.MostBytes {
		return Result{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	return result, nil
}

// guarded names what the guard refused as this package does.
func guarded(err error) error {
	for _, refusal := range []struct{ from, to error }{
		{guard.ErrBusy, ErrOverloaded}, {guard.ErrResting, ErrUnavailable}, {guard.ErrTimeout, ErrTimeout},
	} {
		if errors.Is(err, refusal.from) {
			return fmt.Errorf("%w: %w", refusal.to, err)
		}
	}
	return err
}

// outcomeOf names a failure in logs and metrics.
func outcomeOf(err error) string {
	for _, o := range []struct {
		err  error
		name string
	}{
		{ErrUnavailable, "unavailable"}, {ErrTimeout, "timeout"}, {ErrOverloaded, "overloaded"}, {ErrMissing, "tool_missing"},
		{ErrChanged, "tool_changed"}, {ErrArguments, "arguments_refused"}, {ErrRefused, "refused"}, {ErrTooLarge, "too_large"},
	} {
		if errors.Is(err, o.err) {
			return o.name
		}
	}
	if err != nil {
		return "failed"
	}
	return "answered"
}
