package codecserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meai/internal/audit"
	"meai/internal/authorization"
	"meai/internal/codec"
	"meai/internal/codecserver"
	"meai/internal/enginetest"
	"meai/internal/identity"
	"meai/internal/identity/identitytest"
	"meai/internal/keyring"
)

var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

const (
	origin = "https://temporal.test"
	words  = "Zirbelkiefer-4711"
)

// scene is a codec server with real tokens, keys, accounts and policies.
type scene struct {
	url       string
	keys      *keyring.Keyring
	directory *identity.Directory
	issuer    *identitytest.Issuer
	audit     *journal
	log       *bytes.Buffer
}

func newScene(t *testing.T, change ...func(*codecserver.Options)) scene {
	t.Helper()
	db, _ := shared.Database(t)
	s := scene{keys: enginetest.Keyring(t), issuer: identitytest.NewIssuer(t), audit: &journal{}, log: &bytes.Buffer{}}
	var err error
	s.directory, err = identity.NewDirectory(identity.DirectoryOptions{
		DB: db, Keys: s.keys, Audit: audit.New(audit.Options{DB: db, Keys: s.keys}),
	})
	require.NoError(t, err)
	t.Cleanup(s.directory.Close)
	policies, err := authorization.Load()
	require.NoError(t, err)
	o := codecserver.Options{
		Keys: s.keys, Policies: policies, Audit: s.audit, Origins: []string{origin},
		Auth: identity.Bearer{Directory: s.directory, Tokens: identity.NewOIDC(identity.OIDCOptions{
			Issuer: s.issuer.URL, Audience: identitytest.Audience, RolesClaim: "roles",
		})},
		Logger: slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&o)
	}
	handler, err := codecserver.New(o)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.Config = handler.HTTP("")
	server.Start()
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// journal keeps what was audited, or refuses to.
type journal struct {
	mu       sync.Mutex
	broken   bool
	accesses []codecserver.Access
}

func (j *journal) Record(_ context.Context, accesses []codecserver.Access) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken {
		return errors.New("disk full")
	}
	j.accesses = append(j.accesses, accesses...)
	return nil
}

// trace is one access without its caller.
type trace struct {
	act      codecserver.Act
	subject  uuid.UUID
	outcome  codecserver.Outcome
	payloads int
}

// take returns what was audited since the last call.
func (j *journal) take() (traces []trace) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, x := range j.accesses {
		traces = append(traces, trace{x.Act, x.Subject, x.Outcome, x.Payloads})
	}
	j.accesses = nil
	return traces
}

func (s scene) newSubject(t *testing.T) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, s.keys.Create(t.Context(), subject))
	return subject
}

// token is somebody new with a role; steppedUp right after a sign-in with two factors.
func (s scene) token(t *testing.T, steppedUp bool, roles ...string) string {
	t.Helper()
	change := map[string]any{"roles": roles}
	if steppedUp {
		for name, value := range identitytest.MultiFactor() {
			change[name] = value
		}
	}
	return s.issuer.Token(t, s.issuer.Claims(uuid.NewString(), change))
}

func (s scene) seal(t *testing.T, workflow, text string) *commonpb.Payload {
	t.Helper()
	dc := converter.WithDataConverterSerializationContext(codec.DataConverter(s.keys),
		converter.WorkflowSerializationContext{Namespace: "meai", WorkflowID: workflow})
	p, err := dc.ToPayload(text)
	require.NoError(t, err)
	return p
}

func personal(subject uuid.UUID) string { return "person/" + subject.String() + "/interaction/x" }

func (s scene) post(t *testing.T, path, token string, body []byte, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Namespace", "meai")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(text), response.Header
}

// ask sends payloads as the UI does.
func (s scene) ask(t *testing.T, path, token string, payloads ...*commonpb.Payload) []*commonpb.Payload {
	t.Helper()
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: payloads})
	require.NoError(t, err)
	status, text, _ := s.post(t, path+"?preserveStorageRefs=true", token, body)
	require.Equal(t, http.StatusOK, status, text)
	out := &commonpb.Payloads{}
	require.NoError(t, protojson.Unmarshal([]byte(text), out))
	require.Len(t, out.Payloads, len(payloads))
	return out.Payloads
}

func markerOf(p *commonpb.Payload) string { return string(p.GetMetadata()[codecserver.MarkerKey]) }

