package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"meai/api/client"
)

// bearing adds a token to every request.
type bearing struct{ token string }

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

// assistant is one of somebody else, which a person gave a token.
func assistant(t *testing.T, base, token string) *mcp.ClientSession {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "assistant", Version: "1"}, nil)
	session, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: base + "/mcp", HTTPClient: &http.Client{Transport: bearing{token}}, DisableStandaloneSSE: true}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func asks(t *testing.T, s *mcp.ClientSession, tool string, arguments map[string]any) (string, bool) {
	t.Helper()
	got, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	require.NoError(t, err)
	require.Len(t, got.Content, 1)
	return got.Content[0].(*mcp.TextContent).Text, !got.IsError
}

func TestAnAssistantUsesThePersonsMemoryWithTheirToken(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p, stranger := newPerson(t, base), newPerson(t, base)
	p.begin(t)
	stranger.begin(t)
	a := assistant(t, base, p.token)

	tools, err := a.ListTools(t.Context(), nil)
	require.NoError(t, err)
	var names []string
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
		require.NotEmpty(t, tool.Description, tool.Name)
	}
	require.ElementsMatch(t, []string{"query_memory", "store_memory", "get_memory", "related_memories", "list_facts", "list_patterns", "correct_memory",
		"preview_forgetting", "confirm_forgetting", "get_forgetting"}, names)

	for range 2 { // an assistant that repeats itself
		stored, ok := asks(t, a, "store_memory", map[string]any{"text": "I live in Porto.", "wait": "searchable"})
		require.True(t, ok, stored)
		require.Contains(t, stored, `"searchable"`)
	}
	found, ok := asks(t, a, "query_memory", map[string]any{"query": "Where do I live?"})
	require.True(t, ok, found)
	require.Equal(t, 1, strings.Count(found, "I live in Porto."))
	facts, ok := asks(t, a, "list_facts", nil)
	require.True(t, ok)
	require.Contains(t, facts, "Porto")
	var recollection client.Recollection
	require.NoError(t, json.Unmarshal([]byte(found), &recollection))
	memory := recollection.Memories[0].Id.String()
	one, ok := asks(t, a, "get_memory", map[string]any{"memory_id": memory})
	require.True(t, ok, one)

	t.Run("bad arguments are refused as the API refuses them", func(t *testing.T) {
		for tool, arguments := range map[string]map[string]any{
			"query_memory": {"query": "x", "limit": 1000}, "store_memory": {"text": "x", "mood": "odd"}, "get_memory": {"memory_id": "../../healthz"},
		} {
			answer, ok := asks(t, a, tool, arguments)
			require.False(t, ok, "%s: %s", tool, answer)
			require.Contains(t, answer, `"errors"`, tool)
		}
	})
	t.Run("nobody else's memory is reached", func(t *testing.T) {
		b := assistant(t, base, stranger.token)
		answer, ok := asks(t, b, "get_memory", map[string]any{"memory_id": memory})
		require.False(t, ok)
		require.Contains(t, answer, "not_found")
		for tool, arguments := range map[string]map[string]any{"query_memory": {"query": "Where do I live?"}, "list_facts": nil} {
			answer, ok := asks(t, b, tool, arguments)
			require.True(t, ok)
			require.NotContains(t, answer, "Porto", tool)
		}
		for tool, arguments := range map[string]map[string]any{
			"related_memories": {"memory_id": memory}, "correct_memory": {"memory_id": memory, "text": "x"}, "preview_forgetting": {"memories": []string{memory}},
		} {
			answer, ok := asks(t, b, tool, arguments)
			require.False(t, ok, "%s: %s", tool, answer)
		}
	})
	t.Run("a key opens what it was made for", func(t *testing.T) {
		made, err := p.api.CreateAPIKeyWithResponse(t.Context(), client.NewAPIKey{Scopes: []client.Scope{"memory"}, Days: 1})
		require.NoError(t, err)
		require.NotNil(t, made.JSON201, "%s", made.Body)
		_, ok := asks(t, assistant(t, base, made.JSON201.Key), "list_facts", nil)
		require.True(t, ok)
		made, err = p.api.CreateAPIKeyWithResponse(t.Context(), client.NewAPIKey{Scopes: []client.Scope{"mirror"}, Days: 1})
		require.NoError(t, err)
		answer, ok := asks(t, assistant(t, base, made.JSON201.Key), "list_facts", nil)
		require.False(t, ok)
		require.Contains(t, answer, "forbidden")
	})
	t.Run("without a token nobody enters", func(t *testing.T) {
		response, err := http.Post(base+"/mcp", "application/json", strings.NewReader(`{}`))
		require.NoError(t, err)
		defer func() { require.NoError(t, response.Body.Close()) }()
		require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	})
	t.Run("the person forgets through it", func(t *testing.T) {
		preview, ok := asks(t, a, "preview_forgetting", map[string]any{"memories": []string{memory}})
		require.True(t, ok, preview)
		var f client.Forgetting
		require.NoError(t, json.Unmarshal([]byte(preview), &f))
		_, ok = asks(t, a, "confirm_forgetting", map[string]any{"forgetting_id": f.Id.String()})
		require.True(t, ok)
		require.Eventually(t, func() bool {
			state, _ := asks(t, a, "get_forgetting", map[string]any{"forgetting_id": f.Id.String()})
			return strings.Contains(state, `"forgotten"`)
		}, within, 200_000_000)
	})
}
