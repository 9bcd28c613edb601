package main_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
	"meai/internal/embedding"
	"meai/internal/embedding/embeddingtest"
)

const worried = "I am worried about my brother Tom, he has not called for weeks and I cannot sleep."

func TestAnswersComeWithoutWeaviate(t *testing.T) {
	s := newSite(t)
	broken, base := s.with("MEAI_WEAVIATE_URL=http://"+freePort(t)).serve(t, "up")
	p, id := tellDegraded(t, base, "vectors_unavailable")
	broken.kill()
	s.serve(t, "up")
	p.remembersTom(t, id)
}

func TestAnswersComeWithoutTheModelProvider(t *testing.T) {
	address := freePort(t)
	s := newSite(t, "MEAI_EMBEDDING_PROVIDER=openai", "MEAI_EMBEDDING_URL=http://"+address+"/v1",
		"MEAI_EMBEDDING_MODEL=served", "MEAI_EMBEDDING_API_KEY=key")
	_, base := s.serve(t, "up")
	p, id := tellDegraded(t, base, "embedding_unavailable")

	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	provider := httptest.NewUnstartedServer(embeddingtest.Provider(t, model))
	provider.Listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	provider.Start()
	t.Cleanup(provider.Close)
	p.remembersTom(t, id)
}

// TestAProviderOfEmbeddingsIsGivenNoWordsOfWhoDoesNotAgree: neither their message nor the
// answer, nor what is remembered of them; the answer comes all the same.
func TestAProviderOfEmbeddingsIsGivenNoWordsOfWhoDoesNotAgree(t *testing.T) {
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	given := &listening{next: embeddingtest.Provider(t, model)}
	provider := httptest.NewServer(given)
	t.Cleanup(provider.Close)
	s := newSite(t, "MEAI_EMBEDDING_PROVIDER=openai", "MEAI_EMBEDDING_URL="+provider.URL+"/v1",
		"MEAI_EMBEDDING_MODEL=served", "MEAI_EMBEDDING_API_KEY=key")
	_, base := s.serve(t, "up")
	p := signedIn(t, base, "person-"+uuid.NewString())
	for _, purpose := range []client.Purpose{"conversation", "memory"} {
		p.settles(t, purpose, client.NewConsentDecisionGiven)
	}
	p.begin(t)
	p.await(t, p.tell(t, worried).Id, within)
	p.await(t, p.tell(t, "Do you remember what I told you about Tom?").Id, within)
	require.Empty(t, given.hearing("brother Tom"), "it was given their words")
	require.Empty(t, given.hearing("about Tom"), "it was given what they ask for")

	agreeing := newPerson(t, base)
	agreeing.begin(t)
	agreeing.tell(t, worried)
	require.NotEmpty(t, given.hearing("brother Tom"), "it hears of who agrees")
}

// listening keeps what a server is asked.
type listening struct {
	next  http.Handler
	mu    sync.Mutex
	asked []string
}

func (l *listening) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	l.asked = append(l.asked, string(body))
	l.mu.Unlock()
	l.next.ServeHTTP(w, r)
}

// hearing are the requests that hold a word.
func (l *listening) hearing(word string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, body := range l.asked {
		if strings.Contains(body, word) {
			found = append(found, body)
		}
	}
	return found
}

// tellDegraded gets an answer that had to do without something.
func tellDegraded(t *testing.T, base, code string) (*person, uuid.UUID) {
	t.Helper()
	p := newPerson(t, base)
	p.begin(t)
	got := p.tell(t, worried)
	require.Contains(t, got.Response.Degraded, code)
	require.Equal(t, client.ResponseSourceComposed, got.Response.Source)
	return p, got.Id
}

// remembersTom shows that what was skipped is completed.
func (p *person) remembersTom(t *testing.T, id uuid.UUID) {
	t.Helper()
	p.await(t, id, within)
	again := p.tell(t, "Do you remember what I told you about Tom?")
	require.Contains(t, again.Response.Text, "Tom")
	require.NotEmpty(t, again.Response.Memories)
	require.Empty(t, again.Response.Degraded)
}