func TestWhoSeesWhat(t *testing.T) {
	s := newScene(t)
	alice := s.newSubject(t)
	system, person := s.seal(t, "consolidation/x", "counts"), s.seal(t, personal(alice), words)
	const no, stepUp = "sealed: not permitted", "sealed: not permitted without a recent sign-in with several factors"
	for _, c := range []struct {
		role           string
		steppedUp      bool
		system, person string // "" for shown
	}{
		{"person", false, no, no}, {"person", true, no, no},
		{"support", false, no, no}, {"support", true, no, no},
		{"operator", false, "", no}, {"operator", true, "", no},
		{"auditor", false, "", no}, {"auditor", true, "", no},
		{"admin", false, "", no}, {"admin", true, "", no},
		{"privacy_officer", false, no, stepUp}, {"privacy_officer", true, no, ""},
	} {
		name := c.role
		if c.steppedUp {
			name += " with step-up"
		}
		t.Run(name, func(t *testing.T) {
			plain, err := converter.GetDefaultDataConverter().ToPayload("in the open")
			require.NoError(t, err)
			out := s.ask(t, "/decode", s.token(t, c.steppedUp, c.role), system, person, plain)
			require.True(t, proto.Equal(plain, out[2]), "what was never sealed comes back as it is")
			s.requireShown(t, out[0], "counts", c.system)
			s.requireShown(t, out[1], words, c.person)
			outcome := func(refusal string) codecserver.Outcome {
				if refusal == "" {
					return codecserver.Done
				}
				return codecserver.Denied
			}
			require.Equal(t, []trace{
				{codecserver.DecodeSystem, uuid.Nil, outcome(c.system), 1},
				{codecserver.DecodePerson, alice, outcome(c.person), 1},
			}, s.audit.take())
		})
	}
	require.NotContains(t, s.log.String(), words)
	require.NotContains(t, s.log.String(), alice.String())
}

func (s scene) requireShown(t *testing.T, p *commonpb.Payload, text, refusal string) {
	t.Helper()
	if refusal != "" {
		require.NotContains(t, p.String(), text)
		require.Equal(t, "sealed", markerOf(p))
		require.JSONEq(t, `{"meai":"sealed","message":"`+refusal+`"}`, string(p.GetData()))
		return
	}
	require.Empty(t, markerOf(p))
	require.JSONEq(t, `"`+text+`"`, string(p.GetData()))
}

func TestNobodyOpensTheirOwnWords(t *testing.T) {
	s := newScene(t)
	account := uuid.NewString()
	claims := identitytest.MultiFactor()
	claims["roles"] = []string{"person", "privacy_officer"}
	token := s.issuer.Token(t, s.issuer.Claims(account, claims))
	// Who this account is shows in what is audited.
	s.ask(t, "/decode", token, s.seal(t, "x", "counts"))
	me := s.audit.accesses[0].Caller.Subject
	require.NotEqual(t, uuid.Nil, me)
	require.NoError(t, s.keys.Create(t.Context(), me))
	out := s.ask(t, "/decode", token, s.seal(t, personal(me), words), s.seal(t, personal(s.newSubject(t)), words))
	for _, p := range out {
		s.requireShown(t, p, words, "sealed: not permitted")
	}
}

func TestADestroyedKeyLeavesAReadableTombstone(t *testing.T) {
	s := newScene(t)
	alice, bob := s.newSubject(t), s.newSubject(t)
	a, b := s.seal(t, personal(alice), words), s.seal(t, personal(bob), words)
	damaged := proto.CloneOf(b)
	damaged.Data[len(damaged.Data)-1] ^= 1
	nameless := proto.CloneOf(b)
	nameless.Metadata[codec.MetadataKey] = []byte("../kek")
	require.NoError(t, s.keys.Destroy(t.Context(), alice))

	out := s.ask(t, "/decode", s.token(t, true, "privacy_officer"), a, b, a, damaged, nameless)
	for _, i := range []int{0, 2} {
		require.Equal(t, "erased", markerOf(out[i]))
		require.JSONEq(t, `{"meai":"erased","message":"erased"}`, string(out[i].GetData()))
	}
	s.requireShown(t, out[1], words, "")
	s.requireShown(t, out[3], words, "sealed: cannot be opened")
	s.requireShown(t, out[4], words, "sealed: cannot be opened")
	require.Equal(t, []trace{
		{codecserver.DecodePerson, alice, codecserver.Erased, 2},
		{codecserver.DecodePerson, bob, codecserver.Done, 1},
		{codecserver.DecodePerson, bob, codecserver.Unreadable, 1},
		{codecserver.DecodeSystem, uuid.Nil, codecserver.Unreadable, 1},
	}, s.audit.take())
}

