// Package embedding turns text into vectors.
//
// Two implementations stand behind [Embedder]: the built-in Universal Sentence
// Encoder lite, which needs no network, and any OpenAI-compatible endpoint.
package embedding

import (
	"context"
	"errors"
)

// ErrWithheld says that the texts may not be given to the provider. Asking again does not
// help: who can goes on without, as while the provider is away, and waits for nothing.
var ErrWithheld = errors.New("embedding: the texts may not be given to the provider")

// Embedder turns texts into vectors of unit length.
type Embedder interface {
	// Embed returns one L2-normalised vector of [Embedder.Dimensions] values per
	// text, in the order given. It is safe for concurrent use. Only a remote
	// provider, [ErrWithheld] or an ended context make it fail: callers degrade, they do not
	// fail. Errors never hold the texts.
	Embed(ctx context.Context, texts ...string) ([][]float32, error)
	// Model names the model and its version; it is stored with every vector,
	// since vectors of different models cannot be compared.
	Model() string
	// Dimensions is the length of each vector.
	Dimensions() int
}

// Cosine is the cosine similarity of two unit vectors, in [-1, 1].
func Cosine(a, b []float32) float64 {
	var sum float32
	for i := range a {
		sum += a[i] * b[i]
	}
	return float64(sum)
}
