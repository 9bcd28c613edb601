package finetune

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkStep is one step of training: 32 texts of 24 tokens.
func BenchmarkStep(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	labels := 80
	o := Options{Labels: make([]string, labels), Weights: make([]float32, labels), Rate: 1e-4, TokenRate: 1e-4, HeadRate: 1e-4}
	m := newModel(load(b), o)
	drop := &dropout{random: r, inner: 0.1, top: 0.2, words: 0.05}
	batch := make([]lesson, 32)
	for i := range batch {
		batch[i] = lesson{make([]int32, 24), make([]float32, labels)}
		for j := range batch[i].tokens {
			batch[i].tokens[j] = int32(r.IntN(8000))
		}
	}
	params := m.params()
	for b.Loop() {
		m.step(batch, drop)
		clip(params)
		adam(params, 0, 1, 0.01)
	}
}
