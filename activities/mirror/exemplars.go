package mirror

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"meai/internal/embedding"
)

// nearest is how many of an emotion's statements count: a text is like an emotion
// when it is like some of them, not all.
const nearest = 3

// exemplars are the embedded statements of the vocabulary.
type exemplars struct {
	embedder   embedding.Embedder
	vocabulary []*emotion

	mu      sync.Mutex
	vectors [][][]float32 // by emotion, by statement; nil until embedded
}

func newExemplars(e embedding.Embedder, vocabulary []*emotion) *exemplars {
	return &exemplars{embedder: e, vocabulary: vocabulary}
}

// similarity returns for each emotion the mean cosine of the text with the
// emotion's nearest statements, in [-1, 1].
func (x *exemplars) similarity(ctx context.Context, text string) ([]float64, error) {
	vectors, err := x.load(ctx)
	if err != nil {
		return nil, err
	}
	embedded, err := x.embedder.Embed(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("embed the text: %w", err)
	}
	similar := make([]float64, len(vectors))
	for i, statements := range vectors {
		similar[i] = meanOfNearest(embedded[0], statements)
	}
	return similar, nil
}

func meanOfNearest(v []float32, statements [][]float32) float64 {
	cosines := make([]float64, len(statements))
	for i, s := range statements {
		cosines[i] = embedding.Cosine(v, s)
	}
	slices.SortFunc(cosines, func(a, b float64) int { return compare(b, a) })
	sum := 0.0
	for _, c := range cosines[:nearest] {
		sum += c
	}
	return sum / nearest
}

// load embeds the statements once. A provider that is down is asked again at the
// next text.
func (x *exemplars) load(ctx context.Context) ([][][]float32, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.vectors != nil {
		return x.vectors, nil
	}
	var all []string
	for _, e := range x.vocabulary {
		all = append(all, e.Statements...)
	}
	embedded, err := x.embedder.Embed(ctx, all...)
	if err != nil {
		return nil, fmt.Errorf("embed the exemplars: %w", err)
	}
	vectors := make([][][]float32, len(x.vocabulary))
	for i, e := range x.vocabulary {
		vectors[i], embedded = embedded[:len(e.Statements)], embedded[len(e.Statements):]
	}
	x.vectors = vectors
	return vectors, nil
}

// Warm embeds the exemplars ahead of the first text.
func (a *Analyzer) Warm(ctx context.Context) error {
	_, err := a.exemplars.load(ctx)
	return err
}