func TestFailureTextDecodes(t *testing.T) {
	s := newScene(t)
	alice := s.newSubject(t)
	fc := converter.WithFailureConverterSerializationContext(codec.FailureConverter(codec.DataConverter(s.keys)),
		converter.ActivitySerializationContext{WorkflowID: personal(alice)})
	f := fc.ErrorToFailure(errors.New(words))
	require.NotContains(t, f.String(), words)
	for _, c := range []struct{ role, message string }{
		{"privacy_officer", words}, {"operator", "sealed: not permitted"},
	} {
		opened := proto.CloneOf(f)
		opened.EncodedAttributes = s.ask(t, "/decode", s.token(t, true, c.role), f.GetEncodedAttributes())[0]
		converter.DecodeCommonFailureAttributes(converter.GetDefaultDataConverter(), opened)
		require.Equal(t, c.message, opened.GetMessage(), c.role)
	}
}

func TestOnlyOperatorsEncodeAndOnlyPlainly(t *testing.T) {
	s := newScene(t)
	plain, err := converter.GetDefaultDataConverter().ToPayload(map[string]int{"page_size": 100})
	require.NoError(t, err)
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{plain}})
	require.NoError(t, err)
	for _, role := range []string{"person", "support", "auditor", "admin", "privacy_officer"} {
		status, text, _ := s.post(t, "/encode", s.token(t, true, role), body)
		require.Equal(t, http.StatusForbidden, status, "%s: %s", role, text)
		require.Equal(t, []trace{{codecserver.EncodeSystem, uuid.Nil, codecserver.Denied, 1}}, s.audit.take(), role)
	}
	operator := s.token(t, false, "operator")
	sealed := s.ask(t, "/encode", operator, plain)[0]
	require.NotContains(t, sealed.String(), "page_size")
	require.Equal(t, []trace{{codecserver.EncodeSystem, uuid.Nil, codecserver.Done, 1}}, s.audit.take())
	var out map[string]int
	require.NoError(t, codec.DataConverter(s.keys).FromPayload(sealed, &out), "an operational workflow takes it")
	require.Equal(t, 100, out["page_size"])
	require.True(t, proto.Equal(plain, s.ask(t, "/decode", operator, sealed)[0]))

	again, err := protojson.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{sealed}})
	require.NoError(t, err)
	status, _, _ := s.post(t, "/encode", operator, again)
	require.Equal(t, http.StatusBadRequest, status, "nothing is sealed twice")
}

func TestNoDecodeWithoutATrace(t *testing.T) {
	s := newScene(t)
	s.audit.broken = true
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{s.seal(t, "x", words)}})
	require.NoError(t, err)
	status, text, _ := s.post(t, "/decode", s.token(t, false, "operator"), body)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotContains(t, text, words)
}

// approvals is the second person.
type approvals struct {
	id  string
	ok  bool
	err error
}

func (a *approvals) Approved(context.Context, identity.Caller, uuid.UUID) (string, bool, error) {
	return a.id, a.ok, a.err
}

func TestASecondPersonsApprovalIsAskedForAPersonsWords(t *testing.T) {
	second := &approvals{}
	s := newScene(t, func(o *codecserver.Options) { o.Approvals = second })
	alice := s.newSubject(t)
	sealed, token := s.seal(t, personal(alice), words), s.token(t, true, "privacy_officer")
	s.requireShown(t, s.ask(t, "/decode", token, sealed)[0], words, "sealed: not approved")
	second.err = errors.New("no answer")
	s.requireShown(t, s.ask(t, "/decode", token, sealed)[0], words, "sealed: whether it is approved cannot be found out now")
	*second = approvals{id: "approval-7", ok: true}
	s.audit.take()
	s.requireShown(t, s.ask(t, "/decode", token, sealed)[0], words, "")
	require.Equal(t, "approval-7", s.audit.accesses[0].Approval)
	s.requireShown(t, s.ask(t, "/decode", s.token(t, true, "admin"), sealed)[0], words, "sealed: not permitted")
}

func TestBadCredentials(t *testing.T) {
	s := newScene(t)
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{s.seal(t, "x", words)}})
	require.NoError(t, err)
	operator := map[string]any{"roles": []string{"operator"}}
	with := func(name string, value any) string {
		claims := s.issuer.Claims("olga", operator)
		claims[name] = value
		return s.issuer.Token(t, claims)
	}
	good := s.issuer.Token(t, s.issuer.Claims("olga", operator))
	for name, token := range map[string]string{
		"none": "", "nonsense": "nonsense",
		"expired":        with("exp", time.Now().Add(-5*time.Minute).Unix()),
		"wrong audience": with("aud", "somebody-else"),
		"tampered":       identitytest.Tampered(t, good, "root"),
		"unknown key":    "meai_" + strings.Repeat("A", 22) + "_" + strings.Repeat("A", 43),
	} {
		status, text, header := s.post(t, "/decode", token, body)
		require.Equal(t, http.StatusUnauthorized, status, name)
		require.Equal(t, "Bearer", header.Get("WWW-Authenticate"), name)
		require.NotContains(t, text, words, name)
	}
	require.Empty(t, s.audit.take())
	status, _, _ := s.post(t, "/decode", good, body)
	require.Equal(t, http.StatusOK, status)
}

