package embedding

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/maypok86/otter/v2"
)

// Cached remembers the vectors of the last texts, at most entries of them, and
// lets concurrent calls for the same text share one computation: Mirror and
// Memory embed the same words at the same moment. Entries are keyed by a hash,
// so that no text is kept. With entries below one it returns e itself.
func Cached(e Embedder, entries int) Embedder {
	if entries < 1 {
		return e
	}
	return &cached{
		Embedder: e,
		vectors:  otter.Must(&otter.Options[textKey, []float32]{MaximumSize: entries}),
	}
}

type textKey [sha256.Size]byte

type cached struct {
	Embedder
	vectors *otter.Cache[textKey, []float32]
}

// Embed implements [Embedder]. The vectors are the caller's own copies.
func (c *cached) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	keys := make([]textKey, len(texts))
	byKey := make(map[textKey]string, len(texts))
	for i, text := range texts {
		keys[i] = sha256.Sum256([]byte(text))
		byKey[keys[i]] = text
	}
	found, err := c.vectors.BulkGet(ctx, keys, otter.BulkLoaderFunc[textKey, []float32](
		func(ctx context.Context, missing []textKey) (map[textKey][]float32, error) {
			return c.load(ctx, missing, byKey)
		}))
	if err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(keys))
	for i, key := range keys {
		vector, ok := found[key]
		if !ok { // the shared computation of another caller ended without a result
			return nil, fmt.Errorf("embedding: no vector for text %d of %d", i+1, len(keys))
		}
		vectors[i] = slices.Clone(vector)
	}
	return vectors, nil
}

func (c *cached) load(ctx context.Context, missing []textKey, byKey map[textKey]string) (map[textKey][]float32, error) {
	texts := make([]string, len(missing))
	for i, key := range missing {
		texts[i] = byKey[key]
	}
	vectors, err := c.Embedder.Embed(ctx, texts...)
	if err != nil {
		return nil, err
	}
	loaded := make(map[textKey][]float32, len(missing))
	for i, key := range missing {
		loaded[key] = vectors[i]
	}
	return loaded, nil
}
