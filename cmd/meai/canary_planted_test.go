package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"meai/internal/canary"
)

// plants are leaks made on purpose, each with a word of its own and the places
// where the scan must come across it.
type plants struct {
	data     string
	canaries canaries
	// expected by the name of the leak: parts of the source, of the form and of what
	// it is packed in.
	expected map[string][]sighting
}

type sighting struct{ source, form, packed string }

func newPlants(data string) *plants {
	p := &plants{data: data, canaries: canaries{fields: map[string][]string{}}, expected: map[string][]sighting{
		"a plain column":           {{"/postgres/data/base/", "utf-8", ""}, {"/postgres/data/pg_wal/", "utf-8", ""}, {"dump", "utf-8", ""}},
		"a packed plain column":    {{"dump", "utf-8", ""}},
		"a binary column":          {{"/postgres/data/base/", "utf-16le", ""}, {"dump", "hex of utf-16le", ""}, {"dump, binary columns", "utf-16le", ""}},
		"a column of gzip":         {{"dump, binary columns", "utf-8", "gzip"}},
		"a log line":               {{"/logs/planted.log", "utf-8", ""}},
		"a vector's property":      {{"/weaviate/", "utf-8", ""}},
		"a vector's indexed term":  {{"/weaviate/", "utf-8", ""}},
		"an unsealed payload":      {{"/postgres/data/base/", "utf-8", ""}, {"dump", "hex of utf-8", ""}},
		"an unsealed memo":         {{"dump", "hex of utf-8", ""}},
		"a search attribute":       {{"/postgres/data/base/", "utf-8", ""}, {"dump", "utf-8", ""}},
		"a workflow id":            {{"dump", "utf-8", ""}},
		"an object in gzip":        {{"/objects/planted.gz", "utf-8", "gzip at 0"}},
		"an object in base64":      {{"/objects/planted.b64", "base64 of utf-8", ""}},
		"an object in UTF-16":      {{"/objects/planted.utf16", "utf-16be", ""}},
		"an object's name":         {{"the name of", "utf-8", ""}},
		"a core file":              {{"/core.4711", "utf-8", ""}},
		"a key ring's description": {{"/keyring/", "utf-8", ""}},
	}}
	for name := range p.expected {
		p.canaries.word(name)
	}
	return p
}

func (p *plants) words() []string          { return p.canaries.words() }
func (p *plants) word(name string) string  { return p.canaries.fields[name][0] }
func (p *plants) bytes(name string) []byte { return []byte("left by " + p.word(name) + " here") }

// requireAllFound fails for every leak that the scan passed over.
func (p *plants) requireAllFound(t *testing.T, found []canary.Finding) {
	t.Helper()
	for name, sightings := range p.expected {
		for _, want := range sightings {
			seen := slices.ContainsFunc(found, func(f canary.Finding) bool {
				return f.Text == p.word(name) && strings.Contains(f.Source, want.source) && f.Form == want.form &&
					strings.HasPrefix(f.Packed, want.packed) && (want.packed == "") == (f.Packed == "")
			})
			if !seen {
				t.Errorf("%s, planted, is not found as %+v", name, want)
			}
		}
	}
}

func (p *plants) plant(t *testing.T, w *watch) {
	t.Helper()
	p.plantRows(t, w)
	p.plantVectors(t, w)
	p.plantWorkflow(t, w)
	p.plantFiles(t)
}

func (p *plants) plantRows(t *testing.T, w *watch) {
	t.Helper()
	conn, _ := w.superuser(t, "meai")
	_, err := conn.Exec(t.Context(), "create table planted (note text, data bytea)")
	require.NoError(t, err)
	packed := strings.Repeat("not a word of it ", 200) + p.word("a packed plain column") + strings.Repeat(" and more of the same", 200)
	for _, row := range []struct {
		note string
		data []byte
	}{
		{string(p.bytes("a plain column")), nil},
		{packed, nil},
		{"", wide(p.word("a binary column"), 0, 8)},
		{"", zipped(t, p.bytes("a column of gzip"))},
	} {
		_, err := conn.Exec(t.Context(), "insert into planted values ($1, $2)", row.note, row.data)
		require.NoError(t, err)
	}
}

func (p *plants) plantVectors(t *testing.T, w *watch) {
	t.Helper()
	post := func(path, body string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.config.Weaviate.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+w.config.Weaviate.APIKey)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	post("/v1/schema", `{"class":"Planted","properties":[
		{"name":"text","dataType":["text"],"indexSearchable":false,"indexFilterable":false},
		{"name":"term","dataType":["text"],"tokenization":"whitespace"}]}`)
	post("/v1/objects", `{"class":"Planted","properties":{"text":"`+string(p.bytes("a vector's property"))+`","term":"`+p.word("a vector's indexed term")+`"}}`)
}

// plantWorkflow starts a workflow as a client without the codec would.
func (p *plants) plantWorkflow(t *testing.T, w *watch) {
	t.Helper()
	c, err := sdk.Dial(sdk.Options{HostPort: w.config.Temporal.Address, Namespace: w.config.Temporal.Namespace})
	require.NoError(t, err)
	defer c.Close()
	attribute := temporal.NewSearchAttributeKeyKeyword("MeaiSubject")
	_, err = c.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{
		ID: "planted-" + p.word("a workflow id"), TaskQueue: "nobody",
		Memo:                  map[string]any{"note": string(p.bytes("an unsealed memo"))},
		TypedSearchAttributes: temporal.NewSearchAttributes(attribute.ValueSet(p.word("a search attribute"))),
	}, "Planted", string(p.bytes("an unsealed payload")))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return slices.Contains(ranIn(t.Context(), c), "Planted") }, within, within/600)
}

func (p *plants) plantFiles(t *testing.T) {
	t.Helper()
	var line bytes.Buffer
	slog.New(slog.NewJSONHandler(&line, nil)).Info("cannot understand", "text", p.word("a log line"))
	for path, content := range map[string][]byte{
		"logs/planted.log":                                line.Bytes(),
		"objects/planted.gz":                              zipped(t, p.bytes("an object in gzip")),
		"objects/planted.b64":                             []byte(base64.StdEncoding.EncodeToString(p.bytes("an object in base64"))),
		"objects/planted.utf16":                           wide(p.word("an object in UTF-16"), 8, 0),
		"objects/export-of-" + p.word("an object's name"): nil,
		"core.4711":                                       append(make([]byte, 3<<20), p.bytes("a core file")...),
		"keyring/planted":                                 p.bytes("a key ring's description"),
	} {
		path = filepath.Join(p.data, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
}

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}

// wide writes UTF-16 units by two shifts: 0 and 8 for little endian, 8 and 0 for big.
func wide(s string, first, second int) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>first), byte(u>>second))
	}
	return b
}

// hexadecimal is how a dump writes a binary column.
var hexadecimal = regexp.MustCompile(`\\\\x([0-9a-f]{2,})`)

// binaries turns the binary columns of a dump back into bytes, one after the other.
func binaries(dump []byte) []byte {
	var all []byte
	for _, found := range hexadecimal.FindAllSubmatch(dump, -1) {
		if column, err := hex.AppendDecode(nil, found[1]); err == nil {
			all = append(append(all, column...), '\n')
		}
	}
	return all
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
