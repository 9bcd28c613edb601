package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api"
	"meai/internal/identity"
)

var errDown = errors.New("connection refused")

// site is a running API on a store and an engine in memory.
type site struct {
	server *api.Server
	store  *memoryStore
	engine *engine
	// backups is what the catalogue says of backups.
	backups *backupList
	// consents is what people agree to.
	consents *agreeing
	routes   routers.Router
	log      *bytes.Buffer
}

func newSite(t testing.TB, change ...func(*api.Options)) *site {
	t.Helper()
	s := &site{store: newMemoryStore(), engine: &engine{}, backups: &backupList{}, consents: &agreeing{}, log: &bytes.Buffer{}}
	o := api.Options{
		Store: s.store, Engine: s.engine, Auth: anyone{}, APIKeys: noKeys{}, Approvals: noApprovals{}, Escalations: noEscalations{}, Backups: s.backups, Feedback: noFeedback{}, Memories: noMemories{}, Graph: noGraph{}, Vault: noVault{}, Requests: noRequests{}, Exports: noExports{}, Erasures: noErasures{}, Consents: s.consents, Resources: library{}, Version: "test",
		WorkflowLink: func(id string) string { return "http://127.0.0.1:8233/namespaces/meai/workflows/" + id },
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	s.server, err = api.New(o)
	require.NoError(t, err)
	doc, err := api.GetSpec()
	require.NoError(t, err)
	s.routes, err = gorillamux.NewRouter(doc)
	require.NoError(t, err)
	return s
}

// anyone takes "dev-" and a UUID for a person, and for staff with a role behind it; who callers are is tested with the
// real thing, in identity and cmd/meai.
type anyone struct{}

func (anyone) Authenticate(r *http.Request) (identity.Caller, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return identity.Caller{}, identity.ErrNoCredentials
	}
	text, role, staff := strings.Cut(strings.TrimPrefix(header, "Bearer dev-"), ".")
	id, err := uuid.Parse(text)
	if err != nil {
		return identity.Caller{}, identity.ErrBadCredentials
	}
	if role == "fresh" {
		return identity.Caller{
			Principal: id, Subject: id, Roles: []identity.Role{identity.Person}, Method: identity.Token, AuthTime: time.Now(), MultiFactor: true,
		}, nil
	}
	if staff {
		return identity.Caller{
			Principal: id, Roles: []identity.Role{identity.Role(role)}, Method: identity.Token, AuthTime: time.Now(), MultiFactor: true,
		}, nil
	}
	return identity.Caller{Principal: id, Subject: id, Roles: []identity.Role{identity.Person}, Method: identity.Token}, nil
}

// noKeys stands for a database without API keys.
type noKeys struct{ keys }

type keys = api.APIKeys

// noApprovals stands for a database without approvals.
type noApprovals struct{ approvals }

type approvals = api.Approvals

// noEscalations stands for a database without escalations.
type noEscalations struct{ escalations }

type escalations = api.Escalations

// noFeedback stands for a database without feedback.
type noFeedback struct{ given }

type noMemories struct{ api.Memories }

type noGraph struct{ api.MemoryReader }

type noVault struct{ api.Vault }

type noRequests struct{ api.PrivacyRequests }
type noErasures struct{ api.Erasures }
type noExports struct{ api.ExportStore }

type given = api.FeedbackStore

// person is somebody who calls the API.
type person struct {
	*site
	subject uuid.UUID
	role    string // ".auditor" for staff
}

func (s *site) person() *person { return &person{site: s, subject: newID()} }

func (s *site) auditor() *person { return &person{site: s, subject: newID(), role: ".auditor"} }

func (s *site) operator() *person { return &person{site: s, subject: newID(), role: ".operator"} }

// call is one request with what is unusual about it.
type call struct {
	method, path, body string
	headers            http.Header
}

func get(path string) call        { return call{method: http.MethodGet, path: path} }
func post(path, body string) call { return call{method: http.MethodPost, path: path, body: body} }
func (c call) with(name, v string) call {
	c.headers = c.headers.Clone()
	if c.headers == nil {
		c.headers = http.Header{}
	}
	c.headers.Add(name, v)
	return c
}

// message says something under a key.
func message(session uuid.UUID, key, text string) call {
	body, err := json.Marshal(map[string]any{"input": map[string]string{"text": text}})
	if err != nil {
		panic(err)
	}
	return post("/v1/sessions/"+session.String()+"/interactions", string(body)).with("Idempotency-Key", key)
}

// do sends a request and holds the response to the contract. An empty header
// takes the usual one away.
func (p *person) do(t testing.TB, c call) *httptest.ResponseRecorder {
	t.Helper()
	request := p.request(c)
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, request)
	p.holdToContract(t, p.request(c), w)
	return w
}

func (p *person) request(c call) *http.Request {
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r := httptest.NewRequest(c.method, c.path, body)
	r.Header.Set("Authorization", "Bearer dev-"+p.subject.String()+p.role)
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if host := c.headers.Get("Host"); host != "" {
		r.Host = host
	}
	for name, values := range c.headers {
		r.Header[name] = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		if len(r.Header[name]) == 0 {
			r.Header.Del(name)
		}
	}
	return r
}

// holdToContract fails the test when a response is not what openapi.yaml says.
func (s *site) holdToContract(t testing.TB, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	route, parameters, err := s.routes.FindRoute(r)
	if err != nil {
		return // an address outside the contract
	}
	problems := openapi3.NewCallbackValidator(func(id string) error { return uuid.Validate(id) })
	stream := strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream")
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route},
		Status:                 w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: stream,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.WithStringFormatValidator("uuid", problems)},
		},
	})
	require.NoError(t, err, "%s %s answered %d against the contract", r.Method, r.URL.Path, w.Code)
}

func decode[T any](t testing.TB, w *httptest.ResponseRecorder) T {
	t.Helper()
	var value T
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &value), "%s", w.Body)
	return value
}

// refused holds a response to a status and a code and returns the problem.
func refused(t testing.TB, w *httptest.ResponseRecorder, status int, code string) api.Problem {
	t.Helper()
	require.Equal(t, status, w.Code, "%s", w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	problem := decode[api.Problem](t, w)
	require.Equal(t, code, problem.Code)
	require.Equal(t, status, problem.Status)
	return problem
}

// begin starts a session.
func (p *person) begin(t testing.TB) uuid.UUID {
	t.Helper()
	w := p.do(t, post("/v1/sessions", ""))
	require.Equal(t, http.StatusCreated, w.Code, "%s", w.Body)
	return decode[api.Session](t, w).Id
}

// accepted sends a message that is not answered at once.
func (p *person) accepted(t testing.TB, session uuid.UUID, text string) api.Interaction {
	t.Helper()
	w := p.do(t, message(session, newID().String(), text))
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	return decode[api.Interaction](t, w)
}
