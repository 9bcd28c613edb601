package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror"
	"meai/api"
)

func TestBadInputIsRefusedWithAPointer(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t).String()
	say := "/v1/sessions/" + session + "/interactions"
	keyed := func(body string) call { return post(say, body).with("Idempotency-Key", "k") }
	good := keyed(`{"input":{"text":"hello"}}`)
	long := strings.Repeat("long and private ", 20)
	p.engine.prompts = mirror.Reflection{Language: "und"} // what Mirror says of another language

	for name, c := range map[string]struct {
		call     call
		status   int
		code     string
		in       api.FieldErrorIn
		pointer  string
		reason   string
		withheld string
	}{
		"no body":                {keyed(""), 400, "malformed_request", "body", "", "is required", ""},
		"not JSON":               {keyed("secretly"), 400, "malformed_request", "body", "", "is not JSON", "secretly"},
		"cut short":              {keyed(`{"input":{"text":"hel`), 400, "malformed_request", "body", "/input/text", "is not JSON", ""},
		"two values":             {keyed(`{"input":{"text":"a"}} {}`), 400, "malformed_request", "body", "", "holds more than one JSON value", ""},
		"broken UTF-8":           {keyed("{\"input\":{\"text\":\"a\xff\"}}"), 400, "malformed_request", "body", "/input/text", "is not UTF-8", ""},
		"broken UTF-8 elsewhere": {keyed("{\"input\":{\"text\":\"a\"},\"context\":{\"place\":\"\xc3\x28\"}}"), 400, "malformed_request", "body", "/context/place", "is not UTF-8", ""},
		"half a surrogate pair":  {keyed(`{"input":{"text":"\ud800"}}`), 400, "malformed_request", "body", "/input/text", "is not JSON", ""},
		"deep nesting":           {keyed(strings.Repeat("[", 60000)), 400, "malformed_request", "body", "", "nests deeper than 16 levels", ""},
		"many values":            {keyed("[" + strings.Repeat("0,", 5000) + "0]"), 400, "malformed_request", "body", "", "holds more than 2000 values", ""},
		"NUL":                    {keyed(`{"input":{"text":"a\u0000b"}}`), 422, "invalid_request", "body", "/input/text", "has characters that are not allowed", ""},
		"null":                   {keyed(`null`), 422, "invalid_request", "body", "", "must be an object", ""},
		"array":                  {keyed(`[]`), 422, "invalid_request", "body", "", "must be an object", ""},
		"nothing said":           {keyed(`{}`), 422, "invalid_request", "body", "/input", "is required", ""},
		"no text":                {keyed(`{"input":{}}`), 422, "invalid_request", "body", "/input/text", "is required", ""},
		"empty text":             {keyed(`{"input":{"text":""}}`), 422, "invalid_request", "body", "/input/text", "must have at least 1 character(s)", ""},
		"blank text":             {keyed(`{"input":{"text":" \u00a0\n"}}`), 422, "invalid_request", "body", "/input/text", "must say something", ""},
		"nothing before":         {keyed(`{"input":{"text":"a"},"context":{"previous_interaction":"0192d3f0-0000-7000-8000-000000000000"}}`), 422, "invalid_request", "body", "/context/previous_interaction", "names no interaction", "0192d3f0"},
		"long text":              {keyed(`{"input":{"text":"` + strings.Repeat("ä", 8001) + `"}}`), 422, "invalid_request", "body", "/input/text", "must have at most 8000 characters", "ääää"},
		"text is a number":       {keyed(`{"input":{"text":4711}}`), 422, "invalid_request", "body", "/input/text", "must be a string", "4711"},
		"text is null":           {keyed(`{"input":{"text":null}}`), 422, "invalid_request", "body", "/input/text", "must be a string", ""},
		"unknown field":          {keyed(`{"input":{"text":"a","tone":"warm"}}`), 422, "invalid_request", "body", "/input/tone", "is not known here", "warm"},
		"field in another case":  {keyed(`{"input":{"text":"a"},"Context":{}}`), 422, "invalid_request", "body", "/Context", "is not known here", ""},
		"field with a slash":     {keyed(`{"input":{"text":"a"},"a/b":1}`), 422, "invalid_request", "body", "/a~1b", "is not known here", ""},
		"very long field":        {keyed(`{"input":{"text":"a","` + long + `":1}}`), 422, "invalid_request", "body", "/input", "is not known here", long},
		"time of day":            {keyed(`{"input":{"text":"a"},"context":{"time_of_day":"teatime"}}`), 422, "invalid_request", "body", "/context/time_of_day", "must be one of morning, afternoon, evening, night", "teatime"},
		"previous interaction":   {keyed(`{"input":{"text":"a"},"context":{"previous_interaction":"yesterday"}}`), 422, "invalid_request", "body", "/context/previous_interaction", "must be a UUID", "yesterday"},
		"no key":                 {post(say, good.body), 400, "malformed_request", "header", "Idempotency-Key", "is required", ""},
		"long key":               {post(say, good.body).with("Idempotency-Key", strings.Repeat("k", 256)), 400, "malformed_request", "header", "Idempotency-Key", "must have at most 255 characters", "kkkk"},
		"key with a space":       {post(say, good.body).with("Idempotency-Key", "a b"), 400, "malformed_request", "header", "Idempotency-Key", "has characters that are not allowed", "a b"},
		"key beyond ASCII":       {post(say, good.body).with("Idempotency-Key", "schlüssel"), 400, "malformed_request", "header", "Idempotency-Key", "has characters that are not allowed", ""},
		"two keys":               {good.with("Idempotency-Key", "k2"), 400, "malformed_request", "header", "Idempotency-Key", "must be given once", ""},
		"session is no UUID":     {get("/v1/sessions/anna"), 400, "malformed_request", "path", "session_id", "must be a UUID", ""},
		"session in braces":      {get("/v1/sessions/%7B" + session + "%7D"), 400, "malformed_request", "path", "session_id", "must be a UUID", ""},
		"interaction is no UUID": {get(say + "/1"), 400, "malformed_request", "path", "interaction_id", "must be a UUID", ""},
		"limit is a word":        {get(say + "?limit=many"), 400, "malformed_request", "query", "limit", "must be a whole number", "many"},
		"limit is a fraction":    {get(say + "?limit=1.5"), 400, "malformed_request", "query", "limit", "must be a whole number", "1.5"},
		"limit is zero":          {get(say + "?limit=0"), 400, "malformed_request", "query", "limit", "must be at least 1", ""},
		"limit is huge":          {get(say + "?limit=101"), 400, "malformed_request", "query", "limit", "must be at most 100", ""},
		"limit twice":            {get(say + "?limit=1&limit=2"), 400, "malformed_request", "query", "limit", "must be given once", ""},
		"cursor is no UUID":      {get(say + "?cursor=next"), 400, "malformed_request", "query", "cursor", "must be a UUID", "next"},
		"event id is a word":     {get(say+"/"+session+"/events").with("Last-Event-ID", "last"), 400, "malformed_request", "header", "Last-Event-ID", "must be a whole number", ""},
		"event id is huge":       {get(say+"/"+session+"/events").with("Last-Event-ID", "99999999999999999999"), 400, "malformed_request", "header", "Last-Event-ID", "", "9999"},
		"device is a list":       {post("/v1/sessions", `{"device":["phone"]}`), 422, "invalid_request", "body", "/device", "must be a string", ""},
		"analysis without text":  {post("/v1/mirror/emotional-analysis", `{}`), 422, "invalid_request", "body", "/text", "is required", ""},
		"nothing to reflect on":  {post("/v1/mirror/reflection-prompts", `{"tone":"warm"}`), 422, "invalid_request", "body", "/text", "is required when emotion is not given", ""},
		"another language":       {post("/v1/mirror/reflection-prompts", `{"text":"Ich bin heute so traurig."}`), 422, "unsupported_language", "body", "/text", "must be in English", ""},
		"text beyond measure":    {post("/v1/mirror/reflection-prompts", `{"text":"`+strings.Repeat("a ", 4001)+`"}`), 422, "invalid_request", "body", "/text", "must have at most 8000 characters", ""},
		"an unknown feeling":     {post("/v1/mirror/reflection-prompts", `{"emotion":"wistfulness"}`), 422, "invalid_request", "body", "/emotion", "", "wistfulness"},
		"an unknown need":        {post("/v1/mirror/reflection-prompts", `{"emotion":"joy","needs":[{"name":"fame","lacking":true}]}`), 422, "invalid_request", "body", "/needs/0/name", "", "fame"},
		"an unknown tone":        {post("/v1/mirror/reflection-prompts", `{"emotion":"joy","tone":"harsh"}`), 422, "invalid_request", "body", "/tone", "must be one of gentle, direct, curious, warm", ""},
		"too many prompts":       {post("/v1/mirror/reflection-prompts", `{"emotion":"joy","count":6}`), 422, "invalid_request", "body", "/count", "must be at most 5", ""},
		"recent is no id":        {post("/v1/mirror/reflection-prompts", `{"emotion":"joy","recent":["that one"]}`), 422, "invalid_request", "body", "/recent/0", "must be a UUID", "that one"},
		"memory kind":            {post("/v1/memory/query", `{"query":"a","kinds":["turn","vault"]}`), 422, "invalid_request", "body", "/kinds/1", "must be one of turn, marker, echo, storyline, entity", ""},
		"memory limit":           {post("/v1/memory/query", `{"query":"a","limit":51}`), 422, "invalid_request", "body", "/limit", "must be at most 50", ""},
		"31st of February":       {post("/v1/memory/query", `{"query":"a","from":"2026-02-31T00:00:00Z"}`), 422, "invalid_request", "body", "/from", "must be a time as RFC 3339 writes it", ""},
		"to before from":         {post("/v1/memory/query", `{"query":"a","from":"2026-02-02T00:00:00Z","to":"2026-02-01T00:00:00Z"}`), 422, "invalid_request", "body", "/to", "must be later than from", ""},
		"minutes overflow":       {post("/v1/bridge/resources/search", `{"topic":"a","max_minutes":1e400}`), 422, "invalid_request", "body", "/max_minutes", "", "1e400"},
		"too many needs":         {post("/v1/bridge/resources/search", `{"topic":"a","needs":[`+strings.Repeat(`"n",`, 20)+`"n"]}`), 422, "invalid_request", "body", "/needs", "must have at most 20 items", ""},
		"plain text":             {good.with("Content-Type", "text/plain"), 415, "unsupported_media_type", "header", "Content-Type", "must be application/json", ""},
		"no content type":        {good.with("Content-Type", ""), 415, "unsupported_media_type", "header", "Content-Type", "must be application/json", ""},
		"Latin-1":                {good.with("Content-Type", "application/json; charset=iso-8859-1"), 415, "unsupported_media_type", "header", "Content-Type", "must be application/json", ""},
		"compressed":             {good.with("Content-Encoding", "gzip"), 415, "unsupported_media_type", "header", "Content-Encoding", "is not supported", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := p.do(t, c.call)
			problem := refused(t, w, c.status, c.code)
			require.Len(t, problem.Errors, 1, "%s", w.Body)
			fault := problem.Errors[0]
			require.Equal(t, c.in, fault.In)
			require.Equal(t, c.pointer, fault.Pointer)
			if c.reason != "" {
				require.Equal(t, c.reason, fault.Reason)
			}
			if c.withheld != "" {
				require.NotContains(t, w.Body.String(), c.withheld, "what was sent is not sent back")
			}
		})
	}
	require.Zero(t, p.store.count(), "nothing of it was stored")
	require.Zero(t, p.engine.starts())
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	p := newSite(t).person()
	w := p.do(t, post("/v1/sessions/"+p.begin(t).String()+"/interactions", `{"input":{"text":5,"tone":1},"context":{"place":""},"x":1}`))
	problem := refused(t, w, http.StatusBadRequest, "malformed_request")
	var got []string
	for _, fault := range problem.Errors {
		got = append(got, fmt.Sprint(fault.In, " ", fault.Pointer))
	}
	require.Equal(t, []string{"body /context/place", "body /input/text", "body /input/tone", "body /x", "header Idempotency-Key"}, got)
}

