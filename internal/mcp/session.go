package mcp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"meai/internal/guard"
)

// protocol is the version that is spoken. Servers of newer ones still understand it,
// and the SDK keeps no cache of its own in it: a list of tools is the server's.
const protocol = "2025-11-25"

// session is a connection to a server with the tools that it lists.
type session struct {
	*mcp.ClientSession
	client *Client
	// pipe is the server's process, nil for one behind a URL.
	pipe *process
	// stale says that the server spoke of other tools since they were listed.
	stale atomic.Bool
	// ended is closed when the connection is.
	ended chan struct{}

	mu     sync.Mutex
	tools  map[string]*definition
	listed time.Time
}

// opening is a session in the making, for which calls wait as long as they can.
type opening struct {
	done    chan struct{}
	session *session
	err     error
}

// Connect makes a connection ahead of the first call.
func (c *Client) Connect(ctx context.Context) error {
	_, err := c.session(ctx)
	return err
}

// session is the current one, or another when that has ended. Its making goes on
// when ctx ends: the next call finds it done.
func (c *Client) session(ctx context.Context) (*session, error) {
	c.mu.Lock()
	if c.life.Err() != nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("%w: the client is closed", ErrUnavailable)
	}
	if s := c.current; s != nil && !s.hasEnded() {
		c.mu.Unlock()
		return s, nil
	}
	if c.opening == nil {
		c.opening = &opening{done: make(chan struct{})}
		c.work.Go(c.open)
	}
	o := c.opening
	c.mu.Unlock()
	select {
	case <-o.done:
		return o.session, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) open() {
	ctx, cancel := context.WithTimeout(c.life, c.server.ConnectTimeout)
	defer cancel()
	s, err := c.dial(ctx)
	if err != nil {
		c.log.Warn("no connection to the server", "reason", whyNot(err))
		err = fmt.Errorf("%w: no connection", ErrUnavailable)
	}
	c.mu.Lock()
	o := c.opening
	o.session, o.err = s, err
	c.current, c.opening = s, nil
	if s != nil && c.life.Err() != nil {
		c.work.Go(s.close) // it was made while the client was being closed
	}
	c.mu.Unlock()
	close(o.done)
}

// whyNot names a failure to connect. Of the error itself nothing is told: it quotes
// what the server said.
func whyNot(err error) string {
	var network *net.OpError
	var file *fs.PathError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &network) && network.Op == "dial":
		return "unreachable"
	case errors.As(err, &file):
		return "not_started"
	default:
		return "handshake_failed"
	}
}

// dial connects and lists the tools.
func (c *Client) dial(ctx context.Context) (*session, error) {
	s := &session{client: c, ended: make(chan struct{})}
	transport := c.transport(s)
	// No capability is declared: no roots, no sampling, no elicitation.
	client := mcp.NewClient(&mcp.Implementation{Name: "meai", Version: "1"}, &mcp.ClientOptions{
		Capabilities:           &mcp.ClientCapabilities{},
		MultiRoundTrip:         &mcp.MultiRoundTripOptions{Disabled: true},
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { s.stale.Store(true) },
	})
	client.AddReceivingMiddleware(refuse)
	connection, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: protocol})
	if err != nil {
		s.kill()
		return nil, err
	}
	s.ClientSession = connection
	c.work.Go(func() {
		_ = s.Wait() // how it ended does not matter
		close(s.ended)
		s.kill()
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.list(ctx); err != nil {
		c.work.Go(s.close)
		return nil, err
	}
	return s, nil
}

func (c *Client) transport(s *session) mcp.Transport {
	if c.server.URL == "" {
		s.pipe = newProcess(c.server)
		return s.pipe
	}
	return &mcp.StreamableClientTransport{
		Endpoint: c.server.URL, HTTPClient: c.http, MaxRetries: -1, DisableStandaloneSSE: true, MaxEventSize: mostFrame,
	}
}

func newHTTP(s Server) *http.Client {
	own := http.DefaultTransport.(*http.Transport).Clone()
	own.MaxResponseHeaderBytes = 64 << 10
	client := guard.HTTPClient(bearer{own, s.Token}, mostFrame)
	client.Timeout = max(s.ConnectTimeout, s.Timeout)
	return client
}

// bearer adds the token, and takes leave without waiting for long.
type bearer struct {
	http.RoundTripper
	token Secret
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodDelete {
		ctx, cancel := context.WithTimeout(r.Context(), grace)
		defer cancel() // nobody reads what is answered to that
		r = r.WithContext(ctx)
	}
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+string(b.token))
	}
	return b.RoundTripper.RoundTrip(r)
}

// refuse answers what a server asks for: nothing but a sign of life is given.
func refuse(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
		switch method {
		case "sampling/createMessage", "elicitation/create", "roots/list":
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "not supported"}
		}
		return next(ctx, method, request)
	}
}

// tool is an allowed tool as the server lists it now.
func (s *session) tool(ctx context.Context, name string) (*definition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale.Load() || time.Since(s.listed) > s.client.options.Relist {
		if err := s.list(ctx); err != nil {
			return nil, err
		}
	}
	if s.client.isSpoiled(name) {
		return nil, ErrChanged
	}
	t := s.tools[name]
	if t == nil {
		return nil, ErrMissing
	}
	return t, nil
}

// mostPages bounds a list of tools that goes on and on.
const mostPages = 20

// list reads the tools and compares them with what is pinned. s.mu is held.
func (s *session) list(ctx context.Context) error {
	s.stale.Store(false)
	allowed := map[string]bool{}
	for _, t := range s.client.server.Tools {
		allowed[t.Name] = true
	}
	tools := map[string]*definition{}
	cursor := ""
	for range mostPages {
		s.renew()
		page, err := s.ListTools(ctx, &mcp.ListToolsParams{Cursor: cursor})
		if err != nil {
			return err
		}
		for _, t := range page.Tools {
			// Of several with one name each must be what is pinned.
			if allowed[t.Name] && s.client.holds(t) {
				tools[t.Name] = define(t)
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			s.tools, s.listed = tools, time.Now()
			return nil
		}
	}
	return errors.New("the list of tools has no end")
}

func (s *session) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// renew allows the server to send the answer to another request.
func (s *session) renew() {
	if s.pipe != nil {
		s.pipe.renew()
	}
}

// kill ends the server's process, if it is ours.
func (s *session) kill() {
	if s.pipe != nil {
		_ = s.pipe.Close() // how it ended does not matter
	}
}

// close ends the connection; the process goes first, so that nothing is waited for.
func (s *session) close() {
	s.kill()
	_ = s.ClientSession.Close() // nor whether a server took leave
}

// drop gives a session up, nil for the current one.
func (c *Client) drop(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == nil {
		s = c.current
	}
	if s == nil || c.life.Err() != nil {
		return
	}
	if c.current == s {
		c.current = nil
	}
	c.work.Go(s.close)
}

// Close ends the connection, and the server where it is a command.
func (c *Client) Close() {
	c.mu.Lock()
	c.end()
	s := c.current
	c.mu.Unlock()
	if s != nil {
		s.close()
	}
	c.work.Wait()
	c.http.CloseIdleConnections()
}
