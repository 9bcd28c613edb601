package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/api"
)

// FuzzRequests: whatever comes in, the answer follows the contract and is never a
// failure of the server. Only what is accepted is stored.
func FuzzRequests(f *testing.F) {
	for _, body := range []string{
		`{"input":{"text":"hello"}}`, `{"input":{"text":"a\u0000"}}`, `{"input":null}`, `[]`, `{`, "\xff", `{"input":{"text":"\ud800"}}`,
		`{"text":"hello"}`, `{"query":"a","limit":1e2,"kinds":["turn"],"from":"2026-01-01T00:00:00Z"}`, `{"topic":"a","max_minutes":-1}`, `{"device":"phone"}`, `{"emotion":"joy","needs":[{"name":"growth","lacking":false}],"purpose":"celebrate","tone":"warm","count":5,"recent":["00000000-0000-8000-8000-000000000000"]}`,
		nested(api.MaxDepth), nested(api.MaxDepth + 1), `{"input":` + strings.Repeat(`{"text":`, 40), "[" + strings.Repeat("0,", 2100) + "0]",
	} {
		f.Add(body, "key", "wait=1", "application/json", uint8(0))
		f.Add(body, "", "wait=x", "", uint8(3))
	}
	p := newSite(f).person()
	session := p.begin(f).String()
	paths := []string{
		"/v1/sessions/" + session + "/interactions", "/v1/sessions", "/v1/mirror/emotional-analysis", "/v1/mirror/reflection-prompts",
		"/v1/memory/query", "/v1/bridge/resources/search", "/v1/sessions/x/interactions",
	}
	f.Fuzz(func(t *testing.T, body, key, prefer, contentType string, where uint8) {
		request := p.request(post(paths[int(where)%len(paths)], body))
		for name, value := range map[string]string{"Idempotency-Key": key, "Prefer": prefer, "Content-Type": contentType} {
			request.Header.Set(name, value)
		}
		before := p.store.count()
		w := httptest.NewRecorder()
		p.server.ServeHTTP(w, request)
		require.Less(t, w.Code, 500, "%s", w.Body)
		p.holdToContract(t, request, w)
		require.True(t, json.Valid(w.Body.Bytes()))
		if w.Code >= 400 {
			require.Equal(t, before, p.store.count())
			require.NotEmpty(t, decode[api.Problem](t, w).Code)
		}
	})
}
