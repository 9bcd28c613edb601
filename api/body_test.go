package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/api"
)

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestJSONIsHeldToDepthAndNumber(t *testing.T) {
	list := func(values int) string { return "[" + strings.TrimSuffix(strings.Repeat("0,", values), ",") + "]" }
	for name, c := range map[string]struct {
		body   string
		reason string
	}{
		"as deep as allowed":      {nested(api.MaxDepth), ""},
		"deeper":                  {nested(api.MaxDepth + 1), "nests deeper"},
		"deep within an object":   {`{"a":` + nested(api.MaxDepth) + `}`, "nests deeper"},
		"as many as allowed":      {list(api.MaxTokens - 2), ""}, // two brackets
		"more":                    {list(api.MaxTokens - 1), "holds more than 2000 values"},
		"many, and deep later":    {"[" + strings.Repeat("0,", api.MaxTokens) + nested(20) + "]", "holds more than 2000 values"},
		"depth before the syntax": {strings.Repeat(`{"a":`, 30) + "!", "nests deeper"},
		"two values":              {"1 2", "more than one JSON value"},
		"nothing":                 {" ", "is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.CheckJSON([]byte(c.body))
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.Contains(t, strings.Join(api.Reasons(err), ";"), c.reason)
		})
	}
}

// raw sends bytes and returns the response's status; the connection closes in the end.
func raw(t *testing.T, address, request string) *http.Response {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, connection.Close()) })
	require.NoError(t, connection.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(connection, request)
	require.NoError(t, err)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), &toTheEnd{reader}))
	return response
}

// toTheEnd reads on until the server closes the connection.
type toTheEnd struct{ *bufio.Reader }

func TestHeadersAreLimited(t *testing.T) {
	address, _ := newSite(t).serve(t)
	request := func(header string) string {
		return "GET /healthz HTTP/1.1\r\nHost: meai\r\nConnection: close\r\n" + header + "\r\n\r\n"
	}
	require.Equal(t, http.StatusOK, raw(t, address, request("X: "+strings.Repeat("a", 30<<10))).StatusCode)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, raw(t, address, request("X: "+strings.Repeat("a", 40<<10))).StatusCode)
	many := strings.TrimSuffix(strings.Repeat("X: a\r\n", 8<<10), "\r\n")
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, raw(t, address, request(many)).StatusCode)
}

// TestABodyThatNobodyReadsHoldsNoConnection: the server itself takes the rest of
// a body after the response, from whoever sends it, known or not.
func TestABodyThatNobodyReadsHoldsNoConnection(t *testing.T) {
	s := newSite(t)
	s.server.HurryBodies(50 * time.Millisecond)
	address, _ := s.serve(t)
	for path, status := range map[string]int{"/healthz": 200, "/nowhere": 404, "/v1/sessions": 401, "/docs": 200} {
		method := "GET"
		if path == "/v1/sessions" {
			method = "POST"
		}
		response := raw(t, address, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: meai\r\nContent-Length: 1000\r\n\r\nsome", method, path))
		require.Equal(t, status, response.StatusCode, path)
		_, err := io.ReadAll(response.Body)
		require.NoError(t, err, "%s: the connection is closed, not left waiting", path)
	}
}

// FuzzJSON: what is accepted is one JSON value within the limits, as another
// parser sees it.
func FuzzJSON(f *testing.F) {
	for _, body := range []string{
		`{"input":{"text":"hello"}}`, nested(api.MaxDepth), nested(api.MaxDepth + 1), strings.Repeat(`{"a":`, 40), "[" + strings.Repeat("0,", 2100) + "0]",
		`"\ud800"`, "\xff", `{"a":1,"a":2}`, "1 2", "", " \n", `{"a\u0000":null}`, "1e999", "-0", "\ufeff1", `[1,]`, `{"a":[{"b":[{}]}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := api.CheckJSON(body)
		if err != nil {
			require.NotEmpty(t, api.Reasons(err))
			for _, reason := range api.Reasons(err) {
				require.LessOrEqual(t, len(reason), 100)
			}
			return
		}
		depth, deepest, tokens := 0, 0, 0
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		for {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			}
			require.NoError(t, err, "accepted, so it can be read")
			tokens++
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
			deepest = max(deepest, depth)
		}
		require.Zero(t, depth)
		require.LessOrEqual(t, deepest, api.MaxDepth)
		require.LessOrEqual(t, tokens, api.MaxTokens)
	})
}
