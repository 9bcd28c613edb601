package embedding_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding"
)

// answering is a provider that always answers the same.
func answering(t *testing.T, status int, body string) embedding.OpenAIOptions {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if _, err := fmt.Fprint(w, body); err != nil {
			t.Errorf("answer as provider: %v", err)
		}
	}))
	t.Cleanup(server.Close)
	return embedding.OpenAIOptions{BaseURL: server.URL, Model: "m", Dimensions: 2}
}

func TestABadProviderGivesAClearError(t *testing.T) {
	const secret = "my secret worry"
	one := func(vector string) string {
		return `{"object":"list","data":[{"object":"embedding","index":0,"embedding":` + vector + `}],"model":"m"}`
	}
	cases := []struct {
		name, body string
		status     int
		want       string
	}{
		{"wrong dimension", one("[1,0,0]"), 200, "3 dimensions, configured are 2"},
		{"not a number", one("[NaN,1]"), 200, "parsing response"},
		{"null values", one("[null,null]"), 200, "no direction"},
		{"too large", one("[1e200,1e200]"), 200, "no direction"},
		{"zero vector", one("[0,0]"), 200, "no direction"},
		{"no vector", `{"object":"list","data":[]}`, 200, "0 vectors for 1 texts"},
		{"index out of range", `{"data":[{"index":1,"embedding":[1,0]}]}`, 200, "index 1"},
		{"server error", `{"error":{"message":"could not embed: ` + secret + `"}}`, 500, "500 Internal Server Error"},
		{"overloaded", `busy`, 429, "429"},
		{"not json", `<html>`, 200, "embedding 1 texts"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o, err := embedding.NewOpenAI(answering(t, c.status, c.body))
			require.NoError(t, err)
			_, err = o.Embed(context.Background(), secret)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "openai:m")
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestTheSameIndexTwiceIsRefused(t *testing.T) {
	o, err := embedding.NewOpenAI(answering(t, 200, `{"data":[{"index":0,"embedding":[1,0]},{"index":0,"embedding":[0,1]}]}`))
	require.NoError(t, err)
	_, err = o.Embed(context.Background(), "one", "two")
	require.ErrorContains(t, err, "index 0")
}

func TestAFailingProviderIsAskedOnce(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	o, err := embedding.NewOpenAI(embedding.OpenAIOptions{BaseURL: server.URL, Model: "m", Dimensions: 2})
	require.NoError(t, err)
	_, err = o.Embed(context.Background(), "words")
	require.Error(t, err)
	require.EqualValues(t, 1, asked.Load(), "retries belong to the caller")
}

func TestASlowProviderIsGivenUpOn(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	o, err := embedding.NewOpenAI(embedding.OpenAIOptions{BaseURL: server.URL, Model: "m", Dimensions: 2, Timeout: 30 * time.Millisecond})
	require.NoError(t, err)
	_, err = o.Embed(context.Background(), "words")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestVectorsAreScaledToLengthOne(t *testing.T) {
	o, err := embedding.NewOpenAI(answering(t, 200, `{"data":[{"index":0,"embedding":[3,-4]}]}`))
	require.NoError(t, err)
	vectors, err := o.Embed(context.Background(), "words")
	require.NoError(t, err)
	require.InDeltaSlice(t, []float32{0.6, -0.8}, vectors[0], 1e-7)
}

func TestShorteningIsAskedForOnlyWhenConfigured(t *testing.T) {
	for _, shorten := range []bool{false, true} {
		var body string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			read, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("read request: %v", err)
			}
			body = string(read)
			w.WriteHeader(http.StatusTeapot)
		}))
		o, err := embedding.NewOpenAI(embedding.OpenAIOptions{BaseURL: server.URL, Model: "m", Dimensions: 256, Shorten: shorten})
		require.NoError(t, err)
		_, err = o.Embed(context.Background(), "words")
		require.ErrorContains(t, err, "418")
		server.Close()
		if shorten {
			require.Contains(t, body, `"dimensions":256`)
		} else {
			require.NotContains(t, body, "dimensions")
		}
	}
}

func TestEveryProblemWithTheOptionsIsNamedAtOnce(t *testing.T) {
	_, err := embedding.NewOpenAI(embedding.OpenAIOptions{BaseURL: "localhost:11434/v1", Timeout: -1})
	for _, want := range []string{"base url", "model", "dimensions", "timeout"} {
		require.ErrorContains(t, err, want)
	}
}
