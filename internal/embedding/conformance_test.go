package embedding_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding"
	"meai/internal/embedding/embeddingtest"
)

func builtin(t testing.TB) *embedding.Builtin {
	b, err := embedding.NewBuiltin()
	require.NoError(t, err)
	return b
}

func remote(t *testing.T, batch int) *embedding.OpenAI {
	server := httptest.NewServer(embeddingtest.Provider(t, builtin(t)))
	t.Cleanup(server.Close)
	o, err := embedding.NewOpenAI(embedding.OpenAIOptions{
		BaseURL: server.URL + "/v1", APIKey: "key", Model: "served", Dimensions: 512, Batch: batch,
	})
	require.NoError(t, err)
	return o
}

// TestEveryEmbedderKeepsTheContract runs one suite against every implementation.
func TestEveryEmbedderKeepsTheContract(t *testing.T) {
	implementations := map[string]embedding.Embedder{
		"builtin":            builtin(t),
		"openai":             remote(t, 0),
		"openai, in batches": remote(t, 2),
		"cached builtin":     embedding.Cached(builtin(t), 100),
		"cached openai":      embedding.Cached(remote(t, 0), 2),
	}
	for name, e := range implementations {
		t.Run(name, func(t *testing.T) { conform(t, e) })
	}
}

func conform(t *testing.T, e embedding.Embedder) {
	ctx := context.Background()
	texts := []string{
		"I had a lovely day with my daughter.",
		"My girl and I had such a good time today.",
		"The invoice is due on Friday.",
		"two\nlines",
		"I had a lovely day with my daughter.",
		strings.Repeat("We talked about the house and the garden and all that was left to do. ", 10),
	}
	require.NotEmpty(t, e.Model())
	vectors, err := e.Embed(ctx, texts...)
	require.NoError(t, err)
	require.Len(t, vectors, len(texts))
	for i, v := range vectors {
		require.Len(t, v, e.Dimensions())
		require.InDelta(t, 1, embedding.Cosine(v, v), 1e-4, "length of vector %d", i)
	}
	require.Equal(t, vectors[0], vectors[4], "the same text has the same vector")
	require.Greater(t, embedding.Cosine(vectors[0], vectors[1]), embedding.Cosine(vectors[0], vectors[2])+0.2, "meaning counts")

	alone, err := e.Embed(ctx, texts[2])
	require.NoError(t, err)
	require.InDeltaSlice(t, vectors[2], alone[0], 1e-6, "texts do not influence each other, and order is kept")

	vectors[0][0] += 5
	again, err := e.Embed(ctx, texts[0])
	require.NoError(t, err)
	require.InDelta(t, 1, embedding.Cosine(again[0], again[0]), 1e-4, "callers own their vectors")

	none, err := e.Embed(ctx)
	require.NoError(t, err)
	require.Empty(t, none)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = e.Embed(ended, "a text that was never embedded before")
	require.ErrorIs(t, err, context.Canceled)
}