func TestOversizedBodies(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	large := message(session, "k", strings.Repeat("a", api.MaxBody))
	refused(t, p.do(t, large), http.StatusRequestEntityTooLarge, "body_too_large")
	require.Zero(t, p.store.count())

	// The longest text that is allowed fits, in characters of four bytes each.
	require.Equal(t, http.StatusAccepted, p.do(t, message(session, "k", strings.Repeat("🌊", 8000))).Code)
}

func TestGoodInputOfEverySort(t *testing.T) {
	p := newSite(t).person()
	say := "/v1/sessions/" + p.begin(t).String() + "/interactions"
	for name, c := range map[string]call{
		"charset named":      post(say, `{"input":{"text":"a"}}`).with("Content-Type", "application/json; charset=UTF-8"),
		"type in capitals":   post(say, `{"input":{"text":"a"}}`).with("Content-Type", "Application/JSON"),
		"repeated name":      post(say, `{"input":{"text":"a"},"input":{"text":"b"}}`),
		"empty context":      post(say, `{"input":{"text":"a"},"context":{}}`),
		"white space around": post(say, " \n{\"input\":{\"text\":\"a\"}}\n "),
		"strange preference": post(say, `{"input":{"text":"a"}}`).with("Prefer", `foo; bar="baz,`),
		"any language":       post(say, `{"input":{"text":"今日は少し楽になった。😌"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			w := p.do(t, c.with("Idempotency-Key", newID().String()))
			require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
		})
	}
}

func TestAddressesThatDoNotExist(t *testing.T) {
	p := newSite(t).person()
	refused(t, p.do(t, get("/")), http.StatusNotFound, "no_such_route")
	refused(t, p.do(t, get("/v2/sessions")), http.StatusNotFound, "no_such_route")
	refused(t, p.do(t, get("/problems/unheard-of")), http.StatusNotFound, "no_such_route")
	refused(t, p.do(t, get("/metrics")), http.StatusNotFound, "no_such_route")
	w := p.do(t, call{method: http.MethodDelete, path: "/v1/sessions/" + newID().String()})
	refused(t, w, http.StatusMethodNotAllowed, "method_not_allowed")
	require.Contains(t, w.Header().Get("Allow"), http.MethodGet)
}

func TestUnknownCallers(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	for name, header := range map[string]string{"nobody": "", "other token": "Bearer x", "nobody's UUID": "Bearer dev-0"} {
		t.Run(name, func(t *testing.T) {
			// Who is not known learns nothing about the rest of the request.
			w := p.do(t, post("/v1/sessions/"+session.String()+"/interactions", "{").with("Authorization", header))
			problem := refused(t, w, http.StatusUnauthorized, "unauthenticated")
			require.Empty(t, problem.Errors)
			require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
		})
	}
	require.Zero(t, p.store.count())
}
