package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
)

// post sends a body that the generated client would not let through. A header
// given as "" is left out.
func (p *person) post(t *testing.T, url, body string, headers map[string]string) (int, client.Problem) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+p.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", uuid.NewString())
	for name, value := range headers {
		request.Header.Del(name)
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	return response.StatusCode, decodeProblem(t, response)
}

func decodeProblem(t *testing.T, response *http.Response) client.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	var problem client.Problem
	require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
	return problem
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }
