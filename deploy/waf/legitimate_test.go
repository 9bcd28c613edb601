package waf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// words is the pattern that the contract gives to text of people, and of nothing else.
const words = `^[^\x00]*$`

// inspected are fields of that pattern whose content is checked nevertheless: names of devices and of resources.
var inspected = []string{"device", "about.resource_id"}

func contract(t *testing.T) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	spec, err := loader.LoadFromFile("../../api/openapi.yaml")
	require.NoError(t, err)
	return spec
}

// request is one of the product's own.
type request struct {
	id, method, path, media, body string
	headers                       []string
	fields                        []string // of words, with dots
}

// requests has each operation of the contract, with all that it may be given.
func requests(t *testing.T) []request {
	t.Helper()
	var all []request
	paths := contract(t).Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path]
		for method, op := range item.Operations() {
			r := request{id: op.OperationID, method: method, path: path}
			query := url.Values{}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				value := fmt.Sprint(example(p.Value.Schema.Value, p.Value.Example, nil, nil))
				switch p.Value.In {
				case "path":
					r.path = strings.ReplaceAll(r.path, "{"+p.Value.Name+"}", value)
				case "query":
					query.Set(p.Value.Name, value)
				case "header":
					r.headers = append(r.headers, p.Value.Name, header(p.Value.Name, value))
				}
			}
			if len(query) > 0 {
				r.path += "?" + query.Encode()
			}
			if op.RequestBody != nil {
				r.fill(t, op.RequestBody.Value.Content)
			}
			all = append(all, r)
		}
	}
	return all
}

func header(name, value string) string {
	switch name {
	case "Prefer":
		return "wait=5, respond-async"
	case "Accept-Language":
		return "de-CH, de;q=0.9, en;q=0.5, *;q=0.1"
	case "Range":
		return "bytes=1048576-"
	default:
		return value
	}
}

// fill makes the body that the contract describes, with an example where it has one.
func (r *request) fill(t *testing.T, content openapi3.Content) {
	t.Helper()
	for media, c := range content {
		r.media = media
		switch media {
		case "application/json":
			body, err := json.Marshal(example(c.Schema.Value, c.Example, nil, &r.fields))
			require.NoError(t, err)
			r.body = string(body)
		case "application/x-ndjson":
			r.body = `{"text":"It was a long day","role":"person","at":"2026-01-01T08:00:00Z"}` + "\n"
		case "multipart/form-data":
			r.body, r.media = encrypted(t)
		default:
			t.Fatalf("%s takes %s, which the firewall does not know", r.id, media)
		}
	}
}

// encrypted is an upload of bytes that could be anything.
func encrypted(t *testing.T) (body, media string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	require.NoError(t, form.WriteField("passphrase", `' OR 1=1; <script>alert(1)</script>`))
	file, err := form.CreateFormFile("file", "export.zip.age")
	require.NoError(t, err)
	every := make([]byte, 256<<10)
	for i := range every {
		every[i] = byte(i)
	}
	_, err = file.Write(every)
	require.NoError(t, err)
	require.NoError(t, form.Close())
	return b.String(), form.FormDataContentType()
}

// example is a value of the schema; fields collects where words are.
func example(s *openapi3.Schema, given any, path []string, fields *[]string) any {
	if s.Pattern == words || strings.HasSuffix(strings.Join(path, "."), "passphrase") {
		if fields != nil {
			*fields = append(*fields, strings.Join(path, "."))
		}
		return "I can't sleep"
	}
	for _, nested := range [][]*openapi3.SchemaRef{s.AllOf, s.OneOf, s.AnyOf} {
		if len(nested) > 0 {
			return example(nested[0].Value, given, path, fields)
		}
	}
	switch {
	case s.Type.Is("object"):
		object := map[string]any{}
		for name, p := range s.Properties {
			object[name] = example(p.Value, nil, append(slices.Clone(path), name), fields)
		}
		return object
	case s.Type.Is("array"):
		return []any{example(s.Items.Value, nil, append(slices.Clone(path), "0"), fields)}
	case given != nil:
		return given
	case s.Example != nil:
		return s.Example
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("integer"), s.Type.Is("number"):
		return 1
	case s.Type.Is("boolean"):
		return true
	case s.Format == "uuid":
		return somebody
	case s.Format == "date-time":
		return "2026-11-27T05:00:00.123456+01:00"
	default:
		return "a-1"
	}
}

