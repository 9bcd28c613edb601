// Package embeddingtest serves embeddings to tests as a provider would.
package embeddingtest

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"meai/internal/embedding"
)

// Provider speaks OpenAI's wire format and answers with the vectors of an
// embedder, last text first, as the format allows. It serves the model "served"
// to who brings the API key "key".
func Provider(t testing.TB, e embedding.Embedder) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/embeddings", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Input          []string `json:"input"`
			Model          string   `json:"model"`
			EncodingFormat string   `json:"encoding_format"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.Model != "served" || request.EncodingFormat != "float" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		if r.Header.Get("Authorization") != "Bearer key" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		vectors, err := e.Embed(r.Context(), request.Input...)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		write(t, w, vectors)
	})
	return mux
}

func write(t testing.TB, w http.ResponseWriter, vectors [][]float32) {
	data := make([]map[string]any, 0, len(vectors))
	for i := len(vectors) - 1; i >= 0; i-- {
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": vectors[i]})
	}
	w.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(w).Encode(map[string]any{
		"object": "list", "model": "served", "data": data, "usage": map[string]int{"prompt_tokens": 1, "total_tokens": 1},
	})
	assert.NoError(t, err, "answer as provider")
}