func TestAnAPIKeyReachesWhatItWasMadeFor(t *testing.T) {
	s := newScene(t)
	s.ask(t, "/decode", s.token(t, false, "operator"), s.seal(t, "x", "counts"))
	owner := s.audit.accesses[0].Caller
	alice := s.newSubject(t)
	for _, c := range []struct {
		role, scope, system, person string
	}{
		{"operator", "codec", "", "sealed: not permitted"},
		{"operator", "memory", "sealed: not permitted", "sealed: not permitted"},
		{"privacy_officer", "codec", "sealed: not permitted", "sealed: not permitted"},
	} {
		text, _, err := s.directory.IssueAPIKey(t.Context(), owner, []identity.Role{identity.Role(c.role)}, []string{c.scope}, time.Hour)
		require.NoError(t, err)
		out := s.ask(t, "/decode", text, s.seal(t, "x", "counts"), s.seal(t, personal(alice), words))
		s.requireShown(t, out[0], "counts", c.system)
		s.requireShown(t, out[1], words, c.person)
	}
}

func TestBadRequests(t *testing.T) {
	s := newScene(t)
	token := s.token(t, false, "operator")
	many := `{"payloads":[` + strings.Repeat(`{},`, 2000) + `{}]}`
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
	}{
		"no JSON":           {"nonsense", nil, http.StatusBadRequest},
		"nothing":           {"", nil, http.StatusBadRequest},
		"not base64":        {`{"payloads":[{"data":"?"}]}`, nil, http.StatusBadRequest},
		"too large":         {`{"payloads":[{"data":"` + strings.Repeat("A", 9<<20) + `"}]}`, nil, http.StatusRequestEntityTooLarge},
		"too many":          {many, nil, http.StatusRequestEntityTooLarge},
		"a form":            {`{}`, []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		"of another origin": {`{}`, []string{"Origin", "https://evil.test"}, http.StatusForbidden},
		"unknown fields":    {`{"payloads":[{"externalPayloads":[]}],"more":1}`, nil, http.StatusOK},
		"no payloads":       {`{}`, nil, http.StatusOK},
	} {
		status, text, _ := s.post(t, "/decode", token, []byte(c.body), c.header...)
		require.Equal(t, c.status, status, "%s: %s", name, text)
	}
	response, err := http.Get(s.url + "/decode")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

func TestOnlyTheUIsOriginMayAsk(t *testing.T) {
	s := newScene(t)
	preflight := func(from string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.url+"/decode", http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Origin", from)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-namespace")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	ui := preflight(origin)
	require.Equal(t, http.StatusNoContent, ui.StatusCode)
	require.Equal(t, origin, ui.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "POST", ui.Header.Get("Access-Control-Allow-Methods"))
	require.Contains(t, ui.Header.Get("Access-Control-Allow-Headers"), "X-Namespace")
	require.Empty(t, ui.Header.Get("Access-Control-Allow-Credentials"), "a bearer token says who asks, never a cookie")
	for _, other := range []string{"https://temporal.test.evil.test", "http://temporal.test", "null", "*"} {
		refused := preflight(other)
		require.Equal(t, http.StatusForbidden, refused.StatusCode, other)
		require.Empty(t, refused.Header.Get("Access-Control-Allow-Origin"), other)
	}
	status, _, header := s.post(t, "/decode", s.token(t, false, "operator"), []byte(`{}`), "Origin", origin)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, origin, header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "no-store", header.Get("Cache-Control"))
}

// certified stands for a connection with a worker's certificate.
type certified struct{}

func (certified) Authenticate(*http.Request) (identity.Caller, error) {
	return identity.Caller{Principal: uuid.New(), Roles: []identity.Role{identity.Service}, Method: identity.Certificate, Queue: "memory"}, nil
}

func TestAWorkersCertificateOpensNothing(t *testing.T) {
	s := newScene(t, func(o *codecserver.Options) { o.Auth = certified{} })
	out := s.ask(t, "/decode", "", s.seal(t, "x", "counts"), s.seal(t, personal(s.newSubject(t)), words))
	s.requireShown(t, out[0], "counts", "sealed: not permitted")
	s.requireShown(t, out[1], words, "sealed: not permitted")
	status, _, _ := s.post(t, "/encode", "", []byte(`{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"MQ=="}]}`))
	require.Equal(t, http.StatusForbidden, status)
}