// passes sends a request and requires that it reached the API as it was sent.
func (f *firewall) passes(r request) {
	f.t.Helper()
	headers := append([]string{"Authorization", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln-_"}, r.headers...)
	if r.body != "" {
		headers = append(headers, "Content-Type", r.media)
	}
	a := f.send(r.method, r.path, r.body, headers...)
	require.Equal(f.t, http.StatusOK, a.status, "%s %s %.300s", r.method, r.path, r.body)
	require.Equal(f.t, "of-the-api", a.header.Get("X-Request-Id"))
	got, body, _ := f.upstream.seen()
	require.Equal(f.t, r.path, got.RequestURI)
	require.Equal(f.t, r.body, string(body))
	require.Equal(f.t, headers[1], got.Header.Get("Authorization"))
}

func TestEveryOperationPasses(t *testing.T) {
	f := start(t, nil)
	all := requests(t)
	require.Greater(t, len(all), 80)
	for _, r := range all {
		t.Run(r.id, func(t *testing.T) {
			f := *f
			f.t = t
			f.passes(r)
		})
	}
	for _, path := range []string{"/openapi.yaml", "/openapi.json", "/docs", "/docs/index.html", "/problems/malformed-request"} {
		f.passes(request{method: http.MethodGet, path: path})
	}
}

// with returns the body with other words in one of its fields.
func with(t *testing.T, body, field, text string) string {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	path := strings.Split(field, ".")
	here := value
	for _, name := range path[:len(path)-1] {
		here = here.(map[string]any)[name]
	}
	if last := path[len(path)-1]; last == "0" {
		list := here.([]any)
		list[0] = text
		// The twentieth is as good as the first.
		for len(list) < 20 {
			list = append(list, text)
		}
		return replaced(t, value, path[:len(path)-1], list)
	}
	return replaced(t, value, path, text)
}

func replaced(t *testing.T, value any, path []string, by any) string {
	t.Helper()
	here := value
	for _, name := range path[:len(path)-1] {
		here = here.(map[string]any)[name]
	}
	here.(map[string]any)[path[len(path)-1]] = by
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // as clients in other languages write it
	require.NoError(t, encoder.Encode(value))
	return b.String()
}

func TestWhatPeopleWriteIsNeverRefused(t *testing.T) {
	f := start(t, nil)
	require.GreaterOrEqual(t, len(messages()), 60)
	checked := 0
	for _, r := range requests(t) {
		for _, field := range r.fields {
			if slices.Contains(inspected, field) {
				continue
			}
			checked++
			t.Run(r.id+" "+field, func(t *testing.T) {
				f := *f
				f.t = t
				for _, text := range messages() {
					if strings.HasSuffix(field, ".0") && len(text) > 400 {
						continue // twenty of these are more than a body may have
					}
					r := r
					r.body = with(t, r.body, field, text)
					f.passes(r)
				}
			})
		}
	}
	require.Greater(t, checked, 20, "fields of words")
}

// Past conversations come as lines, and assistants say the same words as tools.
func TestWhatPeopleWriteElsewhereIsNeverRefused(t *testing.T) {
	f := start(t, nil)
	var lines strings.Builder
	quoted := func(text string) string {
		return strings.TrimSpace(replaced(t, map[string]any{}, []string{"text"}, text))
	}
	for _, text := range messages() {
		lines.WriteString(quoted(text) + "\n")
		for _, name := range []string{"text", "query", "entity", "theme", "speaker"} {
			f.passes(request{method: http.MethodPost, path: "/mcp", media: "application/json", headers: []string{"Accept", "application/json, text/event-stream"},
				body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"storeMemory","arguments":` + strings.Replace(quoted(text), "text", name, 1) + `}}`})
		}
		for _, name := range []string{"entities", "emotions"} {
			f.passes(request{method: http.MethodPost, path: "/mcp", media: "application/json",
				body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"queryMemory","arguments":` + replaced(t, map[string]any{}, []string{name}, []any{text}) + `}}`})
		}
	}
	sevenMiB := strings.Repeat(lines.String(), 7<<20/lines.Len())
	f.passes(request{method: http.MethodPost, path: "/v1/memory/imports", media: "application/x-ndjson", body: lines.String()})
	f.passes(request{method: http.MethodPost, path: "/v1/memory/imports", media: "application/x-ndjson", body: sevenMiB})
}