func TestAnswersComeWithoutSomeQueues(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		queues []string
		code   string
		source client.ResponseSource
	}{
		"memory":      {[]string{"synthesis", "mirror", "truthfilter"}, "memory_unavailable", client.ResponseSourceComposed},
		"mirror":      {[]string{"synthesis", "memory", "truthfilter"}, "mirror_unavailable", client.ResponseSourceComposed},
		"truthfilter": {[]string{"synthesis", "memory", "mirror"}, "truthfilter_unavailable", client.ResponseSourceFallback},
	} {
		t.Run(name, func(t *testing.T) {
			var args []string
			for _, q := range c.queues {
				args = append(args, "--queue", q)
			}
			up, base := s.serve(t, "up", args...)
			p := newPerson(t, base)
			p.begin(t)
			got := p.tell(t, worried)
			require.Contains(t, got.Response.Degraded, c.code)
			require.Equal(t, c.source, got.Response.Source)

			missing := s.start(t, "worker", "--queue", name)
			p.await(t, got.Id, within)
			require.Equal(t, 1, s.count(t, p.subject, "select count(*) from memory_nodes where kind = 'turn'"))
			missing.kill()
			up.kill()
		})
	}
}

func TestBadInputIsRefusedAndNothingIsStored(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	interactions := base + "/v1/sessions/" + p.session.String() + "/interactions"
	const good = `{"input":{"text":"hello"}}`
	for name, c := range map[string]struct {
		url, body string
		headers   map[string]string
		status    int
		pointer   string
	}{
		"oversized body":     {interactions, `{"input":{"text":"` + repeat("a", 70_000) + `"}}`, nil, 413, ""},
		"text too long":      {interactions, `{"input":{"text":"` + repeat("a", 8001) + `"}}`, nil, 422, "/input/text"},
		"empty text":         {interactions, `{"input":{"text":""}}`, nil, 422, "/input/text"},
		"invalid UTF-8":      {interactions, "{\"input\":{\"text\":\"a\xff\"}}", nil, 400, ""},
		"wrong type":         {interactions, `{"input":{"text":7}}`, nil, 422, "/input/text"},
		"missing text":       {interactions, `{"input":{}}`, nil, 422, "/input"},
		"unknown field":      {interactions, `{"input":{"text":"hello"},"mood":"x"}`, nil, 422, ""},
		"not JSON":           {interactions, `{"input":`, nil, 400, ""},
		"NUL":                {interactions, `{"input":{"text":"a\u0000b"}}`, nil, 422, "/input/text"},
		"no key":             {interactions, good, map[string]string{"Idempotency-Key": ""}, 400, "Idempotency-Key"},
		"bad key":            {interactions, good, map[string]string{"Idempotency-Key": "a b"}, 400, "Idempotency-Key"},
		"wrong content type": {interactions, good, map[string]string{"Content-Type": "text/plain"}, 415, ""},
		"no token":           {interactions, good, map[string]string{"Authorization": ""}, 401, ""},
		"unknown session":    {base + "/v1/sessions/00000000-0000-7000-8000-000000000000/interactions", good, nil, 404, ""},
		"malformed session":  {base + "/v1/sessions/nonsense/interactions", good, nil, 400, "session_id"},
		"bad previous":       {interactions, `{"input":{"text":"hello"},"context":{"previous_interaction":"x"}}`, nil, 422, "/context/previous_interaction"},
	} {
		t.Run(name, func(t *testing.T) {
			status, problem := p.post(t, c.url, c.body, c.headers)
			require.Equal(t, c.status, status, "%+v", problem)
			require.NotEmpty(t, problem.Code)
			if c.pointer != "" {
				require.NotEmpty(t, problem.Errors, "%+v", problem)
				require.Contains(t, problem.Errors[0].Pointer, c.pointer)
			}
		})
	}
	require.Zero(t, s.count(t, p.subject, "select (select count(*) from interactions) + (select count(*) from idempotency_keys) + (select count(*) from memory_nodes)"))
	got, err := http.Get(base + "/no/such/place")
	require.NoError(t, err)
	require.NoError(t, got.Body.Close())
	require.Equal(t, "application/problem+json", got.Header.Get("Content-Type"))
}
